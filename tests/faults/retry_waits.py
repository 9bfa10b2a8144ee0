"""How often something is tried again, and after which wait."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from llmgate import RetryPolicy
from llmgate.errors import OverloadedError, RateLimitError
from tests.faults.calls import AT_ONCE
from tests.faults.retry_checks import (
    BUSY,
    EXCEPT_REPLICATE,
    TRIES,
    attempts_of,
    either_way,
    recovers,
    refused,
    said,
    tried,
)
from tests.faults.server import close, reset
from tests.faults.table import Case, Check, Outcome, Scene, Steps, answers, raises, together

__all__ = ["CASES"]


def never(_: object) -> bool:
    """A strategy that tries nothing again."""
    return False


def ever(_: object) -> bool:
    """One that would try everything again."""
    return True


NEVER = replace(AT_ONCE, retry=never)
ALWAYS = replace(AT_ONCE, retry=ever)

# --- how often ----------------------------------------------------------------------------


def at_most(retries: int) -> Scene:
    """The client's number, and the call's, which comes first."""
    tries: dict[str, Any] = {"requests": retries + 1, "within": 0.5}
    own: dict[str, Any] = {
        "options": {"max_retries": retries},
        "settings": {"retry": replace(AT_ONCE, max_retries=9)},
    }
    theirs: dict[str, Any] = {"settings": {"retry": AT_ONCE, "max_retries": retries}}
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
    ("", " ", "-1", "-0.5", "nan", "NaN", "-inf"),
    ("soon", "1 2", "1,5", "0x10", "1_000", "--1", "1s", ",", "GMT", "\xb2"),
    (PAST, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"),
    ("Sun, 99 Foo 2026 99:99:99 GMT", "99999-01-01", "1" + "e" * 5000),
)
BEYOND = (
    *("86400", "1e308", "1e400", "inf", "Infinity", "9" * 20, "9" * 5000, "1e3"),
    *("Sun, 22 Nov 99999 12:00:10 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
    *("Fri, 01-Jan-2060 00:00:00 GMT", "Fri Jan  1 00:00:00 2060"),
)
LONG: dict[str, Any] = {
    "settings": {"retry": RetryPolicy(max_retries=2, wait=lambda _: 9.0), "timeout": 5.0},
    "within": 0.3,
}
"""The strategy's own wait would not fit into the time."""


def waited(seconds: float) -> Check:
    """The answer came after one retry, and after as long a wait as was asked for."""

    def check(outcome: Outcome) -> None:
        tried(2, answers())(outcome)
        wait = attempts_of(outcome)[-1].wait
        assert math.isclose(seconds, wait, abs_tol=1e-9), wait
        first, second = outcome.server.requests[-2:]
        assert seconds - 0.01 <= second.at - first.at <= seconds + 0.25 + outcome.delay

    return check


def beyond(outcome: Outcome) -> None:
    """It fails at once, and says how long it was to wait."""
    refused(1, 429, RateLimitError)(outcome)
    asked = getattr(outcome.error, "retry_after", None)
    assert asked is not None
    assert asked >= 1000


def soon(status: int) -> Steps:
    """A refusal that asks for a short wait, and then the answer."""
    return lambda dialect: [dialect.error(status, retry_after="0.02"), dialect.reply()]


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
        after("zero, which is at once", 0.0, retry_after="0"),
        after("five thousand zeros", 0.0, retry_after="0" * 5000),
        after("zero milliseconds", 0.0, retry_after_ms="0", retry_after="86400"),
        after("or in the past", 0.05, retry_after_ms="-1", retry_after="0.05"),
    ),
    *(
        together(
            f"Retry-After that says nothing: the strategy's own wait, {number}",
            *(
                case
                for given in part
                for case in either_way(
                    f"{given:.40}",
                    tried(3, raises(OverloadedError, retry_after=None)),
                    said(503, retry_after=given),
                    **TRIES,
                )
            ),
        )
        for number, part in enumerate(NONSENSE, 1)
    ),
    together(
        "Retry-After beyond the time: it fails now, and says what was asked",
        *(
            case
            for given in BEYOND
            for case in either_way(f"{given:.40}", beyond, said(429, retry_after=given), **LONG)
        ),
    ),
    together(
        "Retry-After with each status that is tried again",
        *(
            Case(
                f"{status}",
                tried(2, answers()),
                soon(status),
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

CASES: tuple[Case | Scene, ...] = (*HOW_OFTEN, *WHEN)
