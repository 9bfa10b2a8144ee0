"""Streams that end too early, in no order or not at all, and what is left of the answer then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from llmgate import Timeout
from llmgate.errors import DeadlineExceededError, StreamTruncatedError
from tests.faults.dialect import PIECES, TEXT, Dialect
from tests.faults.peer import Peer, Step
from tests.faults.server import LAST, STREAM_HEAD, close, event, framed, hang, head, reset, then
from tests.faults.several import several
from tests.faults.table import TERMINATED, Case, Outcome, Scene, Steps, answers, raises

__all__ = ["CASES"]

End = Callable[[Peer], Awaitable[None]]


# --- where and how a stream is cut --------------------------------------------------------


def _nothing(_: Dialect) -> bytes:
    return b""


def _opening(dialect: Dialect) -> bytes:
    return b"".join(dialect.opening)


def _one_piece(dialect: Dialect) -> bytes:
    return b"".join((*dialect.opening, dialect.piece(PIECES[0])))


def _one_and_a_half(dialect: Dialect) -> bytes:
    """Cut within the second piece, before its text."""
    second = dialect.piece(PIECES[1])
    return _one_piece(dialect) + second[: second.index(b":") + 2]


def _without_blank_line(dialect: Dialect) -> bytes:
    """Cut right before the line end that ends the last piece."""
    return b"".join(dialect.begun)[:-1]


def _without_line_end(dialect: Dialect) -> bytes:
    return b"".join(dialect.begun)[:-2]


def _all_pieces(dialect: Dialect) -> bytes:
    return b"".join(dialect.begun)


def _half_of_the_mark(dialect: Dialect) -> bytes:
    """Cut within the event that ends the stream, or that says why it ends."""
    last = dialect.finish or dialect.marker
    return b"".join(dialect.begun) + last[: len(last) // 2]


_PLACES: tuple[tuple[str, Callable[[Dialect], bytes], str], ...] = (
    ("before anything", _nothing, ""),
    ("after the opening", _opening, ""),
    ("between pieces", _one_piece, PIECES[0]),
    ("inside an event", _one_and_a_half, PIECES[0]),
    ("before the last blank line", _without_blank_line, TEXT),
    ("before the last line end", _without_line_end, TEXT),
    ("after the last piece", _all_pieces, TEXT),
    ("inside the last event", _half_of_the_mark, TEXT),
)


def _whole(body: bytes) -> list[Step]:
    """The body's own end is in order."""
    return [STREAM_HEAD + framed(body) + LAST if body else STREAM_HEAD + LAST]


def _left_open(body: bytes, last: End) -> list[Step]:
    """The body's end does not come; something else does, after what was sent has arrived."""
    parts = [framed(body)] if body else []
    return [then(STREAM_HEAD, *parts, b"", pause=0.02, last=last)]


def _within_a_chunk(body: bytes) -> list[Step]:
    """The connection ends within a piece of the transfer coding."""
    return [then(STREAM_HEAD + b"%x\r\n" % (len(body) + 100) + body, last=close)]


def _within_the_coding(body: bytes) -> list[Step]:
    """The connection ends within the size of the next piece."""
    start = framed(body) if body else b""
    return [then(STREAM_HEAD + start + b"1", last=close)]


def _short(body: bytes) -> list[Step]:
    """Less comes than the content length says."""
    start = head(content_type="text/event-stream", content_length=str(len(body) + 100))
    return [then(start + body, last=close)]


def _closed(body: bytes) -> list[Step]:
    """The body has no length, and so its end cannot be told from a cut."""
    start = head(content_type="text/event-stream", connection="close")
    return [then(start + body, last=close)]


def _garbled(body: bytes) -> list[Step]:
    """What follows is no transfer coding."""
    start = framed(body) if body else b""
    return [then(STREAM_HEAD + start, b"zz\r\nnonsense", pause=0.02, last=hang)]


_ENDS: tuple[tuple[str, Callable[[bytes], list[Step]]], ...] = (
    ("in order", _whole),
    ("by FIN", lambda body: _left_open(body, close)),
    ("by a reset", lambda body: _left_open(body, reset)),
    ("within a chunk", _within_a_chunk),
    ("within the transfer coding", _within_the_coding),
    ("short of its content length", _short),
    ("with the connection", _closed),
    ("with nonsense for a chunk", _garbled),
)


def _in_every_way(body: Callable[[Dialect], bytes]) -> dict[str, Steps]:
    """This much of a stream, with each kind of end."""
    return {how: _ended(body, steps) for how, steps in _ENDS}


def _ended(body: Callable[[Dialect], bytes], steps: Callable[[bytes], list[Step]]) -> Steps:
    return lambda dialect: steps(body(dialect))


def _finished(dialect: Dialect) -> bytes:
    """All but the terminator, where the finish reason is an event of its own."""
    return b"".join((*dialect.begun, dialect.finish))


# --- why it ended ------------------------------------------------------------------------


def _unreasoned(dialect: Dialect) -> list[bytes]:
    """A stream with its terminator, in which nobody says why the answer ended."""
    if dialect.name == "cohere":
        mark = b"event: message-end\n" + event({"type": "message-end", "delta": {}})
    else:
        mark = dialect.marker
    return [*dialect.begun, mark]


def _no_reason(outcome: Outcome) -> None:
    answers()(outcome)
    assert outcome.answer is not None
    assert None is outcome.answer.choices[0].finish_reason


def _odd_reason(dialect: Dialect) -> list[bytes]:
    finish = (dialect.finish or dialect.marker).replace(b'"stop"', b'"tired"')
    finish = finish.replace(b'"end_turn"', b'"tired"').replace(b'"STOP"', b'"tired"')
    finish = finish.replace(b"data: {}", b'data: {"reason":1}')
    mark = dialect.marker if dialect.finish else b""
    mark = mark.replace(b'"COMPLETE"', b'"tired"')
    return [each for each in (*dialect.begun, finish, mark) if each]


def _other_reason(outcome: Outcome) -> None:
    assert TEXT == outcome.text, outcome.error
    assert outcome.answer is not None
    choice = outcome.answer.choices[0]
    assert "other" == choice.finish_reason
    assert choice.native_finish_reason in ("tired", "1")


# --- after the end ------------------------------------------------------------------------

LIE = " and a lie"


def _after(what: bytes) -> Callable[[Dialect], list[Step]]:
    """The whole stream, and in the same breath something after it; then nothing more."""
    return lambda d: [then(STREAM_HEAD + framed(b"".join(d.events) + what), last=hang)]


async def _flood(peer: Peer) -> None:
    """Go on writing until nobody listens."""
    more = framed(event("more" * 1000))
    while not peer.gone.is_set():
        await peer.send(more)
        await asyncio.sleep(0.001)


_AFTER: dict[str, Steps] = {
    "a comment": _after(b": bye\n\n"),
    "broken JSON": _after(event("{broken")),
    "broken UTF-8": _after(b"data: \xff\xfe\n\n"),
    "an error": _after(event({"error": {"message": LIE}})),
    "an event named error": _after(b"event: error\ndata: no\n\n"),
    "nonsense": _after(b"\x00\xff" * 10_000),
    "a large event": _after(event("x" * 1_000_000)),
    "another terminator": _after(event("[DONE]") * 2),
    "text": lambda d: _after(d.piece(LIE))(d),
    "another answer": lambda d: _after(b"".join((*d.opening, d.piece(LIE), d.finish, d.marker)))(d),
}


def _whole_answer(dialect: Dialect) -> bytes:
    return b"".join(dialect.events)


CASES: tuple[Case | Scene, ...] = (
    Case(
        "no terminatorer",
        raises(StreamTruncatedError, partial=TEXT),
        stream=lambda d: [d.streamed(*d.begun)],
    ),
    *(
        several(
            f"cut {where}, in {len(_ENDS)} ways",
            raises(StreamTruncatedError, partial=text),
            _in_every_way(body),
        )
        for where, body, text in _PLACES
    ),
    several(
        f"cut after the finish reason, in {len(_ENDS)} ways",
        answers(),
        _in_every_way(_finished),
        providers=("openai", "azure", "anthropic"),  # elsewhere it is the terminator itself
    ),
    several(
        f"cut after the terminator, in {len(_ENDS)} ways", answers(), _in_every_way(_whole_answer)
    ),
    Case(
        "the terminator without its blank line",
        answers(),
        stream=lambda d: _whole(b"".join(d.events).rstrip(b"\n")),
    ),
    Case(
        "the terminator with one line end",
        answers(),
        stream=lambda d: _closed(b"".join(d.events).rstrip(b"\n") + b"\n"),
    ),
    Case(
        "silence in the middle",
        raises(DeadlineExceededError, phase="idle"),
        stream=lambda d: _left_open(_one_piece(d), hang),
        options={"timeout": Timeout(total=5, connect=1, idle=0.2)},
        within=1.0,
    ),
    Case(
        "the connection stays open after the terminator",
        answers(),
        stream=_after(b""),
        within=1.0,
        providers=TERMINATED,
    ),
    several(
        "something comes after the terminator",
        answers(),
        _AFTER,
        within=1.0,
        providers=TERMINATED,
    ),
    Case(
        "after the terminator comes no end of events",
        answers(),
        stream=lambda d: [then(STREAM_HEAD + framed(_whole_answer(d)), last=_flood)],
        within=1.0,
        providers=TERMINATED,
    ),
    Case(
        "after the terminator comes a reset",
        answers(),
        stream=lambda d: [
            then(STREAM_HEAD + framed(_whole_answer(d)), b"", pause=0.02, last=reset)
        ],
        within=1.0,
    ),
    Case(
        "no finish reason is invented",
        _no_reason,
        stream=lambda d: [d.streamed(*_unreasoned(d))],
        providers=("openai", "azure", "anthropic", "cohere"),  # Replicate's end is its reason
    ),
    Case(
        "a finish reason that nobody knows",
        _other_reason,
        stream=lambda d: [d.streamed(*_odd_reason(d))],
    ),
)
