"""llama.cpp's streams into chunks: OpenAI's, but for usage and progress. No I/O.

It sends the usage of each choice when that choice ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmgate.provider.framing import Frame
from llmgate.report import Report
from llmgate.types import Chunk
from llmgate_openai import ChatDecoder

__all__ = ["StreamDecoder"]


class StreamDecoder(ChatDecoder):
    """Reads one stream of llama.cpp's.

    Args:
        call_id: What missing ids of tool calls are made from.
        choices: How many there will be.
        with_progress: Whether chunks that say how much of the prompt was read are wanted.
        report: Where it is recorded what departs from the format; by default nowhere.
    """

    def __init__(
        self, call_id: str, *, choices: int, with_progress: bool, report: Report | None = None
    ) -> None:
        super().__init__(call_id, choices=choices, report=report)
        self._with_progress = with_progress
        self._usage: Chunk | None = None

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks that this frame stands for; with the last one, the usage of all choices."""
        return list(self._wanted(super().feed(frame)))

    def close(self) -> Iterable[Chunk]:
        """The chunks that the end of the bytes completes."""
        return list(self._wanted(super().close()))

    def _wanted(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            if chunk.usage is not None and not chunk.choices:
                self._add_usage(chunk)
            elif self._with_progress or "prompt_progress" not in chunk.extra:
                yield chunk
        if self.finished and self._usage is not None:
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
