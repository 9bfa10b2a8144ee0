"""Server-sent events: line ends, splits, cut streams, errors inside them, floods."""

from __future__ import annotations

from llmgate.errors import StreamTruncatedError
from tests.faults.dialects import TEXT
from tests.faults.table import Case, answers, raises

__all__ = ["CASES"]

CASES = (
    Case("whole", answers(), stream=lambda d: [d.streamed()], unary=lambda d: [d.reply()]),
    Case(
        "no end marker",
        raises(StreamTruncatedError, partial=TEXT),
        stream=lambda d: [d.streamed(*d.begun)],
    ),
)
