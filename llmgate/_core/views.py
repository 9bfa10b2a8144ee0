"""A provider seen with its completions changed; what changes them is given, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from llmgate.types import Chunk, Completion

if TYPE_CHECKING:
    from llmgate.provider import Decoder, Provider
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.http import Flow

__all__ = ["provider_view"]


def provider_view(
    provider: Provider,
    change: Callable[[Completion], Completion],
    decode: Callable[[Decoder[Chunk]], Decoder[Chunk]],
) -> Provider:
    """The provider, whose completions are changed and whose decoders are wrapped."""
    return cast("Provider", _View(provider, change, decode))


class _View:
    def __init__(
        self,
        provider: Provider,
        change: Callable[[Completion], Completion],
        decode: Callable[[Decoder[Chunk]], Decoder[Chunk]],
    ) -> None:
        self.__wrapped__ = provider
        self._change, self._decode = change, decode

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The provider's flow."""
        return self._change((yield from self.__wrapped__.complete(call)))

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """The provider's flow."""
        return self._decode((yield from self.__wrapped__.stream(call)))
