"""The parts of a time limit (first_token, idle, connect), and the retries that are within it."""

from __future__ import annotations

from typing import Any

from llmgate import RetryPolicy
from llmgate.errors import (
    DeadlineExceededError,
    OverloadedError,
    ReadError,
    ServerError,
)
from tests.faults.calls import AT_ONCE, limits
from tests.faults.deadlines_checks import (
    HANDSHAKE,
    LIMIT,
    STORM,
    attempted,
    both,
    holds,
    late,
    streamed,
    whole,
)
from tests.faults.dialect import TEXT
from tests.faults.endless import PINGS, UNTIL_CLOSE, again, always, begun, endlessly
from tests.faults.server import STREAM_HEAD, framed, hang, head, reset, then
from tests.faults.table import (
    EVENTS,
    Case,
    Scene,
    answers,
    either,
    raises,
    together,
)

__all__ = ["CASES"]

# --- its parts ----------------------------------------------------------------------------

FIRST: dict[str, Any] = {
    "timeout": limits(first_token=LIMIT, idle=0.1),
    "check": late("first_token"),
}
"""The silence that is allowed is shorter, and would be told of if it were that."""
QUIET: dict[str, Any] = {"timeout": limits(first_token=LIMIT), "check": late("first_token")}
FIRST_TOKENS = (
    together(
        "first_token, and silence",
        both("of the server", always(hang), **QUIET),
        both("within the head", always(then(b"HTTP/1.1 200 OK\r\n", last=hang)), **QUIET),
        streamed("after the head", always(then(STREAM_HEAD, last=hang)), **QUIET),
        streamed("after the opening", lambda d: [then(begun(*d.opening), last=hang)], **QUIET),
    ),
    together(
        "first_token, and signs of life",
        streamed("comments", endlessly(b": x\n\n", 0.02), providers=EVENTS, **FIRST),
        streamed("blank lines", endlessly(b"\n", 0.02), **FIRST),
        streamed("pings", lambda d: [again(framed(PINGS[d.name]), 0.02, STREAM_HEAD)], **FIRST),
        streamed(
            "comments after the opening",
            lambda d: [again(framed(b": x\n\n"), 0.02, begun(*d.opening))],
            providers=EVENTS,
            **FIRST,
        ),
        both("100 for ever", lambda _: [again(head(100), 0.02)], **FIRST),
        both(
            "refusals",
            lambda d: [d.error(503, retry_after="0.02")],
            either(late("first_token"), raises(OverloadedError)),
            timeout=limits(first_token=LIMIT),
            **STORM,
        ),
    ),
)
IDLES: dict[str, Any] = {"timeout": limits(idle=LIMIT, total=5), "check": late("idle")}
LASTING: dict[str, Any] = {"timeout": limits(idle=0.1, total=0.25), "within": 0.25}
IDLE = (
    together(
        "idle, where something stops",
        streamed("after the head", always(then(STREAM_HEAD, last=hang)), **IDLES),
        streamed("after the opening", lambda d: [then(begun(*d.opening), last=hang)], **IDLES),
        streamed("after a piece", lambda d: [then(begun(*d.begun), last=hang)], **IDLES),
        streamed("within an event", lambda d: [then(begun(*d.begun)[:-9], last=hang)], **IDLES),
        whole("after an answer's head", always(then(head(content_length="9"), last=hang)), **IDLES),
        whole("within an answer", lambda d: [then(d.reply()[:-9], last=hang)], **IDLES),
        both(
            "within a refusal",
            always(then(head(500, content_length="9"), last=hang)),
            **{**IDLES, "check": raises(ServerError)},
        ),
    ),
    together(
        "idle is held off by signs of life, total is not",
        streamed(
            "comments",
            lambda d: [again(framed(b": x\n\n"), 0.02, begun(*d.begun))],
            late(text=TEXT, limit=0.25),
            providers=EVENTS,
            **LASTING,
        ),
        streamed(
            "pings",
            lambda d: [again(framed(PINGS[d.name]), 0.02, begun(*d.begun))],
            late(text=TEXT, limit=0.25),
            **LASTING,
        ),
        whole("space", lambda _: [again(b" ", 0.02, UNTIL_CLOSE)], late(limit=0.25), **LASTING),
    ),
    together(
        "what no limit forbids",
        holds(
            "to think for longer than idle",
            lambda d: [then(b"", d.reply(), pause=0.2, last=hang)],
            lambda d: [then(b"", d.streamed(), pause=0.2, last=d.hold)],
            answers(),
            timeout=limits(idle=0.1, connect=0.1),
            within=0.25,
        ),
        streamed(
            "pieces that come in time, one by one",
            lambda d: [then(STREAM_HEAD, *map(framed, d.events), pause=0.04, last=d.hold)],
            answers(),
            timeout=limits(idle=0.15, first_token=0.2, total=3.0),
            within=0.6,
        ),
        holds(
            "a pause before another attempt, longer than idle",
            lambda d: [d.error(503, retry_after="0.15"), d.reply()],
            lambda d: [d.error(503, retry_after="0.15"), d.streamed()],
            answers(),
            timeout=limits(idle=0.1, total=3.0),
            settings={"max_retries": 1},
            requests=2,
        ),
        holds(
            "to have no limit at all",
            lambda d: [d.reply()],
            lambda d: [d.streamed()],
            answers(),
            timeout=limits(),
        ),
    ),
)
CONNECT = (
    together(
        "connect bounds each attempt, total all of them",
        both(
            "three handshakes that do not end",
            always(hang),
            attempted("connect", *["DeadlineExceededError"] * 3),
            timeout=limits(connect=0.06),
            settings={"retry": AT_ONCE},
            within=0.2,
            **HANDSHAKE,
        ),
        both(
            "total comes first",
            always(hang),
            late("connect"),
            timeout=limits(connect=5, total=LIMIT),
            **HANDSHAKE,
        ),
    ),
)

# --- retries, which are within it ----------------------------------------------------------

FIVE = RetryPolicy(max_retries=3, wait=lambda _: 5.0)
SOON: dict[str, Any] = {"timeout": 1.5, "within": 0.1}
RETRIES = (
    together(
        "a retry that cannot fit is not begun",
        both(
            "as the server asks",
            lambda d: [d.error(503, retry_after="5")],
            raises(OverloadedError, retry_after=5.0),
            settings={"max_retries": 3},
            **SOON,
        ),
        both(
            "as the strategy says",
            lambda d: [d.error(503)],
            raises(OverloadedError),
            settings={"retry": FIVE},
            **SOON,
        ),
        both(
            "after a reset",
            always(reset),
            raises(ReadError),
            settings={"retry": FIVE},
            requests=2,  # on a connection that had been kept, once more without counting
            **SOON,
        ),
        streamed(
            "after an error as the first event",
            lambda d: [d.streamed(d.stream_error)],
            raises(OverloadedError, ServerError),
            settings={"retry": FIVE},
            **SOON,
        ),
    ),
    both(
        "the error tells of every attempt",
        lambda d: [d.error(503, retry_after="0.02"), d.error(429, retry_after="0.02"), hang],
        attempted("total", "OverloadedError", "RateLimitError", "DeadlineExceededError"),
        settings={"max_retries": 5},
        requests=3,
    ),
    together(
        "however the limit is given",
        both("force_timeout", always(hang), timeout=None, options={"force_timeout": LIMIT}),
        both("forceTimeout", always(hang), timeout=None, options={"forceTimeout": LIMIT}),
        both("the client's", always(hang), timeout=None, settings={"timeout": LIMIT}),
        both(
            "the client's parts",
            always(hang),
            late("first_token"),
            timeout=None,
            settings={"timeout": limits(first_token=LIMIT)},
        ),
        both("the call's before the client's", always(hang), settings={"timeout": 60}),
        both(
            "the call's before the client's, all of it",
            lambda d: [then(b"", last=hang)],
            timeout=limits(total=LIMIT),
            settings={"timeout": limits(first_token=0.05)},
        ),
        both(
            "next to nothing",
            always(hang),
            raises(DeadlineExceededError, phase="total"),
            timeout=5e-324,
            within=0.05,
            requests=0,
        ),
    ),
)

CASES: tuple[Case | Scene, ...] = (*FIRST_TOKENS, *IDLE, *CONNECT, *RETRIES)
