"""Passes over a stream: what ``async for`` holds, and lets go. They read nothing themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from llmgate._stream import Stream
    from llmgate.types import Chunk

__all__ = ["ChunkIterator", "StreamIterator", "text_of"]

Item = TypeVar("Item")


class StreamIterator(Generic[Item]):
    """One pass over a stream. When it is let go before the end, the stream is closed.

    ``async for`` holds the only reference to it, so that ``break`` and an exception close at once.
    """

    __slots__ = ("_convert", "_stream")

    def __init__(self, stream: Stream, convert: Callable[[Chunk], Item | None]) -> None:
        self._stream = stream
        self._convert = convert

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while (item := self._convert(await self._stream.__anext__())) is None:
            pass
        return item

    def __del__(self) -> None:
        self._stream.drop()


class ChunkIterator(StreamIterator["Chunk"]):
    """A pass over all chunks, which costs little for those that are there already."""

    __slots__ = ()

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream, lambda chunk: chunk)

    async def __anext__(self) -> Chunk:
        for chunk in self._stream._run:  # pyright: ignore[reportPrivateUsage] # a part of it
            return chunk
        return await self._stream.__anext__()


def text_of(chunk: Chunk) -> str | None:
    """What the first choice of a chunk says; None where that is nothing."""
    first = next((choice for choice in chunk.choices if choice.index == 0), None)
    return (first.delta.content or None) if first is not None else None
