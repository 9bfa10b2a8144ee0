"""What the fuzzers begin with: small inputs by hand, and the recordings beside the checkout.

The recordings are read where they are there, and none of them is kept in this repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

from llmgate.testing._samples import ERROR_BODIES, MALFORMED
from llmgate.testing.recordings import RecordedExchange, load_corpus
from tests.aws import event, message
from tests.fuzz.formats import REPLIES, STREAMS

__all__ = [
    "EMULATION",
    "EVENT_STREAMS",
    "LARGEST",
    "NDJSON",
    "RETRY_AFTER",
    "SSE",
    "errors",
    "replies",
    "streams",
]

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dev"
LARGEST = 12_000
"""The largest recording that is begun with; large ones make slow fuzzing and show nothing new."""

SSE: Sequence[bytes] = (
    b"",
    b"data: a\n\n",
    b"\xef\xbb\xbfdata: a\r\n\r\ndata:b\rdata: c\r\r",
    b": comment\nevent: x\nid: 1\nretry: 5\ndata\ndata:\n\nunknown: 1\n\n",
    b"event: \xff\ndata: \xff\n\ndata: last",
)
NDJSON: Sequence[bytes] = (b"", b'{"a":1}\n', b'1\r\n\n \n{"b":"\xc3\xa9"}\n[2]')
EVENT_STREAMS: Sequence[bytes] = (
    b"",
    message({}, b""),
    event("messageStart", b'{"role":"assistant"}') + event("messageStop", b"{}") * 2,
    event("throttlingException", b'{"message":"Too many tokens"}', "exception"),
    message({"a": True, "b": 1, "c": 300, "d": 70_000, "e": 2**40, "f": b"x", "g": "y"}, b"z"),
    message({"at": datetime(2026, 1, 1, tzinfo=UTC), "id": UUID(int=1)}, b"") + b"\0" * 20,
    b'{"message": "no stream"}',
)
RETRY_AFTER: Sequence[bytes] = tuple(
    b"\x4e\x20" + text
    for text in (
        *(b"", b"1", b"0.5", b"-1", b"nan", b"inf", b"1e308", b"1e400", b"86400", b"9" * 20),
        *(b"\n1500", b"3\n0", b"0x10", b"1_000", b" 7 ", b"\xb2"),
        b"Wed, 21 Oct 2026 07:28:00 GMT",
        b"Wednesday, 21-Oct-26 07:28:00 GMT",
        b"Wed Oct 21 07:28:00 2026",
        b"Fri, 31 Dec 99999 23:59:59 GMT",
        b"Wed, 21 Oct 2026 07:28:00 +9999",
        b"Wed, 0 Foo 0000 99:99:99 -0000",
    )
)
_CALL = b'{"name": "f", "arguments": {"a": 1}}'
EMULATION: Sequence[bytes] = (
    *(b"", b"Hello", _CALL, b"[" + _CALL + b", " + _CALL + b"]", b"```json\n" + _CALL + b"\n```"),
    b"Well: <tool_call>" + _CALL + b"</tool_call> and <tool_call>" + _CALL + b"</tool_call>",
    b"<tool_call>" + _CALL,
    b"<tool_call>```\n" + _CALL + b"\n```</tool_call>",
    b'{"arguments": "{\\"a\\": 1}", "name": "g"}  \n',
    b'{"name": "h", "arguments": {}}',
    b"a < b <tool <tool_call",
    b" \n\n  <tool_call>{}</tool_call>",
)


def replies(name: str, folders: Iterable[str]) -> Iterable[bytes]:
    """Whole replies in a vendor's format, and what is none."""
    yield from REPLIES[name]
    yield from MALFORMED.values()
    yield from (
        exchange.replies[-1].body
        for exchange in _recorded(tuple(folders))
        if not exchange.is_stream and not exchange.is_refusal
    )


def streams(name: str, folders: Iterable[str]) -> Iterable[bytes]:
    """Streams in a vendor's format, and what is none."""
    yield STREAMS[name]
    short = [body for body in MALFORMED.values() if len(body) < LARGEST]
    yield from (body if name == "ollama" else b"data: " + body + b"\n\n" for body in short)
    yield from (
        exchange.replies[-1].body
        for exchange in _recorded(tuple(folders))
        if exchange.is_stream and not exchange.is_refusal
    )


def errors(folders: Iterable[str]) -> Iterable[bytes]:
    """Bodies of errors, each after a byte that chooses the status."""
    bodies = [*ERROR_BODIES.values()]
    bodies += [e.replies[-1].body for e in _recorded(tuple(folders)) if e.is_refusal]
    yield from (bytes([number % 200]) + body for number, body in enumerate(bodies))


@cache
def _recorded(folders: tuple[str, ...]) -> list[RecordedExchange]:
    found = [each for name in folders for each in load_corpus(CORPUS / name, expect=None)]
    return [each for each in found if len(each.replies[-1].body) <= LARGEST]
