"""What stands before a body: status lines, versions, headers, informational replies."""

from __future__ import annotations

from typing import Any

from llmgate.errors import (
    DecodeError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
    StreamTruncatedError,
)
from tests.faults.peer import Step
from tests.faults.raw import (
    Answer,
    Build,
    Rows,
    both,
    broken,
    by_kind,
    in_pieces,
    in_turn,
    whole,
)
from tests.faults.server import close, then
from tests.faults.table import Case, Check, Outcome, answers, either, raises

__all__ = ["CASES"]

LONG = "a" * 60_000
TOO_LONG = "a" * 100_000
OK = "HTTP/1.1 200 OK"


def said(start: str) -> Build:
    """An answer after this status line, until the connection is closed."""
    return lambda answer: answer.until_closed(start=start)


def raw(before: bytes) -> Build:
    """An answer after these bytes."""
    return lambda answer: before + answer.sized()


def line_feeds(answer: Answer) -> Step:
    """An answer whose head has no carriage return."""
    return then(answer.head().replace(b"\r", b"") + answer.body, last=close)


def with_headers(*lines: str) -> Build:
    """An answer with these headers."""
    return lambda answer: answer.sized(*lines)


def status(code: int) -> Build:
    """An answer with this status."""
    return lambda answer: answer.sized(start=f"HTTP/1.1 {code} Odd")


# --- status lines and versions ------------------------------------------------------------

STARTS: Rows = (
    in_turn(
        "status lines that are odd",
        whole("HTTP/1.0, until the connection is closed", said("HTTP/1.0 200 OK")),
        whole("no reason phrase", said("HTTP/1.1 200")),
        whole("an empty reason phrase", said("HTTP/1.1 200 ")),
        whole("a reason phrase of 60 kB", said(f"HTTP/1.1 200 {LONG}")),
        whole("a reason phrase that is no UTF-8", said("HTTP/1.1 200 \xff\xfe")),
        whole("line ends before the status line", raw(b"\r\n\r\n")),
        whole("line feeds alone in the head", line_feeds),
    ),
    whole(
        "HTTP/1.0 that keeps the connection",
        lambda a: a.sized("connection: keep-alive", start="HTTP/1.0 200 OK"),
    ),
    *(
        broken(f"another protocol: {name}", raw(greeting), ProtocolError)
        for name, greeting in (
            ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
            ("SMTP", b"220 mail ESMTP Postfix\r\n"),
            ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
            ("HTTP/2", b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)),
            ("zeros", bytes(5_000)),
            ("noise", bytes(range(256)) * 40),
        )
    ),
    in_turn(
        "status lines that are none",
        *(
            broken(repr(start), said(start), ProtocolError)
            for start in (
                "http/1.1 200 OK",
                "HTTP 200 OK",
                "HTTP/x.y 200 OK",
                "HTTP/1.1",
                "HTTP/1.1 20 OK",
                "HTTP/1.1 2000 OK",
                "HTTP/1.1 -200 OK",
                "HTTP/1.1 abc OK",
                "HTTP/1.1 200.5 OK",
                "HTTP/1.1  200 OK",
                "HTTP/1.1 \xef\xbc\x92\xef\xbc\x90\xef\xbc\x90 OK",
                "200 OK",
                "ICY 200 OK",
                "\0",
            )
        ),
    ),
    broken(
        "a reason phrase without an end", said(f"HTTP/1.1 200 {TOO_LONG}"), ResponseTooLargeError
    ),
    broken("no head at all", lambda a: then(a.body, last=close), ProtocolError),
    broken(
        "a head that ends in its first line", lambda a: then(b"HTTP/1.1 20", last=close), ReadError
    ),
    broken("a head without its end", lambda a: then(a.head()[:-2], last=close), ReadError),
    in_turn(
        "versions of HTTP that are not spoken",
        *(
            both(version, either(answers(), raises(ProtocolError)), said(f"HTTP/{version} 200 OK"))
            for version in ("0.9", "1.2", "2.0", "3.0", "9.9", "3")
        ),
    ),
)

# --- statuses that are neither 200 nor an error -------------------------------------------

REFUSED = raises(ProviderError)
NOTHING = by_kind(raises(DecodeError), raises(StreamTruncatedError, DecodeError, partial=""))


def without_body(code: int) -> tuple[Case, Case]:
    """A status that has no body, without one and with one all the same."""
    check = NOTHING if code == 204 else REFUSED
    return (
        both(f"{code} without a body", check, lambda a: a.head(start=f"HTTP/1.1 {code} Odd")),
        both(f"{code} with a body", check, lambda a: a.sized(start=f"HTTP/1.1 {code} Odd")),
    )


STATUSES: Rows = (
    in_turn("2xx with an answer", *(whole(str(n), status(n)) for n in (201, 202, 203, 206, 226))),
    both("205 without a body", NOTHING, lambda a: a.sized(start="HTTP/1.1 205 Reset", body=b"")),
    *without_body(204),
    *without_body(304),
    in_turn(
        "statuses that do not exist",
        both("000", raises(ProviderError, status=0), said("HTTP/1.1 000 Odd")),
        both("099", raises(ProviderError, status=99), said("HTTP/1.1 099 Odd")),
        both("600", raises(ServerError, status=600), status(600)),
        both("999", raises(ServerError, status=999), status(999)),
    ),
)

# --- informational replies ----------------------------------------------------------------

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = (
    b"HTTP/1.1 103 Early Hints\r\nlink: <file:///etc/passwd>; rel=preload\r\n"
    b"link: <http://127.0.0.1:9/>; rel=preconnect\r\n\r\n"
)


def split_continue(answer: Answer) -> Step:
    """An informational reply that comes in three parts, of which the last goes on."""
    return in_pieces(CONTINUE[:12], CONTINUE[12:-1], CONTINUE[-1:] + answer.sized())


INFORMATIONAL: Rows = (
    whole("100 that nobody asked for", raw(CONTINUE)),
    whole(
        "102, 103 and a 1xx that is not known",
        raw(b"HTTP/1.1 102 Odd\r\n\r\n" + HINTS + b"HTTP/1.1 142 Odd\r\n\r\n"),
    ),
    whole("500 informational replies", raw(CONTINUE * 500)),
    whole("an informational reply in parts", split_continue),
    whole(
        "an informational reply, junk after the answer", lambda a: CONTINUE + a.sized() + b"junk"
    ),
    broken(
        "an informational reply with a body",
        raw(b"HTTP/1.1 103 Odd\r\ncontent-length: 5\r\n\r\nhello"),
        ProtocolError,
    ),
    broken("an informational reply and no other", lambda a: then(CONTINUE, last=close), ReadError),
    both(
        "101 to another protocol",
        raises(ProviderError, status=101),
        lambda a: (
            a.head("upgrade: h2c", "connection: upgrade", start="HTTP/1.1 101 Odd") + bytes(9)
        ),
    ),
    both(
        "101 to nothing, with an answer",
        either(raises(ProviderError, status=101), raises(ReadError, ProtocolError)),
        status(101),
    ),
)

# --- headers ------------------------------------------------------------------------------


def identified(identifier: str | None) -> Check:
    """The answer, with this for the id of its request."""

    def check(outcome: Outcome) -> None:
        answers()(outcome)
        assert outcome.answer is not None
        assert identifier == outcome.answer.request_id

    return check


def shown_cleanly(outcome: Outcome) -> None:
    """The answer, whose headers can be written as UTF-8 or are escaped by ``repr``."""
    answers()(outcome)
    assert outcome.answer is not None
    assert repr(outcome.answer.headers).encode()
    assert outcome.answer.model_dump_json().encode()


CLEAN = either(shown_cleanly, raises(ProtocolError))

HEADERS: Rows = (
    in_turn(
        "headers that are odd",
        whole("100 headers", with_headers(*(f"x-{number}: y" for number in range(100)))),
        whole("an empty header", with_headers("x-empty:", "x-blank:   ")),
        whole("a header over two lines", with_headers("x-folded: a", "  b", "\tc")),
        whole("capitals", lambda a: a.sized().replace(b"content-length", b"CONTENT-LENGTH")),
        whole("no content type", lambda a: a.sized().replace(b"content-type", b"x-type")),
        whole("the same header 50 times", with_headers(*["x-same: y"] * 50)),
        whole("a date that is none", with_headers("date: yesterday", "age: -1", "expires: 0")),
        whole("a cookie", with_headers("set-cookie: a=b; Domain=evil.example; Path=/; Secure")),
        whole("cookies that are none", with_headers(f"set-cookie: ;;;=;{'=' * 1_000}")),
        whole("a keep-alive that means nothing", with_headers("keep-alive: timeout=-1, max=1e400")),
        whole("connection: all of it", with_headers("connection: keep-alive, close, x")),
        whole("first line folded", with_headers("x-a:", " b")),
    ),
    in_turn(
        "headers that lead elsewhere",
        whole("a location with status 200", with_headers("location: file:///etc/passwd")),
        whole("a refresh with status 200", with_headers("refresh: 0; url=http://127.0.0.1:9/")),
        whole("alternatives", with_headers('alt-svc: h3="127.0.0.1:9"', "upgrade: h2c")),
        whole("a base of links", with_headers("content-location: http://127.0.0.1:9/")),
        whole("strict security", with_headers("strict-transport-security: max-age=1")),
    ),
    whole("a header of 60 kB", with_headers(f"x-long: {LONG}")),
    both(
        "a request id that stands there twice",
        either(identified("a"), identified("b")),
        with_headers("x-request-id: a", "x-request-id: b"),
    ),
    both("a request id of 60 kB", identified(LONG), with_headers(f"x-request-id: {LONG}")),
    both(
        "headers that are no UTF-8",
        CLEAN,
        with_headers("x-request-id: \xff\xfe", "x-\xe9: y", "x-latin: \xe9"),
    ),
    both(
        "control characters in a header",
        CLEAN,
        with_headers("x-request-id: \x1b]0;title\x07\x1b[2J"),
    ),
    both(
        "a carriage return in a header",
        CLEAN,
        lambda a: then(a.head("x-a: b\rx-evil: 1") + a.body, last=close),
    ),
    both(
        "200 headers",
        either(answers(), raises(ResponseTooLargeError)),
        with_headers(*(f"x-{n}: y" for n in range(200))),
    ),
    broken(
        "10,000 headers",
        with_headers(*(f"x-{number}: y" for number in range(10_000))),
        ResponseTooLargeError,
    ),
    broken("a header of 100 kB", with_headers(f"x-long: {TOO_LONG}"), ResponseTooLargeError),
    broken("a header's name of 100 kB", with_headers(f"{TOO_LONG}: y"), ResponseTooLargeError),
    in_turn(
        "headers that are none",
        *(
            broken(repr(line), with_headers(line), ProtocolError)
            for line in (
                "x-a: a\0b",
                "x-\0: b",
                "x-a : b",
                "nonsense",
                ": b",
                "x a: b",
                "x\xe9",
                ":",
            )
        ),
    ),
)

# --- what a caller's header or a model's name could break ---------------------------------


def refused(name: str, **options: Any) -> Case:
    """A line for a call that is refused before anything is sent."""
    check = raises(InvalidRequestError)
    return both(name, check, lambda a: a.sized(), options=options, requests=0)


INJECTION: Rows = (
    refused("a line end in a caller's header", extra_headers={"x-a": "a\r\nx-evil: 1"}),
    refused("a line feed in a caller's header", extra_headers={"x-a": "a\nx-evil: 1"}),
    refused("a NUL in a caller's header", extra_headers={"x-a": "a\0b"}),
    refused("a line end in the name of a caller's header", extra_headers={"x-a: 1\r\nx-evil": "1"}),
)

CASES: Rows = (
    *STARTS,
    *STATUSES,
    *INFORMATIONAL,
    *HEADERS,
    *INJECTION,
)
