"""llama.cpp's streams into chunks and completions: OpenAI's, but for usage and progress. No I/O.

It stops at the end of a connection only where it streams, so that a completion is streamed by it as
well, and put together here. It sends the usage of each choice when that choice ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame, Framer
from llmgate.provider.http import HttpResponse
from llmgate.types import Chunk, Completion, TextChunks
from llmgate_openai import ChatDecoder

__all__ = ["StreamDecoder", "completion_of"]


class StreamDecoder:
    """Reads one stream of llama.cpp's.

    Args:
        call_id: What missing ids of tool calls are made from.
        choices: How many there will be.
        with_progress: Whether chunks that tell how much of the prompt was read are wanted.
    """

    def __init__(self, call_id: str, *, choices: int, with_progress: bool) -> None:
        self._chat = ChatDecoder(call_id, choices=choices)
        self._with_progress = with_progress
        self._usage: Chunk | None = None

    @property
    def framer(self) -> Framer:
        """What cuts the bytes into frames."""
        return self._chat.framer

    @property
    def finished(self) -> bool:
        """Whether the terminator has come."""
        return self._chat.finished

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks that this frame stands for; with the last one, the usage of all choices."""
        chunks = self._chat.feed(frame)
        return chunks if isinstance(chunks, TextChunks) else list(self._wanted(chunks))

    def close(self) -> Iterable[Chunk]:
        """The chunks that the end of the bytes completes."""
        return list(self._wanted(self._chat.close()))

    def _wanted(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            if chunk.usage is not None and not chunk.choices:
                self._add_usage(chunk)
            elif self._with_progress or "prompt_progress" not in chunk.extra:
                yield chunk
        if self._chat.finished and self._usage is not None:
            yield self._usage
            self._usage = None

    def _add_usage(self, chunk: Chunk) -> None:
        """Add a choice's usage: its own tokens, and the prompt's, which was read once for all."""
        usage = chunk.usage
        before = self._usage.usage if self._usage is not None else None
        if before is not None and usage is not None:
            generated = before.completion_tokens + usage.completion_tokens
            total = before.prompt_tokens + generated
            usage = replace(before, completion_tokens=generated, total_tokens=total)
        self._usage = replace(chunk, usage=usage)


def completion_of(reply: HttpResponse, decoder: StreamDecoder) -> Completion:
    """The completion that the whole of a stream adds up to."""
    return accumulate(_chunks(reply.body, decoder))


def _chunks(body: bytes, decoder: StreamDecoder) -> Iterator[Chunk]:
    framer = decoder.framer
    for frames in (framer.feed(body), framer.close()):
        for frame in frames:  # each is to be decoded before the next is asked for
            yield from decoder.feed(frame)
    yield from decoder.close()
