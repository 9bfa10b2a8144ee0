"""A view of a provider whose completions and chunks are changed by given functions.

A call makes its own views. What outlives it is kept by the provider itself: :func:`innermost`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from llmgate.types import Chunk, Completion

if TYPE_CHECKING:
    from llmgate.provider import Decoder, Provider
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.framing import Frame
    from llmgate.provider.http import Flow


class ProviderView:
    """A provider with changed completions and chunks; everything else is delegated to it."""

    def __init__(
        self,
        provider: Provider,
        change: Callable[[Completion], Completion],
        new_chunk_change: Callable[[], Callable[[Chunk], Chunk]],
    ) -> None:
        """``new_chunk_change`` makes the function that changes the chunks of one stream."""
        self.__wrapped__ = provider
        self._change, self._new_chunk_change = change, new_chunk_change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The provider's flow."""
        return self._change((yield from self.__wrapped__.complete(self.fitted(call))))

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """The provider's flow."""
        decoder = yield from self.__wrapped__.stream(self.fitted(call))
        return MappedDecoder(decoder, self._new_chunk_change())

    def fitted(self, call: ProviderCall) -> ProviderCall:
        """The call as it is passed to the provider."""
        return call


def innermost(provider: Provider) -> Provider:
    """The provider itself, of which this may be a view, or a view of views."""
    while isinstance(provider, ProviderView):
        provider = provider.__wrapped__
    return provider


class MappedDecoder:
    """A provider's decoder, each of whose chunks is changed."""

    def __init__(self, decoder: Decoder[Chunk], change: Callable[[Chunk], Chunk]) -> None:
        self._decoder, self._change = decoder, change
        self.framer = decoder.framer

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
