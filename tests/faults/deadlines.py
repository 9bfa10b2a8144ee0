"""Servers that are silent, slow or endless, at every stage of a call: the time limit holds."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import Any

from llmgate import RetryPolicy
from llmgate.errors import (
    BadRequestError,
    DeadlineExceededError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
)
from tests.faults import deadlines_scenes, endless
from tests.faults.calls import AT_ONCE, limits, no_pause
from tests.faults.dialects import TEXT
from tests.faults.endless import CHUNKED, LARGE, PINGS, UNTIL_CLOSE, again, always, begun, endlessly
from tests.faults.networks import black_hole
from tests.faults.server import STREAM_HEAD, close, framed, hang, head, reset, then
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Scene,
    Steps,
    answers,
    either,
    raises,
    together,
)

__all__ = ["CASES"]

import_module("tenacity")  # or the first call's time would be that of this

LIMIT = 0.2
"""Seconds that most calls here are given."""
PERSISTENT = RetryPolicy(max_retries=1000, wait=no_pause)
"""Never gives up by itself."""


def late(phase: str = "total", text: str = "", limit: float = LIMIT, **more: Any) -> Check:
    """The limit was kept to both sides; the error names it, and tells whose call it was."""

    def check(outcome: Outcome) -> None:
        named = {"phase": phase, "provider": outcome.dialect.name, **more}
        raises(DeadlineExceededError, **named)(outcome)
        error = outcome.error
        assert isinstance(error, TimeoutError)
        assert isinstance(error, DeadlineExceededError)
        assert f"{limit:.3g} s" in str(error)
        assert error.attempts, "no attempt is told of"
        assert outcome.seconds >= limit - 0.02, f"it took only {outcome.seconds:.3f} s"
        assert outcome.text.startswith(text)

    return check


def told(phase: str, *errors: str) -> Check:
    """The limit is named, and so is what came of each attempt."""

    def check(outcome: Outcome) -> None:
        raises(DeadlineExceededError, phase=phase)(outcome)
        assert isinstance(outcome.error, DeadlineExceededError)
        attempts = outcome.error.attempts
        assert list(errors) == [attempt.error for attempt in attempts[-len(errors) :]]
        assert all(attempt.error is None for attempt in attempts[: -len(errors)])

    return check


def holds(
    name: str, unary: Steps | None, stream: Steps | None, check: Check | None = None, **more: Any
) -> Case:
    """A case whose call is given so much time, and takes all of it."""
    options = {"timeout": more.pop("timeout", LIMIT), **more.pop("options", {})}
    more.setdefault("within", LIMIT)
    return Case(name, check or late(), unary, stream, options=options, **more)


def both(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """The same for a whole answer and for a stream."""
    return holds(name, steps, steps, check, **more)


def whole(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """For a whole answer only."""
    return holds(name, steps, None, check, **more)


def streamed(name: str, steps: Steps, check: Check | None = None, **more: Any) -> Case:
    """For a stream only."""
    return holds(name, None, steps, check, **more)


def at_full_speed(case: Case) -> Scene:
    """One call at a time: each of them keeps a processor busy, and its server another."""
    return Scene(
        f"{case.name}, at full speed", case.play, ways=tuple(w for w in case.players if not w[0])
    )


def body(reply: bytes) -> bytes:
    """What stands after a reply's head."""
    return reply.partition(b"\r\n\r\n")[2]


# --- the whole call -----------------------------------------------------------------------

HEADS = (
    together(
        "a silent server",
        both("it reads the request", always(hang)),
        both("it takes the connection, no more", always(hang), server={"on_connect": hang}),
    ),
    together(
        "a head that does not end",
        both("stopped within the status line", always(then(b"HTTP/1.1 20", last=hang))),
        both("stopped before the blank line", always(then(head()[:-2], last=hang))),
        both("a byte at a time", always(then(b"HTTP/1.1 200 OK\r\n", last=endless.slow_lines))),
        both("a line at a time", lambda _: [endless.lines(pause=0.02)]),
    ),
    at_full_speed(
        both(
            "endless headers",
            lambda _: [endless.lines(pause=0.0)],
            either(late(), raises(ReadError)),
        )
    ),
    together(
        "replies that only announce one",
        *(
            both(f"{status} for ever", lambda _, s=status: [again(head(s), 0.02)])
            for status in (100, 102, 103)
        ),
        both("100, and then nothing", always(then(head(100), last=hang))),
        both(
            "101, and then nothing",
            always(then(head(101), last=hang)),
            either(late(), raises(ProviderError, status=101)),
        ),
    ),
    at_full_speed(
        whole("replies that only announce one", lambda _: [again(head(103) * 20, 0.0)]),
    ),
)
BODIES = (
    together(
        "an answer a byte at a time",
        whole("of known length", lambda _: [again(b" ", 0.05, head(content_length="999"))]),
        whole("in chunks", lambda _: [again(framed(b" "), 0.05, CHUNKED)]),
        whole("in a chunk", lambda _: [again(b" ", 0.05, CHUNKED + b"fff\r\n")]),
        whole("until the connection closes", lambda _: [again(b" ", 0.05, UNTIL_CLOSE)]),
        whole("stopped within it", lambda d: [then(d.reply()[:-9], last=hang)]),
    ),
    together(
        "an answer whose end does not come",
        whole("no last chunk", lambda d: [then(CHUNKED, framed(body(d.reply())), last=hang)]),
        whole(
            "endless trailers",
            lambda d: [again(b"X: y\r\n", 0.02, CHUNKED, framed(body(d.reply())), b"0\r\n")],
        ),
        whole("an endless extension", lambda _: [again(b"x", 0.01, CHUNKED + b"5;")]),
    ),
    at_full_speed(
        whole(
            "endless space",
            lambda _: [again(b" " * 9999, 0.0, UNTIL_CLOSE)],
            either(late(), raises(ResponseTooLargeError)),
        )
    ),
    at_full_speed(
        whole(
            "endless space in chunks",
            lambda _: [again(framed(b" " * 999), 0.0, CHUNKED)],
            either(late(), raises(ResponseTooLargeError)),
        )
    ),
    together(
        "a refusal that does not end",
        both("a byte at a time", lambda _: [again(b" ", 0.05, head(400))], late(status=400)),
        both(
            "stopped within it",
            always(then(head(401, content_length="9") + b"{", last=hang)),
            late(status=401),
        ),
        both(
            "stopped after its head",
            always(then(head(500, content_length="9"), last=hang)),
            late(status=500),
        ),
    ),
    at_full_speed(
        whole(
            "a refusal that does not end",
            lambda _: [again(b" " * 999, 0.0, head(400))],
            either(late(status=400), raises(BadRequestError, status=400)),
        )
    ),
)
STREAMS = (
    together(
        "a stream that stops",
        streamed("after its head", always(then(STREAM_HEAD, last=hang))),
        streamed("after its opening", lambda d: [then(begun(*d.opening), last=hang)]),
        streamed(
            "after the first token",
            lambda d: [then(begun(*d.opening, d.piece("Hel")), last=hang)],
            late(text="Hel"),
        ),
        streamed("before its end", lambda d: [then(begun(*d.begun), last=hang)], late(text=TEXT)),
        streamed("within an event", lambda d: [then(begun(*d.begun)[:-9], last=hang)]),
        streamed("within a chunk's size", lambda d: [then(begun(*d.opening) + b"f", last=hang)]),
    ),
    together(
        "a stream a byte at a time",
        streamed("an event without end", lambda _: [again(framed(b"d"), 0.05, STREAM_HEAD)]),
        streamed("in one chunk", lambda _: [again(b"d", 0.05, STREAM_HEAD + b"fff\r\n")]),
        streamed("blank lines", endlessly(b"\n", 0.05)),
    ),
    together(
        "endless comments",
        streamed("now and then", endlessly(b": hello\n\n", 0.02)),
        streamed("without a line's end", endlessly(b":" * 999, 0.01)),
    ),
    at_full_speed(streamed("endless comments", endlessly(b": hello\n\n" * 50, 0.0))),
    together(
        "endless events that say nothing",
        streamed("pings", lambda d: [again(framed(PINGS[d.name]), 0.02, STREAM_HEAD)]),
        streamed("without data", endlessly(b"event: x\nid: 1\nretry: 5\n\n", 0.01)),
    ),
    at_full_speed(
        streamed("pings", lambda d: [again(framed(PINGS[d.name] * 20), 0.0, STREAM_HEAD)])
    ),
    streamed(
        "endless valid pieces, now and then",
        lambda d: [again(framed(d.piece("x")), 0.02, begun(*d.opening))],
        late(text="x"),
    ),
    at_full_speed(
        streamed(
            "endless valid pieces",
            lambda d: [again(framed(d.piece("x") * 50), 0.0, begun(*d.opening))],
            late(text="xxxx"),
        )
    ),
)
HANDSHAKE: dict[str, Any] = {
    "server": {"on_connect": hang},
    "address": lambda server: nullcontext(server.url.replace("http:", "https:")),
}
"""A TLS handshake that does not end."""
SENDING = (
    together(
        "a large request",
        both(
            "never read",
            always(hang),
            late("write", limit=0.4),
            timeout=0.4,
            within=0.4,
            options={"messages": LARGE},
            server={"on_connect": endless.never_read},
        ),
    ),
    together(
        "no connection",
        both("a host that does not answer", always(hang), late("connect"), address=black_hole),
        both(
            "a TLS handshake that does not end",
            always(hang),
            late("connect"),
            **HANDSHAKE,
        ),
    ),
)
STORM: dict[str, Any] = {"settings": {"retry": PERSISTENT}, "requests": 1000}
STORMS = (
    together(
        "for ever 429, or 503",
        *(
            both(
                f"{status}, {headers}",
                lambda d, s=status, h=headers: [d.error(s, **h)],
                either(late(), raises(RateLimitError, OverloadedError)),
                **STORM,
            )
            for status in (429, 503)
            for headers in ({}, {"retry_after": "0.02"}, {"retry_after_ms": "20"})
        ),
    ),
    together(
        "for ever closed, or reset, without a reply",
        both("closed", always(close), either(late(), raises(ReadError)), **STORM),
        both("reset", always(reset), either(late(), raises(ReadError)), **STORM),
    ),
    together(
        "for ever an error as the first event",
        streamed(
            "of a stream",
            lambda d: [d.streamed(d.stream_error)],
            either(late(), raises(OverloadedError, ServerError)),
            **STORM,
        ),
    ),
)


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
        streamed("comments", endlessly(b": x\n\n", 0.02), **FIRST),
        streamed("blank lines", endlessly(b"\n", 0.02), **FIRST),
        streamed("pings", lambda d: [again(framed(PINGS[d.name]), 0.02, STREAM_HEAD)], **FIRST),
        streamed(
            "comments after the opening",
            lambda d: [again(framed(b": x\n\n"), 0.02, begun(*d.opening))],
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
        both("within a refusal", always(then(head(500, content_length="9"), last=hang)), **IDLES),
    ),
    together(
        "idle is held off by signs of life, total is not",
        streamed(
            "comments",
            lambda d: [again(framed(b": x\n\n"), 0.02, begun(*d.begun))],
            late(text=TEXT, limit=0.25),
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
            lambda d: [then(b"", d.streamed(), pause=0.2, last=hang)],
            answers(),
            timeout=limits(idle=0.1, connect=0.1),
            within=0.25,
        ),
        streamed(
            "pieces that come in time, one by one",
            lambda d: [then(STREAM_HEAD, *map(framed, d.events), pause=0.04, last=hang)],
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
            told("connect", *["DeadlineExceededError"] * 3),
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
        told("total", "OverloadedError", "RateLimitError", "DeadlineExceededError"),
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

CASES: tuple[Case | Scene, ...] = (
    *HEADS,
    *BODIES,
    *STREAMS,
    *SENDING,
    *STORMS,
    *FIRST_TOKENS,
    *IDLE,
    *CONNECT,
    *RETRIES,
    *deadlines_scenes.CASES,
)
