"""Statuses of every kind with bodies of every shape: the class, and all that the reply says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from tests.faults.calls import KEY
from tests.faults.codes import CODES
from tests.faults.dialect import Dialect
from tests.faults.raw import Answer, Build, Rows, both, in_pieces, in_turn, only, play_lines
from tests.faults.server import close, reply, reset, then
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    raises,
    serving,
)
from tests.machine import wait_for_async

__all__ = ["CASES"]

CLASSES: Mapping[int, type[ProviderError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: QuotaExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: BadRequestError,
    408: RequestTimeoutError,
    409: ConflictError,
    410: BadRequestError,
    413: BadRequestError,
    415: BadRequestError,
    422: BadRequestError,
    424: BadRequestError,
    425: BadRequestError,
    429: RateLimitError,
    431: BadRequestError,
    451: BadRequestError,
    498: BadRequestError,
    500: ServerError,
    501: ServerError,
    502: ServerError,
    503: OverloadedError,
    504: ServerError,
    520: ServerError,
    529: OverloadedError,
}
RARE = {
    **dict.fromkeys((406, 411, 412, 414, 416, 417, 418, 421, 423, 426, 428, 499), BadRequestError),
    **dict.fromkeys((505, 506, 507, 508, 510, 511, 522, 524, 530, 598, 599), ServerError),
}
OWN: Mapping[tuple[str, int], type[ProviderError]] = {("cohere", 498): AuthenticationError}
"""What a provider says of a status of its own."""

Body = Callable[[Dialect], bytes]


def said(value: Any) -> Body:
    """This as JSON, or these bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda _: body


def own(message: Any) -> Body:
    """The provider's own form of an error."""
    return lambda dialect: json.dumps(dialect.error_body(message)).encode()


SHAPES: Mapping[str, Body] = {
    "nothing": said(b""),
    "a page": said(b"<!DOCTYPE html><html><body>Error</body></html>"),
    "text": said(b"upstream connect error or disconnect/reset before headers"),
    "a text": said("no"),
    "a number": said(5),
    "null": said(None),
    "a list": said(["no", {}, None]),
    "an empty object": said({}),
    "its own error": own("no"),
    "its own error that is cut": lambda d: own("no")(d)[:-3],
    "an error of wrong types": said(
        {
            "error": {"message": 1, "type": 2, "code": 3},
            "invalid_fields": {},
            "request_id": 4,
            "id": [],
        }
    ),
    "lists 100,000 deep": said(b"[" * 100_000 + b"]" * 100_000),
}
ODD_SHAPES: Mapping[str, Body] = {
    "white space": said(b" \r\n\t "),
    "a gateway's page": said(
        b"<html>\r\n<title>502 Bad Gateway</title>\r\n" + b"<!-- padding -->\r\n" * 100
    ),
    "lines and controls": said(b"no\r\nlevel=info forged\x1b[2J\x07\0\x9b31m\xe2\x80\xae"),
    "no UTF-8": said(b"\xff\xfe\x80\xe9"),
    "an empty text": said(""),
    "true": said(True),
    "an empty list": said([]),
    "a list of errors": said([{"error": {"message": "no", "code": 1}}]),
    "its own error without a text": own(""),
    "its own error with null for a text": own(None),
    "its own error with an object for a text": own({"a": [1]}),
    "its own error with a list for a text": own(["no"]),
    "its own error with a number for a text": own(5),
    "its own error with a long text": own("no " * 30_000),
    "its own error with lines and controls": own("no\r\nforged\x1b[2J\x07\0\u202e"),
    "its own error behind a mark": lambda d: b"\xef\xbb\xbf" + own("no")(d),
    "its own error in UTF-16": lambda d: own("no")(d).decode().encode("utf-16"),
    "its own error twice": lambda d: own("no")(d) * 2,
    "its own error as an event": lambda d: b"event: error\ndata: " + own("no")(d) + b"\n\n",
    "half a character": said(
        rb'{"error": {"message": "\ud83d"}, "message": "\ud83d", "detail": "\ud83d"}'
    ),
    "an error of null": said({"error": None, "detail": None, "message": None}),
    "an error of text": said({"error": "no"}),
    "an error of numbers": said({"error": 5, "message": 5, "detail": 5, "title": 5}),
    "an error of lists": said({"error": [], "message": [], "detail": [], "title": [], "type": []}),
    "an error of objects": said({"error": {"message": {}, "type": {}, "code": {}, "param": {}}}),
    "an error of errors": said({"error": {"error": {"error": "no"}}}),
    "FastAPI's": said({"detail": [{"loc": ["body", "x"], "msg": "no", "type": "missing"}]}),
    "RFC 9457's": said({"type": "about:blank", "title": "no", "detail": "no", "instance": "/x"}),
    "Amazon's": said({"__type": "ThrottlingException", "Message": "no"}),
    "numbers that are none": said(
        b'{"error": {"message": NaN, "code": 1e400}, "status": -Infinity}'
    ),
    "a number of 5,000 digits": said(
        b'{"error": {"message": "no", "code": ' + b"9" * 5_000 + b"}}"
    ),
    "a number of 4,300 digits": said(
        b'{"error": {"code": ' + b"9" * 4_300 + b'}, "status": ' + b"9" * 4_300 + b"}"
    ),
    "errors 100,000 deep": said(b'{"error":' * 100_000 + b"1" + b"}" * 100_000),
    "errors 150 deep": said(b'{"error":' * 150 + b"1" + b"}" * 150),
    "an answer": lambda d: json.dumps(dict(d.answer)).encode(),
    "events": lambda d: b"".join(d.events),
    "a terminator": said(b"data: [DONE]\n\n"),
    "the key": said({"error": {"message": f"no such key: {KEY}"}, "message": KEY, "detail": KEY}),
}

NAMES = {"x-request-id": "r-1", "retry-after": "7", "x-odd": "1"}
ACROSS = ((False, True), (True, False))
ALL = (*ACROSS, (False, False), (True, True))
LONGEST = 8_000
"""What a text of an error may have at most."""


def complete(status: int, body: bytes) -> Check:
    """The right class, and all that the reply said."""

    def check(outcome: Outcome) -> None:
        error: Any = outcome.error
        expected = OWN.get((outcome.dialect.name, status), CLASSES[status])
        raises(expected, status=status)(outcome)
        assert not error.in_stream
        assert 7.0 == error.retry_after
        assert "1" == error.headers["x-odd"]
        assert outcome.dialect.name == error.provider
        assert [status] == [attempt.status for attempt in error.attempts[-1:]]
        assert error.code is None or type(error.code) is str
        assert type(error.request_id) is str
        assert str(error).isprintable()
        assert len(str(error)) < LONGEST
        assert body.replace(KEY.encode(), b"***") == error.body

    return check


def every_shape(status: int, kind: str, shapes: Mapping[str, Body], ways: Any = ALL) -> Scene:
    """A line for a status with bodies of every shape, all on one connection."""

    async def scene(player: Player) -> None:
        bodies = {name: body(player.dialect) for name, body in shapes.items()}
        lines = [
            (name, reply(status, body=body, **NAMES), complete(status, body))
            for name, body in bodies.items()
        ]
        server = await play_lines(player, lines)
        assert 1 == server.connections, "the connection was not used again"

    return Scene(f"{status} with {len(shapes)} {kind}", scene, ways=ways)


# --- sizes, and bodies that break ---------------------------------------------------------

MEGABYTE = 1024 * 1024


def refusal(body: bytes, *headers: str) -> Build:
    """An error with this body."""
    return lambda a: a.sized(*headers, start="HTTP/1.1 503 Odd", body=body)


def kept(least: int, most: int = 3 * MEGABYTE) -> Check:
    """The status's own error, whose body is of such a size, and whose text is short."""

    def check(outcome: Outcome) -> None:
        raises(OverloadedError, status=503)(outcome)
        error: Any = outcome.error
        assert least <= len(error.body) <= most, f"{len(error.body):,} bytes are kept"
        assert len(str(error)) < LONGEST

    return check


def large_error(answer: Answer) -> bytes:
    """The provider's own form of an error, with a text of 2 MB."""
    return json.dumps(answer.dialect.error_body("no " * (2 * MEGABYTE // 3))).encode()


def broken_off(body: bytes, *lines: str, last: Any = close) -> Build:
    """An error whose body ends before its end."""
    return lambda a: in_pieces(a.head(*lines, start="HTTP/1.1 503 Odd") + body, last=last)


LENGTH, CHUNKED = "content-length: 100", "transfer-encoding: chunked"
BODIES: Rows = (
    only(both("an error of 2 MB", kept(MEGABYTE), lambda a: refusal(large_error(a))(a))),
    only(both("a page of 2 MB", kept(MEGABYTE), refusal(b"<p>no</p>" * (2 * MEGABYTE // 9)))),
    both("an error of 1 MB", kept(MEGABYTE, MEGABYTE), refusal(b"x" * MEGABYTE)),
    both("an error that is cut", kept(4), broken_off(b"some", LENGTH)),
    both("an error that is reset", kept(0), broken_off(b"some", LENGTH, last=reset)),
    both("an error of which nothing comes", kept(0, 0), broken_off(b"", LENGTH)),
    both("an error whose chunks are cut", kept(4), broken_off(b"4\r\nsome\r\n9\r\nx", CHUNKED)),
    both("an error whose chunks are none", kept(0), broken_off(b"zz\r\nsome", CHUNKED)),
    both(
        "an error that is shorter than its length",
        kept(4),
        broken_off(b"some", "content-length: 3000000000"),
    ),
    both(
        "an error until the connection is closed",
        kept(4, 4),
        broken_off(b"some", "connection: close"),
    ),
    both(
        "an error that is no gzip, though it says so",
        kept(0),
        refusal(b"no gzip", "content-encoding: gzip"),
    ),
    both(
        "an error in an encoding that nobody knows",
        kept(7, 7),
        refusal(b"unknown", "content-encoding: x-new"),
    ),
    both(
        "an error under the label of events",
        kept(7, 7),
        refusal(b"data: x", "content-type: text/event-stream"),
    ),
    both(
        "an error with junk after it",
        kept(2, 2),
        lambda a: a.sized(start="HTTP/1.1 503 Odd", body=b"no") + b"junk",
    ),
    both(
        "an error without a length, in HTTP/1.0",
        kept(4, 4),
        lambda a: then(a.head(start="HTTP/1.0 503 Odd") + b"some", last=close),
    ),
)

# --- what headers say ---------------------------------------------------------------------


def headed(status: int, *headers: str) -> Build:
    """An error with these headers."""
    return lambda a: a.sized(*headers, start=f"HTTP/1.1 {status} Odd", body=b"no")


def waits(text: str, seconds: float | None, name: str = "retry-after") -> Case:
    """A line for what a header says of waiting."""
    check = raises(RateLimitError, retry_after=seconds)
    return both(f"{name}: {text[:30]}", check, headed(429, f"{name}: {text}"))


WAITS = in_turn(
    "what an error says of waiting",
    *(
        waits(text, seconds)
        for text, seconds in {
            "7": 7.0,
            "0.25": 0.25,
            "1e2": 100.0,
            "0": 0.0,
            "-1": None,
            "nan": None,
            "soon": None,
            "": None,
            "inf": float("inf"),
            "1e308": 1e308,
            "86400": 86400.0,
            "9" * 20: 1e20,
            "1e400": float("inf"),
            "Thu, 01 Jan 1970 00:00:00 GMT": None,
            "Thu, 01 Jan 99999 00:00:00 GMT": float("inf"),
            "7 seconds": None,
            "7, 8": None,
            "0x7": None,
            "\xb2": None,
            "yesterday": None,
            "x" * 9_000: None,
            "[]": None,
            '"7"': None,
        }.items()
    ),
    waits("1500", 1.5, "retry-after-ms"),
    both(
        "both",
        raises(RateLimitError, retry_after=0.5),
        headed(429, "retry-after: 9", "retry-after-ms: 500"),
    ),
    both(
        "nonsense, and a number",
        raises(RateLimitError, retry_after=9.0),
        headed(429, "retry-after: 9", "retry-after-ms: x"),
    ),
)
IDENTIFIERS = in_turn(
    "ids of requests",
    *(
        both(name, raises(ServerError, request_id="r-9"), headed(500, f"{name}: r-9"))
        for name in ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray", "X-Request-ID")
    ),
    both("none", raises(ServerError, request_id=None), headed(500)),
    both(
        "several", raises(ServerError, request_id="a"), headed(500, "cf-ray: b", "x-request-id: a")
    ),
)

# --- an error, and then an answer ---------------------------------------------------------


async def then_an_answer(player: Player) -> None:
    """After an error of each class the connection serves the next call."""
    dialect = player.dialect
    whole = dialect.streamed() if player.stream else dialect.reply()
    statuses = (400, 401, 404, 429, 500, 503)
    steps = [step for status in statuses for step in (dialect.error(status), whole)]
    async with serving(dialect.serve(*steps)) as server:
        async with calling(player, server.url, {"limit": 1}) as client:
            for status in statuses:
                refused = await player.call(client, server)
                check_always(refused)
                raises(CLASSES[status], status=status)(refused)
                answered = await player.call(client, server)
                check_always(answered)
                answers()(answered)
        assert 1 == server.connections
        assert await wait_for_async(lambda: server.open_connections == 0)


CASES: Rows = (
    *(every_shape(status, "bodies", SHAPES) for status in CLASSES),
    *(every_shape(status, "odd bodies", ODD_SHAPES, ACROSS) for status in (400, 500)),
    in_turn(
        "rare statuses", *(both(str(s), raises(k, status=s), headed(s)) for s, k in RARE.items())
    ),
    *BODIES,
    WAITS,
    IDENTIFIERS,
    *CODES,
    Scene("an error, and then an answer", then_an_answer),
)
