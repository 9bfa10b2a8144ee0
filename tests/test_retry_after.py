"""How long a provider asks to wait, in every spelling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate import Client, RetryPolicy
from llmgate._core.retry import parse_retry_after
from llmgate.testing import Canned, CannedTransport
from tests.plain_provider import PlainProvider

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
IN_TEN = "Sun, 22 Nov 2026 12:00:10 GMT"
RETRY_AFTER: dict[str, tuple[Mapping[str, str], float | None]] = {
    "no header": ({}, None),
    "seconds": ({"retry-after": "2"}, 2.0),
    "seconds in white space": ({"retry-after": " 2 "}, 2.0),
    "fractions": ({"retry-after": "0.25"}, 0.25),
    "milliseconds": ({"retry-after-ms": "1500"}, 1.5),
    "milliseconds come first": ({"retry-after": "9", "retry-after-ms": "20"}, 0.02),
    "seconds where the milliseconds are garbage": (
        {"retry-after": "9", "retry-after-ms": "x"},
        9.0,
    ),
    "a date": ({"retry-after": IN_TEN}, 10.0),
    "the next second": ({"retry-after": "Sun, 22 Nov 2026 12:00:01 GMT"}, 1.0),
    "a date of RFC 850": ({"retry-after": "Sunday, 22-Nov-26 12:00:10 GMT"}, 10.0),
    "a date of asctime": ({"retry-after": "Sun Nov 22 12:00:10 2026"}, 10.0),
    "a date in another zone": ({"retry-after": "Sun, 22 Nov 2026 14:00:10 +0200"}, 10.0),
    "a date without a zone": ({"retry-after": "Sun, 22 Nov 2026 12:00:10"}, 10.0),
    "a date in the past": ({"retry-after": "Sun, 22 Nov 2026 11:59:59 GMT"}, None),
    "this very moment": ({"retry-after": "Sun, 22 Nov 2026 12:00:00 GMT"}, None),
    "a date that cannot be": ({"retry-after": "Sun, 22 Foo 2026 12:00:10 GMT"}, None),
    "a month that cannot be": ({"retry-after": "Sun, 22 13 2026 12:00:10 GMT"}, None),
    "a year before all": ({"retry-after": "Nov 13 + 12:00 -9999"}, None),
    "the year 99999": ({"retry-after": "Sun, 22 Nov 99999 12:00:10 GMT"}, math.inf),
    "zero": ({"retry-after": "0"}, 0.0),
    "zero milliseconds come first": ({"retry-after": "9", "retry-after-ms": "0"}, 0.0),
    "zero below zero": ({"retry-after": "-0.0"}, 0.0),
    "negative": ({"retry-after": "-5"}, None),
    "not a number": ({"retry-after": "nan"}, None),
    "empty": ({"retry-after": ""}, None),
    "garbage": ({"retry-after": "soon"}, None),
    "a comma": ({"retry-after": ","}, None),
    "two numbers": ({"retry-after": "1 2"}, None),
    "a number as Python writes it": ({"retry-after": "1_0"}, None),
    "another script's digits": ({"retry-after": "٣"}, None),
    "a day": ({"retry-after": "86400"}, 86400.0),
    "1e308": ({"retry-after": "1e308"}, 1e308),
    "1e400": ({"retry-after": "1e400"}, math.inf),
    "inf": ({"retry-after": "inf"}, math.inf),
    "infinite milliseconds": ({"retry-after-ms": "inf"}, math.inf),
    "twenty digits": ({"retry-after": "9" * 20}, 1e20),
    "five thousand digits": ({"retry-after": "9" * 5000}, math.inf),
}


@pytest.mark.parametrize(("headers", "expected"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_the_wait_that_a_reply_asks_for(headers: Mapping[str, str], expected: float | None) -> None:
    """In every form that servers use; None where it says nothing, or nonsense."""
    assert expected == parse_retry_after(headers, NOW.timestamp())


def test_a_date_is_compared_with_the_clock() -> None:
    """Without a given time, it is now."""
    long_ago, far_off = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    assert parse_retry_after({"retry-after": long_ago}) is None
    assert (parse_retry_after({"retry-after": far_off}) or 0) > 365 * 86400


async def test_zero_is_retried_at_once() -> None:
    """The provider says when; no backoff is added to that."""
    answer = Canned(body=b'{"choices": [{"message": {"content": "Hi", "role": "assistant"}}]}')
    transport = CannedTransport([Canned(503, {"retry-after": "0"}), answer])
    slowly = RetryPolicy(wait=lambda _: 60.0)
    provider = PlainProvider(api_key="k")
    async with Client(providers={"openai": provider}, transport=transport, retry=slowly) as client:
        completion = await client.acompletion("openai/m", [{"role": "user", "content": "Hi"}])
    assert [0.0, 0.0] == [attempt.wait for attempt in completion.attempts]


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)), st.floats(0, 3e11))
def test_a_date_is_awaited_to_the_second(moment: datetime, now: float) -> None:
    """Whatever the clock says, the wait ends at the date, and is never negative."""
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    wait = parse_retry_after({"retry-after": format_datetime(moment, usegmt=True)}, now)
    expected = moment.timestamp() - now
    assert wait == (pytest.approx(expected) if expected > 0 else None)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "retry-after": st.text() | st.from_regex(r"[A-Za-z0-9 ,:+.-]{0,40}", fullmatch=True),
            "retry-after-ms": st.text(),
        },
    )
)
def test_no_header_makes_the_wait_negative(headers: dict[str, str]) -> None:
    """Neither an exception, nor NaN, nor a wait that ends before it begins."""
    wait = parse_retry_after(headers, NOW.timestamp())
    assert wait is None or wait >= 0
