"""Iterators over the chunks and over the text of a stream; they close nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self

from llmgate._text.hints import AsyncOnly

if TYPE_CHECKING:
    from llmgate._core.stream import Stream
    from llmgate.types import Chunk

__all__ = ["ChunkIterator", "TextIterator", "text_of"]


class ChunkIterator(AsyncOnly):
    """The chunks of a stream, from where it was left; it keeps the stream open.

    It has at hand what each chunk needs: a stream explains the attributes that it lacks, which
    makes those that it has slow to read.
    """

    __slots__ = ("_pull", "_ready", "_stream")

    def __init__(
        self, stream: Stream, ready: deque[Chunk], pull: Callable[[], Awaitable[bool]]
    ) -> None:
        self._stream, self._ready, self._pull = stream, ready, pull

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        while not self._ready:
            if not await self._pull():
                raise StopAsyncIteration
        return self._ready.popleft()


class TextIterator(AsyncOnly):
    """The text of a stream's first choice, from where the stream was left."""

    __slots__ = ("_chunks",)

    def __init__(self, stream: Stream) -> None:
        self._chunks = aiter(stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not (text := text_of(await self._chunks.__anext__())):
            pass
        return text


def text_of(chunk: Chunk) -> str:
    """The text that a chunk adds to the first choice; empty where it adds none."""
    first = next((choice for choice in chunk.choices if choice.index == 0), None)
    return (first.delta.content or "") if first is not None else ""
