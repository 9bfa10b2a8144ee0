"""What fuzzing has found and was mended since: the target's name, and the input, made small."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FOUND"]


def _deep(levels: int) -> bytes:
    """An answer with a value nested so deep, in which there is half a character."""
    nested = b"[" * levels + rb'"\ud83d"' + b"]" * levels
    return b'{"choices":[{"message":{"content":"Hi","x":%s}}]}' % nested


FOUND: Sequence[tuple[str, bytes]] = (
    ("reply-openai", _deep(300)),  # was read, and could not be written again
    ("reply-azure", _deep(300)),
    ("error-openai", b'\x02" "'),  # an error that said nothing
    ("error-azure", b'\x02{"error":{"message":" "}}'),
    ("retry-after", b"\x4e\x20, Oct 1 1:8 995_6995_604"),  # a year that is no C integer
    ("reply-anthropic", b'{"content":[],"stop_reason":"end_turn","created":[]}'),  # took our place
    ("reply-cohere", b'{"message":{"content":"Hi","audio":0,"refusal":"x"}}'),
)
