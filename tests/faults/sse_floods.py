"""Streams that are large, or long and empty, and what is read and kept of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from llmgate import Timeout
from llmgate.errors import (
    DeadlineExceededError,
    ResponseTooLargeError,
)
from llmgate.provider.framing import MAX_FRAME
from tests.faults.dialect import Dialect
from tests.faults.memory import Reader
from tests.faults.peer import Step
from tests.faults.server import STREAM_HEAD, framed, trickle
from tests.faults.table import Case, Outcome, Player, Scene, answers, raises

__all__ = ["CASES"]

MB = 1_000_000
_RIGHT = 10 * MB
"""The size of an event that is accepted."""
_ONCE = ((False, True), (True, True))


def _at_once(*parts: Callable[[Dialect], bytes]) -> Callable[[Dialect], list[Step]]:
    return lambda d: [d.streamed(*(part for each in parts if (part := each(d))))]


def _begun(dialect: Dialect) -> bytes:
    return b"".join(dialect.begun)


def _ended(dialect: Dialect) -> bytes:
    return dialect.finish + dialect.marker


def _flood(what: bytes, times: int) -> Callable[[Dialect], list[Step]]:
    """Very many of the same among the events of a whole stream."""
    return _at_once(lambda d: what * times, _begun, lambda d: what * times, _ended)


_FLOODS: tuple[tuple[str, bytes], ...] = (
    ("comments", b": keep-alive\n\n"),
    ("empty comments without a blank line", b":\n"),
    ("blank lines", b"\n"),
    ("events without data", b"event: ping\n\n"),
    ("events with empty data", b"data:\n\n"),
    ("ids", b"id: 1\n\n"),
    ("unknown fields", b"x: y\n\n"),
)


def _large(size: int) -> Callable[[Dialect], list[Step]]:
    """A piece of this many characters, in one event."""
    return _at_once(lambda d: b"".join(d.opening), lambda d: d.piece("x" * size), _ended)


def _is_large(outcome: Outcome) -> None:
    assert outcome.error is None, outcome.error
    assert "x" * _RIGHT == outcome.text


def _many(count: int) -> Callable[[Dialect], list[Step]]:
    """Very many small pieces, at full speed."""
    return _at_once(lambda d: b"".join(d.opening), lambda d: d.piece("x") * count, _ended)


def _is_many(outcome: Outcome) -> None:
    answers("x" * 5000)(outcome)
    assert 5000 <= len(outcome.chunks)


def _endless(piece: bytes, before: Callable[[Dialect], bytes] = lambda d: b"") -> Any:
    """The same without end, as fast as it is read."""

    def pieces() -> Iterator[bytes]:
        while True:
            yield framed(piece)

    def steps(dialect: Dialect) -> list[Step]:
        begun = before(dialect)
        return [
            trickle(STREAM_HEAD + (framed(begun) if begun else b""), pieces=pieces(), pause=0.001)
        ]

    return steps


_SHORT = {"timeout": Timeout(total=0.3, connect=None, idle=None)}
_LARGE_LINES: tuple[tuple[str, bytes], ...] = (
    ("a line of data", b"data: "),
    ("a comment", b":"),
    ("a name of an event", b"event: "),
    ("an id", b"id: "),
    ("a line that is no field", b""),
)


def _without_end(start: bytes) -> Callable[[Dialect], list[Step]]:
    """One line of more than the limit, whose end never comes."""
    return lambda d: [
        trickle(
            STREAM_HEAD + framed(start or b"x"),
            pieces=[framed(b"x" * MB)] * (MAX_FRAME // MB + 2),
        )
    ]


def _refused(outcome: Outcome) -> None:
    raises(ResponseTooLargeError)(outcome)
    assert str(MAX_FRAME) in str(outcome.error)


async def _little_is_kept(player: Player) -> None:
    """Of a flood nothing stays in memory, whether it holds events or not."""
    reader, dialect = Reader(player.dialect), player.dialect
    await reader.outcome(*dialect.events)
    tracemalloc.start()
    try:
        large = b": " + b"x" * 60_000 + b"\n\ndata:\n\nid: " + b"7" * 60_000 + b"\n\n"
        await reader.outcome(*[large] * 400, *dialect.events)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MB, f"{peak / MB:.1f} MB of {len(large) * 400 / MB:.1f} MB"


CASES: tuple[Case | Scene, ...] = (
    *(Case(f"a flood of {name}", answers(), stream=_flood(w, 20_000)) for name, w in _FLOODS),
    Case("a flood of pieces", _is_many, stream=_many(5000)),
    Case("an event of 10 MB", _is_large, stream=_large(_RIGHT)),
    Case("an event beyond the limit", _refused, stream=_large(MAX_FRAME)),
    *(
        Case(f"{name} that never ends", _refused, stream=_without_end(start))
        for name, start in _LARGE_LINES
    ),
    *(
        Case(
            f"{name} without end",
            raises(DeadlineExceededError, phase="total"),
            stream=_endless(what * 100),
            options=_SHORT,
            within=1.0,
        )
        for name, what in (("comments", b": hi\n\n"), ("events without data", b"event: x\n\n"))
    ),
    Case(
        "pieces without end",
        raises(DeadlineExceededError, phase="total"),
        stream=lambda d: _endless(d.piece("x") * 10, lambda e: b"".join(e.opening))(d),
        options=_SHORT,
        within=1.0,
    ),
    Scene("a flood is not kept", _little_is_kept, ways=((False, True),)),
)
