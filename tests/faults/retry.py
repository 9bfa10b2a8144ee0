"""What is tried again, how often, and when; what is not; and that nothing is asked for twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    DecodeError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ReadError,
    ServerError,
    StreamTruncatedError,
)
from tests.faults import retry_scenes, retry_waits
from tests.faults.calls import AT_ONCE
from tests.faults.dialect import TEXT, Dialect
from tests.faults.endless import always, begun
from tests.faults.peer import Step
from tests.faults.retry_checks import (
    BUSY,
    EXCEPT_REPLICATE,
    REPLICATE,
    TRIES,
    either_way,
    pair,
    refused,
    said,
    tried,
)
from tests.faults.server import STREAM_HEAD, close, event, framed, head, reply, reset, then
from tests.faults.table import Case, Scene, Steps, answers, raises, together

__all__ = ["CASES"]

READS = replace(AT_ONCE, retry_reads=True)

# --- which statuses -----------------------------------------------------------------------

PASSING = (408, 425, 429, 503, 529)
MAYBE_DONE = (500, 502, 504)
FINAL = (400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421)
ALSO_FINAL = (422, 423, 424, 426, 428, 431, 451, 498, 501, 505, 507, 508, 511, 599)
REDIRECTS = (300, 301, 302, 303, 304, 305, 307, 308)


def once_if_made(status: int) -> Scene:
    """Three tries; but one where a prediction may have been made."""
    return together(
        f"{status} is tried again, unless it may have been done",
        Case("w", refused(3, status), said(status), providers=EXCEPT_REPLICATE, **TRIES),
        Case("once", refused(1, status), said(status), providers=REPLICATE, **TRIES),
        Case("s", refused(3, status), stream=said(status), **TRIES),
    )


def final(*statuses: int) -> Scene:
    """One line for many statuses that are not tried again."""
    name = f"{statuses[0]} to {statuses[-1]}"
    cases = [
        case
        for status in statuses
        for case in either_way(f"{status}", refused(1, status), said(status), **TRIES)
    ]
    return together(f"{name}: final", *cases)


STATUSES = (
    *(pair(f"{status} is tried again", said(status), refused(3, status)) for status in PASSING),
    *(once_if_made(status) for status in MAYBE_DONE),
    together(
        "409 is tried again where the provider says so",
        Case("w", refused(3, 409), said(409), providers=EXCEPT_REPLICATE, **TRIES),
        Case("s", refused(3, 409), None, said(409), providers=EXCEPT_REPLICATE, **TRIES),
        Case("replicate's", refused(1, 409), said(409), said(409), providers=REPLICATE, **TRIES),
    ),
    final(*FINAL[:9]),
    final(*FINAL[9:]),
    final(*ALSO_FINAL[:7]),
    final(*ALSO_FINAL[7:]),
    final(*REDIRECTS),
)
ASKED = (
    pair("x-should-retry: false, with 503", said(503, x_should_retry="false"), refused(1, 503)),
    pair("x-should-retry: false, with 429", said(429, x_should_retry="false"), refused(1, 429)),
    together(
        "x-should-retry: true, with what is final",
        *(
            case
            for status in (400, 409, 501)
            for steps in (said(status, x_should_retry="true"),)
            for case in (
                Case(f"{status}", refused(3, status), steps, providers=EXCEPT_REPLICATE, **TRIES),
                Case(f"{status}, streamed", refused(3, status), stream=steps, **TRIES),
            )
        ),
    ),
    together(
        "x-should-retry, with neither true nor false",
        *(
            case
            for given in ("", "maybe", "1", "null")
            for case in (
                Case(f"503 {given}", refused(3, 503), said(503, x_should_retry=given), **TRIES),
                Case(f"404 {given}", refused(1, 404), said(404, x_should_retry=given), **TRIES),
            )
        ),
    ),
    together(
        "x-should-retry says nothing of an answer",
        Case(
            "no answer",
            tried(1, raises(DecodeError)),
            unary=lambda _: [reply(200, body=b"{}", x_should_retry="true")],
            **TRIES,
        ),
        Case(
            "a cut stream",
            tried(1, raises(StreamTruncatedError)),
            stream=lambda d: [d.streamed(*d.begun)],
            **TRIES,
        ),
    ),
)
BILLING: Mapping[str, Mapping[str, Any]] = {
    "openai": {
        "error": {"message": "no", "type": "insufficient_quota", "code": "insufficient_quota"}
    },
    "azure": {"error": {"message": "no", "type": "insufficient_quota", "code": None}},
    "anthropic": {"type": "error", "error": {"type": "billing_error", "message": "no"}},
    "gemini": {
        "error": {
            "code": 429,
            "message": "no",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"violations": [{"quotaId": "RequestsPerDay"}]}],
        }
    },
}
"""Cohere and Replicate say so by status 402 alone."""


def unpaid(dialect: Dialect) -> Iterable[Step]:
    """A 429 that is about money."""
    return [reply(429, body=BILLING[dialect.name], retry_after="0.01")]


MONEY: tuple[Scene, ...] = (
    together(
        "429 about money is final",
        Case(
            "it",
            refused(1, 429, QuotaExceededError),
            unpaid,
            unpaid,
            providers=("openai", "azure", "anthropic"),
            **TRIES,
        ),
        providers=("openai", "azure", "anthropic"),
    ),
    pair("402 is about money", said(402, retry_after="0.01"), refused(1, 402, QuotaExceededError)),
)

# --- what breaks --------------------------------------------------------------------------


def cut(status: int = 200) -> Step:
    """A reply that breaks off within its body."""
    return then(head(status, content_length="9") + b"{", last=close)


NOTHING = always(reply(200, body=b"[]"))


def broken(name: str, steps: Steps) -> Scene:
    """Three tries; but one where a prediction may have been made."""
    three, one = tried(3, raises(ReadError)), tried(1, raises(ReadError))
    return together(
        f"{name} before a reply",
        Case("w", three, steps, providers=EXCEPT_REPLICATE, **TRIES),
        Case("once", one, steps, providers=REPLICATE, **TRIES),
        Case("s", three, None, steps, providers=EXCEPT_REPLICATE, **TRIES),
        Case("p", raises(ReadError), None, steps, providers=REPLICATE, **TRIES),
    )


BREAKS: tuple[Case | Scene, ...] = (
    broken("closed", always(close)),
    broken("reset", always(reset)),
    together(
        "an answer that is cut is not asked for again",
        Case("in its body", tried(1, raises(ReadError)), lambda _: [cut()], **TRIES),
        Case(
            "a stream at once",
            tried(1, raises(StreamTruncatedError)),
            stream=lambda _: [then(STREAM_HEAD, last=close)],
            **TRIES,
        ),
        Case(
            "a stream after pieces",
            tried(1, raises(StreamTruncatedError, partial=TEXT)),
            stream=lambda d: [then(begun(*d.begun), last=reset)],
            **TRIES,
        ),
    ),
    together(
        "an answer that is cut is asked for again where that was wished",
        Case(
            "in its body",
            tried(2, answers()),
            lambda d: [cut(), d.reply()],
            settings={"retry": READS},
            requests=2,
        ),
        Case(
            "after pieces of a stream it never is",
            tried(1, raises(StreamTruncatedError, partial=TEXT)),
            stream=lambda d: [then(begun(*d.begun), last=reset)],
            settings={"retry": READS},
        ),
    ),
    pair("a refusal that is cut is still one", lambda _: [cut(503)], refused(3, 503)),
    together(
        "what is no answer is not asked for again",
        Case("w", tried(1, raises(DecodeError)), NOTHING, **TRIES),
        Case(
            "s", tried(1, raises(DecodeError)), None, NOTHING, providers=EXCEPT_REPLICATE, **TRIES
        ),
        # what is no stream has come to its end, and the prediction itself is asked for
        Case("p", raises(DecodeError), None, NOTHING, providers=REPLICATE, **TRIES),
    ),
    Case(
        "an error in place of an answer, with status 200",
        tried(1, raises(ProviderError, OverloadedError, ServerError, RateLimitError, DecodeError)),
        lambda d: [reply(200, body=d.error_body("busy"))],
        **TRIES,
    ),
)

# --- errors in a stream -------------------------------------------------------------------

NO_KEY = event({"error": {"message": "no", "type": "authentication_error", "code": None}})
HOPELESS: Mapping[str, bytes] = {
    "openai": NO_KEY,
    "azure": NO_KEY,
    "anthropic": b"event: error\n"
    + event({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}),
    "gemini": event({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}),
    "replicate": b'event: error\ndata: {"detail": "no (E005)"}\n\n',
}
"""Cohere's errors within streams do not say what kind they are."""
IN_STREAM = (
    Case(
        "an error as the first event of a prediction's stream: that has failed",
        tried(1, raises(ServerError, in_stream=True)),
        stream=lambda d: [d.streamed(d.stream_error), d.streamed()],
        providers=REPLICATE,
        **TRIES,
    ),
    Case(
        "an error as the first event of a stream",
        tried(2, answers()),
        stream=lambda d: [d.streamed(d.stream_error), d.streamed()],
        providers=EXCEPT_REPLICATE,
        **TRIES,
    ),
    Case(
        "an error as the first event, after comments",
        tried(2, answers()),
        stream=lambda d: [d.streamed(b": hello\n\n", b"\n\n", d.stream_error), d.streamed()],
        providers=EXCEPT_REPLICATE,
        **TRIES,
    ),
    Case(
        "an error as the first event, a byte at a time",
        tried(2, answers()),
        stream=lambda d: [
            STREAM_HEAD + b"".join(framed(b"%c" % byte) for byte in d.stream_error),
            d.streamed(),
        ],
        providers=EXCEPT_REPLICATE,
        **TRIES,
    ),
    Case(
        "an error as the first event, each time",
        tried(3, raises(*BUSY, in_stream=True)),
        stream=lambda d: [d.streamed(d.stream_error)],
        providers=EXCEPT_REPLICATE,
        **TRIES,
    ),
    Case(
        "an error after the first piece",
        tried(1, raises(*BUSY, in_stream=True)),
        stream=lambda d: [d.streamed(*d.opening, d.piece("Hel"), d.stream_error), d.streamed()],
        **TRIES,
    ),
    Case(
        "an error after a whole answer's pieces",
        tried(1, raises(*BUSY, in_stream=True)),
        stream=lambda d: [d.streamed(*d.begun, d.stream_error), d.streamed()],
        **TRIES,
    ),
    Case(
        "an error that no other try would mend, as the first event",
        tried(1, raises(AuthenticationError, BadRequestError, ContentFilterError, in_stream=True)),
        stream=lambda d: [d.streamed(HOPELESS[d.name]), d.streamed()],
        providers=tuple(HOPELESS),
        **TRIES,
    ),
)

CASES: tuple[Case | Scene, ...] = (
    *STATUSES,
    *ASKED,
    *MONEY,
    *BREAKS,
    *IN_STREAM,
    *retry_waits.CASES,
    *retry_scenes.CASES,
)
