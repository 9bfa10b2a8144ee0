"""Servers that are silent, slow or endless, at every stage of a call: the time limit holds."""

from __future__ import annotations

from dataclasses import replace

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
)
from tests.faults import (
    deadlines_numbers,
    deadlines_parts,
    deadlines_scenes,
    endless,
)
from tests.faults.deadlines_checks import (
    HANDSHAKE,
    STORM,
    at_full_speed,
    both,
    late,
    streamed,
    whole,
)
from tests.faults.dialect import TEXT
from tests.faults.endless import CHUNKED, LARGE, PINGS, UNTIL_CLOSE, again, always, begun, endlessly
from tests.faults.networks import black_hole
from tests.faults.retry_checks import said
from tests.faults.server import STREAM_HEAD, close, framed, hang, head, reset, then
from tests.faults.table import (
    EVENTS,
    Case,
    Scene,
    either,
    raises,
    together,
)

__all__ = ["CASES"]


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
            either(late(), raises(ResponseTooLargeError)),
        )
    ),
    together(
        "replies that only announce one",
        both("100 for ever", lambda _: [again(head(100), 0.02)]),
        both("102 for ever", lambda _: [again(head(102), 0.02)]),
        both("103 for ever", lambda _: [again(head(103), 0.02)]),
        both("100, and then nothing", always(then(head(100), last=hang))),
        both(
            "101, and then nothing",
            always(then(head(101), last=hang)),
            either(late(), raises(ProviderError, status=101)),
        ),
    ),
    at_full_speed(
        whole(
            "replies that only announce one",
            lambda _: [again(head(103) * 20, 0.0)],
            either(late(), raises(ReadError)),
        ),
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
        both("a byte at a time", lambda _: [again(b" ", 0.05, head(400))], raises(BadRequestError)),
        both(
            "stopped within it",
            always(then(head(401, content_length="9") + b"{", last=hang)),
            raises(AuthenticationError),
        ),
        both(
            "stopped after its head",
            always(then(head(500, content_length="9"), last=hang)),
            raises(ServerError),
        ),
    ),
    at_full_speed(
        whole(
            "a refusal that does not end",
            lambda _: [again(b" " * 999, 0.0, head(400))],
            raises(BadRequestError, status=400),
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
        providers=EVENTS,
    ),
    at_full_speed(
        streamed("endless comments", endlessly(b": hello\n\n" * 50, 0.0), providers=EVENTS)
    ),
    together(
        "endless events that say nothing",
        streamed("pings", lambda d: [again(framed(PINGS[d.name]), 0.02, STREAM_HEAD)]),
        streamed(
            "without data",
            endlessly(b"event: x\nid: 1\nretry: 5\n\n", 0.01),
            providers=EVENTS,
        ),
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
STORMS = (
    together(
        "for ever 429, or 503",
        *(
            both(
                f"{status}, {headers}",
                said(status, **headers),
                either(late(), raises(RateLimitError, OverloadedError)),
                **STORM,
            )
            for status in (429, 503)
            for headers in ({}, {"retry_after": "0.02"}, {"retry_after_ms": "20"})
        ),
    ),
    together(
        "for ever closed, or reset, without a reply",
        both("closed", always(close), either(late(), late("connect"), raises(ReadError)), **STORM),
        both("reset", always(reset), either(late(), late("connect"), raises(ReadError)), **STORM),
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

CASES: tuple[Case | Scene, ...] = tuple(
    replace(case, timed=True)
    for case in (
        *HEADS,
        *BODIES,
        *STREAMS,
        *SENDING,
        *STORMS,
        *deadlines_parts.CASES,
        *deadlines_scenes.CASES,
        *deadlines_numbers.CASES,
    )
)
