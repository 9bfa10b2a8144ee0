"""What is tried again, how often, and when; what is not; and that nothing is asked for twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from llmgate import RetryPolicy
from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ReadError,
    ServerError,
    StreamTruncatedError,
)
from tests.faults import retry_scenes
from tests.faults.calls import AT_ONCE
from tests.faults.dialects import TEXT, Dialect
from tests.faults.endless import always, begun
from tests.faults.server import (
    STREAM_HEAD,
    Seen,
    Step,
    close,
    event,
    framed,
    head,
    reply,
    reset,
    then,
)
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Scene,
    Steps,
    answers,
    raises,
    together,
)

__all__ = ["CASES"]

for _module in ("tenacity", "email.utils"):
    import_module(_module)  # or the first retry's time would be that of this

READS = replace(AT_ONCE, retry_reads=True)
NEVER = replace(AT_ONCE, retry=lambda _: False)
ALWAYS = replace(AT_ONCE, retry=lambda _: True)
TRIES: dict[str, Any] = {"settings": {"retry": AT_ONCE}, "requests": 3, "within": 0.5}
"""Three requests at most, at once."""


# --- what is right ------------------------------------------------------------------------


def tried(times: int, check: Check) -> Check:
    """So many requests came, all of them the same; and the attempts tell of each."""

    def checked(outcome: Outcome) -> None:
        check(outcome)
        requests = outcome.server.requests
        assert times == len(requests), f"{len(requests)} requests"
        assert len({_sent(seen) for seen in requests}) <= 1, "not the same request"
        attempts = _attempts(outcome)
        assert [*range(1, len(attempts) + 1)] == [attempt.number for attempt in attempts]
        assert times <= len(attempts) <= times + len(outcome.server.asides)

    return checked


def _sent(seen: Seen) -> tuple[Any, ...]:
    """All of a request: keys that make a request idempotent are the same, too."""
    return seen.method, seen.target, seen.body, tuple(sorted(seen.headers.items()))


def _attempts(outcome: Outcome) -> Any:
    found = outcome.answer or outcome.error
    assert found is not None
    return getattr(found, "attempts", ())


def refused(times: int, status: int, *kinds: type[LLMGateError], **more: Any) -> Check:
    """The provider's refusal was tried so many times, and is what the caller sees."""

    def check(outcome: Outcome) -> None:
        error = outcome.error
        assert isinstance(error, kinds or ProviderError), f"the error is {error!r}"
        assert status == error.status
        for name, expected in more.items():
            assert expected == getattr(error, name), name
        assert [status] * times == [each.status for each in error.attempts[-times:]]

    return tried(times, check)


def pair(name: str, steps: Steps, unary: Check, stream: Check | None = None, **more: Any) -> Scene:
    """One line: a whole answer, and a stream, for which another outcome may be right."""
    more = {**TRIES, **more}
    return together(
        name,
        Case(name, unary, unary=steps, **more),
        Case(name, stream or unary, stream=steps, **more),
    )


def recovers(name: str, first: Steps, requests: int = 2, **more: Any) -> Scene:
    """One line: after these steps comes the answer, and the caller has it."""

    def unary(dialect: Dialect) -> Iterable[Step]:
        return [*first(dialect), dialect.reply()]

    def stream(dialect: Dialect) -> Iterable[Step]:
        return [*first(dialect), dialect.streamed()]

    more = {**TRIES, "requests": requests, **more}
    check = tried(requests, answers())
    return together(
        name, Case(name, check, unary=unary, **more), Case(name, check, stream=stream, **more)
    )


# --- which statuses -----------------------------------------------------------------------

REPLICATE = ("replicate",)
EXCEPT_REPLICATE = ("openai", "azure", "anthropic", "cohere")
"""Replicate's request is not repeated where its prediction may have been made already."""
PASSING = (408, 425, 429, 503, 529)
MAYBE_DONE = (500, 502, 504)
FINAL = (400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421)
ALSO_FINAL = (422, 423, 424, 426, 428, 431, 451, 498, 501, 505, 507, 508, 511, 599)
REDIRECTS = (300, 301, 302, 303, 304, 305, 307, 308)


def said(status: int, **headers: str) -> Steps:
    """The provider's error of this status, again and again."""
    return lambda dialect: [dialect.error(status, **headers)]


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
    cases = (
        Case(f"{kind} {status}", refused(1, status), **{kind: said(status)}, **TRIES)
        for status in statuses
        for kind in ("unary", "stream")
    )
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
            Case(f"{kind} {status}", refused(3, status), **{kind: steps}, **more, **TRIES)
            for status in (400, 409, 501)
            for steps in (said(status, x_should_retry="true"),)
            for kind, more in (("unary", {"providers": EXCEPT_REPLICATE}), ("stream", {}))
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
}
"""Cohere and Replicate say so by status 402 alone."""


def unpaid(dialect: Dialect) -> Iterable[Step]:
    """A 429 that is about money."""
    return [reply(429, body=BILLING[dialect.name], retry_after="0.01")]


MONEY = (
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
BREAKS = (
    *(
        together(
            f"{name} before a reply",
            Case("w", tried(3, raises(ReadError)), step, providers=EXCEPT_REPLICATE, **TRIES),
            Case("once", tried(1, raises(ReadError)), step, providers=REPLICATE, **TRIES),
            Case("s", tried(3, raises(ReadError)), None, step, providers=EXCEPT_REPLICATE, **TRIES),
            # its stream is asked for on the connection that made the prediction, and so once more
            Case(
                "more",
                raises(ReadError),
                None,
                step,
                providers=REPLICATE,
                **{**TRIES, "requests": 4},
            ),
        )
        for name, step in (("closed", lambda _: [close]), ("reset", lambda _: [reset]))
    ),
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
            providers=EXCEPT_REPLICATE,
        ),
        Case(
            "a prediction is not",
            tried(1, raises(ReadError)),
            lambda d: [cut(), d.reply()],
            settings={"retry": READS},
            providers=REPLICATE,
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

BUSY = (OverloadedError, ServerError)
NO_KEY = event({"error": {"message": "no", "type": "authentication_error", "code": None}})
HOPELESS: Mapping[str, bytes] = {
    "openai": NO_KEY,
    "azure": NO_KEY,
    "anthropic": b"event: error\n"
    + event({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}),
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

# --- how often ----------------------------------------------------------------------------


def at_most(retries: int) -> Scene:
    """The client's number, and the call's, which comes first."""
    tries = {"requests": retries + 1, "within": 0.5}
    own = {
        "options": {"max_retries": retries},
        "settings": {"retry": replace(AT_ONCE, max_retries=9)},
    }
    theirs = {"settings": {"retry": AT_ONCE, "max_retries": retries}}
    check = refused(retries + 1, 503)
    return together(
        f"max_retries={retries}: {retries + 1} requests",
        Case("the client's", check, said(503), said(503), **theirs, **tries),
        Case("the call's", check, said(503), said(503), **own, **tries),
    )


HOW_OFTEN = (
    *(at_most(retries) for retries in (0, 1, 2, 4)),
    together(
        "max_retries bounds all kinds of failure together",
        Case(
            "of an answer",
            tried(3, raises(OverloadedError)),
            lambda d: [reset, close, d.error(503), d.reply()],
            providers=EXCEPT_REPLICATE,
            **TRIES,
        ),
        Case(
            "of a stream",
            tried(3, raises(*BUSY, in_stream=True)),
            stream=lambda d: [d.error(503), d.error(429), d.streamed(d.stream_error), d.streamed()],
            **TRIES,
        ),
    ),
    recovers(
        "one failure after another, and then an answer",
        lambda d: [d.error(429), d.error(503), d.error(408), d.error(529)],
        requests=5,
        settings={"retry": replace(AT_ONCE, max_retries=4)},
    ),
    together(
        "a strategy can narrow what is tried again, and cannot widen it",
        Case("narrow", refused(1, 503), said(503), said(503), settings={"retry": NEVER}),
        Case("wide", refused(1, 400), said(400), said(400), settings={"retry": ALWAYS}),
    ),
)

# --- when ---------------------------------------------------------------------------------

PAST = "Sun, 06 Nov 1994 08:49:37 GMT"
NONSENSE = (
    *(
        "",
        " ",
        "0",
        "-1",
        "-0.5",
        "nan",
        "NaN",
        "-inf",
        "soon",
        "1 2",
        "1,5",
        "0x10",
        "1_000",
        "--1",
    ),
    *("1s", ",", "GMT", "\xb2", "Sun, 99 Foo 2026 99:99:99 GMT", "9" * 5 + "-01-01", PAST),
    *("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "0" * 5000, "1" + "e" * 5000),
)
BEYOND = (
    *("86400", "1e308", "1e400", "inf", "Infinity", "9" * 20, "9" * 5000, "1e3"),
    *("Sun, 22 Nov 99999 12:00:10 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
    *("Fri, 01-Jan-2060 00:00:00 GMT", "Fri Jan  1 00:00:00 2060"),
)
LONG: dict[str, Any] = {
    "settings": {"retry": RetryPolicy(max_retries=2, wait=lambda _: 9.0)},
    "within": 0.1,
}
"""The strategy's own wait would not fit into the time."""


def waited(seconds: float) -> Check:
    """The answer came after one retry, and after as long a wait as was asked for."""

    def check(outcome: Outcome) -> None:
        tried(2, answers())(outcome)
        wait = _attempts(outcome)[-1].wait
        assert math.isclose(seconds, wait, abs_tol=1e-9), wait
        first, second = outcome.server.requests[-2:]
        assert seconds - 0.01 <= second.at - first.at <= seconds + 0.25

    return check


def beyond(outcome: Outcome) -> None:
    """It fails at once, and says how long it was to wait."""
    refused(1, 429, RateLimitError)(outcome)
    asked = getattr(outcome.error, "retry_after", None)
    assert asked is not None
    assert asked >= 1000


def after(name: str, seconds: float, **headers: str) -> Case:
    """Asked to wait so, the client waits so long."""
    return Case(
        name,
        waited(seconds),
        lambda d: [d.error(429, **headers), d.reply()],
        lambda d: [d.error(429, **headers), d.streamed()],
        settings={"retry": LONG["settings"]["retry"]},
        requests=2,
    )


WHEN = (
    together(
        "Retry-After, as seconds and as milliseconds",
        after("a fraction", 0.05, retry_after="0.05"),
        after("another fraction", 0.05, retry_after="5e-2"),
        after("in white space", 0.05, retry_after="  0.05  "),
        after("milliseconds", 0.05, retry_after_ms="50"),
        after("a part of one", 0.0505, retry_after_ms="50.5"),
        after("milliseconds come first", 0.05, retry_after_ms="50", retry_after="86400"),
        after("unless they are nonsense", 0.05, retry_after_ms="soon", retry_after="0.05"),
        after("or in the past", 0.05, retry_after_ms="-1", retry_after="0.05"),
    ),
    *(
        together(
            f"Retry-After that says nothing: the strategy's own wait, {number}",
            *(
                Case(
                    f"{kind} {given[:40]!r}",
                    tried(3, raises(OverloadedError, retry_after=None)),
                    **{kind: said(503, retry_after=given)},
                    **TRIES,
                )
                for given in part
                for kind in ("unary", "stream")
            ),
        )
        for number, part in enumerate((NONSENSE[:8], NONSENSE[8:16], NONSENSE[16:]), 1)
    ),
    together(
        "Retry-After beyond the time: it fails now, and says what was asked",
        *(
            Case(f"{kind} {given[:40]!r}", beyond, **{kind: said(429, retry_after=given)}, **LONG)
            for given in BEYOND
            for kind in ("unary", "stream")
        ),
    ),
    together(
        "Retry-After with each status that is tried again",
        *(
            Case(
                f"{status}",
                tried(2, answers()),
                lambda d, s=status: [d.error(s, retry_after="0.02"), d.reply()],
                settings={"retry": LONG["settings"]["retry"]},
                requests=2,
            )
            for status in (408, 429, 503)
        ),
        Case("403", refused(1, 403, retry_after=0.02), said(403, retry_after="0.02"), **LONG),
    ),
    together(
        "a wait that does not fit is not begun",
        Case("as the strategy says", refused(1, 503), said(503), said(503), **LONG),
    ),
)

CASES: tuple[Case | Scene, ...] = (
    *STATUSES,
    *ASKED,
    *MONEY,
    *BREAKS,
    *IN_STREAM,
    *HOW_OFTEN,
    *WHEN,
    *retry_scenes.CASES,
)
