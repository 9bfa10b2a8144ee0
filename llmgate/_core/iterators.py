"""The text of a stream, piece by piece. It reads through the stream, and closes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from llmgate._text.hints import AsyncOnly

if TYPE_CHECKING:
    from llmgate._core.stream import Stream
    from llmgate.types import Chunk

__all__ = ["TextIterator", "text_of"]


class TextIterator(AsyncOnly):
    """The text of a stream's first choice, from where the stream was left."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not (text := text_of(await self._stream.__anext__())):
            pass
        return text


def text_of(chunk: Chunk) -> str:
    """The text that a chunk adds to the first choice; empty where it adds none."""
    first = next((choice for choice in chunk.choices if choice.index == 0), None)
    return (first.delta.content or "") if first is not None else ""
