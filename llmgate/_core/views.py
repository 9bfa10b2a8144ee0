"""A view of a provider whose completions and chunks are changed by given functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from llmgate.types import Chunk, Completion

if TYPE_CHECKING:
    from llmgate.provider import Decoder, Provider
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.framing import Frame, Framer
    from llmgate.provider.http import Flow

__all__ = ["MappedDecoder", "provider_view"]


def provider_view(
    provider: Provider,
    change: Callable[[Completion], Completion],
    decode: Callable[[Decoder[Chunk]], Decoder[Chunk]],
) -> Provider:
    """A view of the provider with changed completions and wrapped decoders."""
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


class MappedDecoder:
    """A provider's decoder, each of whose chunks is changed."""

    def __init__(self, decoder: Decoder[Chunk], change: Callable[[Chunk], Chunk]) -> None:
        self._decoder, self._change = decoder, change

    @property
    def framer(self) -> Framer:
        """The provider's framer."""
        return self._decoder.framer

    @property
    def finished(self) -> bool:
        """Whether the provider's terminator has come."""
        return self._decoder.finished

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The provider's chunks, changed."""
        return map(self._change, self._decoder.feed(frame))

    def close(self) -> Iterable[Chunk]:
        """The provider's last chunks, changed."""
        return map(self._change, self._decoder.close())
