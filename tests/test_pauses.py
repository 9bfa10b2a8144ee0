"""Pauses and headers of a provider: who waits for them, who goes next, and that none is refused."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from llmgate import Client, RateLimitError
from llmgate.middleware import Middleware
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.rate_headers import advice_in
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time

HI: list[Any] = [{"role": "user", "content": "Hi"}]
MANY = Limit(requests=1e9)


def refusal(seconds: float) -> RateLimitError:
    """What a provider says that wants to be left alone for so long."""
    return RateLimitError("slow down", status=429, retry_after=seconds)


class Arrivals(Middleware):
    """When calls get to the provider, by their labels, in seconds from the beginning."""

    def __init__(self) -> None:
        self.times = list[tuple[str, Any]]()

    async def chat(self, call: Any, handler: Any) -> Any:
        began = time.monotonic() - virtual_time.BEGINNING
        self.times.append((str(call.labels.get("name")), round(began, 3)))
        return await handler(call)


def client_of(*middleware: Middleware, answers: Any) -> Any:
    """A client whose provider gives these answers, and then words."""
    provider = FakeProvider([*answers, *["word"] * 1_000])
    return Client(providers={"fake": provider}, middleware=middleware, max_retries=0)


async def after(seconds: float, client: Any, name: object, **options: Any) -> Any:
    """A call that is made then, or its error."""
    await asyncio.sleep(seconds)
    labels = {"name": str(name), **options.pop("labels", {})}
    try:
        return await client.acompletion("fake/m", HI, labels=labels, **options)
    except RateLimitError as error:
        return error


def in_no_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in virtual time."""

    def run() -> None:
        virtual_time.run(test)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def ramp(number: int) -> float:
    """When that call goes after a pause, where no rate is known: twice as many in each half second
    as in all the time before."""
    return round(0.5 * math.log2(number + 1), 3)


# --- pauses ---


@in_no_time
async def test_those_that_wait_for_the_end_of_a_pause_do_not_go_at_once() -> None:
    """But one after the other, faster and faster, in the order in which they came."""
    arrivals = Arrivals()
    client = client_of(Limits(MANY), arrivals, answers=[refusal(10)])
    await asyncio.gather(*(after(n / 100, client, n) for n in range(41)))
    (first, zero), *others = arrivals.times
    assert ("0", 0) == (first, zero)
    assert [(str(n + 1), pytest.approx(10 + ramp(n), abs=0.002)) for n in range(40)] == others
    await after(10, client, "later")  # nobody waits any more
    assert 22.6 < arrivals.times[-1][1] < 22.7
    await asyncio.gather(*(after(0, client, n) for n in range(5)))
    assert 1 == len({at for _, at in arrivals.times[-5:]})


@in_no_time
async def test_they_keep_to_the_rate_that_is_known() -> None:
    """Where that is slower; those that waited for their turn before keep their order and gaps."""
    arrivals = Arrivals()
    limits = Limits(Limit(requests=60, burst=1))
    client = client_of(limits, arrivals, answers=["word", refusal(10)])
    calls = [after(0, client, n) for n in range(4)]
    await asyncio.gather(*calls, *(after(2 + n / 10, client, n) for n in range(4, 7)))
    assert [("0", 0), ("1", 1)] == arrivals.times[:2]
    names, times = zip(*arrivals.times[2:], strict=True)
    assert [str(n) for n in range(2, 7)] == [*names]
    assert 11 <= times[0] <= 12
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times)]
    assert [1.0] * 4 == gaps


@in_no_time
async def test_those_that_wait_for_tokens_keep_their_order_as_well() -> None:
    """The pause is added to what they had to wait."""
    body = {"say": "a", "end": "done", "tokens": {"in": 500, "out": 500}}
    arrivals, limits = Arrivals(), Limits(Limit(tokens=6_000))
    client = client_of(limits, arrivals, answers=[Canned.json(body), Canned.json(body)])
    await after(0, client, 0)
    waiting = asyncio.create_task(after(0, client, 1))
    await asyncio.sleep(1)
    store: Any = limits._store
    store._groups[0, "fake/m"].hold(time.monotonic(), 10)
    await asyncio.gather(waiting, after(0, client, 2))
    assert ["0", "1", "2"] == [name for name, _ in arrivals.times]
    assert 14 == arrivals.times[1][1] < arrivals.times[2][1]


@in_no_time
async def test_others_wait_as_soon_as_a_call_is_refused_that_will_be_retried() -> None:
    """They do not run into the same refusal until its retries are used up; limits that stand
    around one another are all told."""
    arrivals = Arrivals()
    answers: list[Any] = ["word", refusal(10)]
    outer, inner = Limits(MANY), Limits(Limit(requests=1e9, by=""))
    provider = FakeProvider([*answers, *["word"] * 99])
    client = Client(providers={"fake": provider}, middleware=[outer, inner, arrivals])
    await after(0, client, "first")
    retried = asyncio.create_task(after(0, client, "retried"))
    await asyncio.gather(*(after(n, client, n) for n in range(1, 9)))
    completion = await retried
    assert ["RateLimitError", None] == [each.error for each in completion.attempts]
    assert ["first", "retried", *"12345678"] == [name for name, _ in arrivals.times]
    assert 10 <= arrivals.times[2][1] <= 10.5  # before the call that is retried, or behind it
    for limits in (outer, inner):
        store: Any = limits._store
        assert [virtual_time.BEGINNING + 10] == [each.held_until for each in store._groups.values()]


@in_no_time
async def test_what_a_provider_says_is_for_its_model() -> None:
    """Not for other models of the same tenant, nor for all calls; where no limit is for each model,
    it is for whatever they are held to."""
    client = client_of(Limits(MANY, Limit(requests=1e9, by="")), answers=[refusal(10)])
    await after(0, client, "refused")
    began = time.monotonic()
    await client.acompletion("fake/other", HI)
    assert began == time.monotonic()
    await client.acompletion("fake/m", HI)
    assert 10 == time.monotonic() - began
    client = client_of(Limits(Limit(requests=1e9, by="name")), answers=[refusal(10)])
    await after(0, client, "a")
    began = time.monotonic()
    await after(0, client, "b")
    assert began == time.monotonic()
    await after(0, client, "a")
    assert 10 == time.monotonic() - began


@in_no_time
async def test_another_pause_moves_all_of_them() -> None:
    """In their order."""
    arrivals = Arrivals()
    client = client_of(Limits(MANY), arrivals, answers=[refusal(5), refusal(20)])
    await asyncio.gather(*(after(n / 100, client, n) for n in range(20)))
    assert [str(n) for n in range(20)] == [name for name, _ in arrivals.times]
    assert 5 == arrivals.times[1][1]
    times = [at for _, at in arrivals.times[2:]]
    assert all(at >= 25 for at in times)
    assert len(times) == len(set(times))


@in_no_time
async def test_those_that_wait_for_others_to_end_wait_for_the_pause_as_well() -> None:
    """Before, each refusal made room for the next one to be refused."""
    arrivals = Arrivals()
    client = client_of(Limits(Limit(concurrency=2)), arrivals, answers=[refusal(9), refusal(9)])
    found = await asyncio.gather(*(after(0, client, n) for n in range(12)))
    assert 2 == sum(isinstance(each, RateLimitError) for each in found)
    assert [str(n) for n in range(12)] == [name for name, _ in arrivals.times]
    assert all(at >= 9 for _, at in arrivals.times[2:])
    assert arrivals.times[2][1] < arrivals.times[3][1]


@in_no_time
async def test_who_waits_for_another_group_goes_behind_those_that_wait() -> None:
    """A tenant whose own turn would have come in the middle of the pause."""
    arrivals = Arrivals()
    limits = Limits(MANY, Limit(requests=20, burst=1, by="tenant"))
    client = client_of(limits, arrivals, answers=["word", refusal(10)])
    slow: Any = {"labels": {"tenant": "a"}}
    calls = [after(0, client, "a1", **slow), after(0, client, "a2", **slow)]  # its turn is at 3 s
    await asyncio.gather(*calls, after(1, client, "refused"), after(2, client, "first"))
    assert ["a1", "refused", "first", "a2"] == [name for name, _ in arrivals.times]
    assert [11, 11.5] == [at for _, at in arrivals.times[2:]]


@in_no_time
async def test_a_call_whose_time_would_be_over_is_refused_at_once() -> None:
    """With the seconds until its place in the line."""
    client = client_of(Limits(MANY), answers=[refusal(10)])
    await after(0, client, 0)
    waiting = [asyncio.create_task(after(0, client, n)) for n in range(9)]
    await asyncio.sleep(0)
    error = await after(0, client, "short", timeout=10)
    assert "the limit of the provider for 'fake/m' is reached" in str(error)
    assert 10 + ramp(9) == pytest.approx(error.retry_after, abs=0.01)
    await asyncio.gather(*waiting)


@in_no_time
async def test_who_gives_up_leaves_its_place_to_others() -> None:
    """Nobody waits for a call that is not made."""
    arrivals = Arrivals()
    client = client_of(Limits(MANY), arrivals, answers=[refusal(10)])
    await after(0, client, 0)
    waiting = [asyncio.create_task(after(0, client, n)) for n in range(500)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await after(0, client, "other")
    assert ("other", pytest.approx(10, abs=0.6)) == arrivals.times[-1]


# --- headers ---


class Provider(Middleware):
    """A provider that takes so many calls a minute, says how many are left, and refuses more: in
    windows that begin with the minute, or as a bucket that fills evenly."""

    def __init__(self, limit: int, *, is_bucket: bool, tokens: bool = False) -> None:
        self.limit, self.is_bucket, self.kind = limit, is_bucket, "tokens" if tokens else "requests"
        self.left, self.at = float(limit), virtual_time.BEGINNING
        self.refused = self.taken = 0

    async def chat(self, call: Any, handler: Any) -> Any:
        now = time.monotonic()
        if self.is_bucket:
            self.left = min(self.limit, self.left + (now - self.at) * self.limit / 60)
            self.at = now
        elif now >= self.at + 60:
            self.left, self.at = self.limit, self.at + 60 * ((now - self.at) // 60)
        if self.left < 1:
            self.refused += 1
            raise RateLimitError("slow down", status=429, retry_after=self.reset(now))
        self.left -= 1
        self.taken += 1
        left: dict[str, Any] = {
            "limit": self.limit,
            "remaining": int(self.left),
            "reset": f"{self.reset(now)}s",
        }
        used = 10 if self.kind == "tokens" else 1
        says = {
            f"x-ratelimit-{name}-{self.kind}": str(value * used if name != "reset" else value)
            for name, value in left.items()
        }
        await asyncio.sleep(0.5)
        completion = await handler(call)
        completion.exchange.headers.update(says)
        return completion

    def reset(self, now: float) -> float:
        """Seconds until all is there again."""
        if self.is_bucket:
            return (self.limit - self.left) * 60 / self.limit
        return self.at + 60 - now


@pytest.mark.parametrize("tokens", [False, True], ids=["requests", "tokens"])
@pytest.mark.parametrize("is_bucket", [False, True], ids=["windows", "a bucket"])
def test_headers_slow_calls_down_before_any_is_refused(is_bucket: bool, tokens: bool) -> None:
    """And no more than is needed: the first calls go at once, and after some minutes as many were
    made as may be."""

    async def main() -> tuple[int, int, float]:
        provider = Provider(120, is_bucket=is_bucket, tokens=tokens)
        body = {"say": "a", "end": "done", "tokens": {"in": 9, "out": 1}}
        client = client_of(Limits(MANY), provider, answers=[Canned.json(body)] * 1_000)
        began = time.monotonic()

        async def one_after_the_other() -> None:
            for _ in range(60):
                await after(0, client, "")

        await asyncio.gather(*(one_after_the_other() for _ in range(8)))
        return provider.refused, provider.taken, time.monotonic() - began

    refused, taken, seconds = virtual_time.run(main)
    assert (0, 480) == (refused, taken)
    assert 170 < seconds < 270


def test_what_the_headers_of_a_stream_say_counts_when_they_come() -> None:
    """At its end they are long out of date."""

    async def main() -> tuple[float, float]:
        says = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5s"}
        hanging = Canned(headers=says, body=[b'{"say": "one "}\n'], hang=True)
        client = client_of(Limits(MANY), answers=[hanging])
        stream = await client.acompletion("fake/m", HI, stream=True)
        began = time.monotonic()
        await after(0, client, "second")
        second = time.monotonic() - began
        await asyncio.sleep(60)
        await stream.aclose()
        began = time.monotonic()
        await after(0, client, "third")
        return second, time.monotonic() - began

    assert (5, 0) == virtual_time.run(main)


@in_no_time
async def test_a_refusal_within_a_stream_holds_others_back() -> None:
    """As one before it does."""
    broken = Canned(body=[b'{"say": "one "}\n'], then=refusal(10))
    client = client_of(Limits(MANY), answers=[broken])
    stream = await client.acompletion("fake/m", HI, stream=True)
    with pytest.raises(RateLimitError):
        await stream.completion()
    began = time.monotonic()
    await after(0, client, "second")
    assert 10 == time.monotonic() - began


QUARTER = {"x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "30s"}


@pytest.mark.parametrize(
    ("headers", "gap", "seconds"),
    [
        ({**QUARTER, "x-ratelimit-remaining-requests": "10"}, 3, 30),
        ({**QUARTER, "x-ratelimit-remaining-requests": "15"}, 0, 0),
        ({**QUARTER, "x-ratelimit-remaining-requests": "0"}, 0, 0),
        (
            {**QUARTER, "x-ratelimit-limit-requests": "no", "x-ratelimit-remaining-requests": "1"},
            0,
            0,
        ),
        (
            {
                "anthropic-ratelimit-output-tokens-limit": "8000",
                "anthropic-ratelimit-output-tokens-remaining": "1000",
                "anthropic-ratelimit-output-tokens-reset": "20s",
                **QUARTER,
                "x-ratelimit-remaining-requests": "14",
            },
            10,
            20,
        ),
        (
            {
                "ratelimit-limit": "100, 100;w=60",
                "ratelimit-remaining": "5",
                "ratelimit-reset": "10",
            },
            2,
            10,
        ),
        (
            {
                "x-ratelimit-limit-requests": "1000",
                "x-ratelimit-remaining-requests": "1",
                "x-ratelimit-reset-requests": "6h",
            },
            0,
            0,
        ),
    ],
    ids=["low", "enough", "none", "no limit", "tokens", "a list", "a day"],
)
def test_what_headers_ask_for(headers: dict[str, str], gap: float, seconds: float) -> None:
    """What is left, over the time until there is more; of tokens, as many calls as this one was."""
    found = advice_in(headers, 500)
    assert found is not None
    assert (gap, seconds) == (found.gap, found.seconds)


def test_headers_that_say_nothing_of_limits_ask_for_nothing() -> None:
    """Nor do those that nobody can read."""
    assert advice_in({"content-type": "text/plain", "x-remaining": "5"}, 1) is None
    assert advice_in({"x-ratelimit-remaining": "some"}, 1) is None
