"""Calls that need not wait for a limit, and the stores that decide of them at once or later."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from llmgate.errors import DeadlineExceededError, RateLimitError
from llmgate.middleware import Middleware
from llmgate.middlewares.limit_store import Admission, Amounts, Share
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.rate_headers import RateHeaders, advice_in
from llmgate.middlewares.routing import Router
from llmgate.middlewares.turns import MemoryLimits
from llmgate.testing import Canned
from tests import virtual_time
from tests.limited_calls import ask, client_of, group_of
from tests.test_observers import HANGING, functions

ANSWER = {"say": "a", "end": "done", "tokens": {"in": 3, "out": 2}}


# --- the time of a call ---


class Sleepy(Limits):
    """It waits for something of its own."""

    async def chat(self, call: Any, handler: Any) -> Any:
        await asyncio.sleep(1e6)
        return await super().chat(call, handler)


def in_no_time(test: Callable[..., Coroutine[Any, Any, None]], *given: Any) -> None:
    """Run a test in virtual time."""
    virtual_time.run(lambda: test(*given))


async def seconds_until_late(client: Any, **options: Any) -> float:
    """How long a call takes that is ended by its deadline."""
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await ask(client, **options)
    assert ("fake/m", "total") == (caught.value.model, caught.value.phase)
    return time.monotonic() - began


async def test_a_call_that_need_not_wait_is_guarded_by_nothing() -> None:
    """But by its own deadline, also behind a router; no task is made, and no store is awaited."""
    limit = Limit(requests=1e6, tokens=1e9, concurrency=9)
    for client in (client_of(Limits(limit)), client_of(Router(), Limits(limit))):
        entered = await functions(client)
        unwanted = {"run_middleware", "guarded", "admit", "_wait_for_turn", "create_task"}
        assert {"admit_at_once", "end"} == entered & {"admit_at_once", "end", *unwanted}


@pytest.mark.parametrize("further", [(), (Router(),), (Middleware(),)])
def test_who_waits_for_a_turn_has_the_time_of_the_call(further: Sequence[Middleware]) -> None:
    """That of the client, whatever else stands around; nothing is left of it."""

    async def test() -> None:
        limits = Limits(Limit(concurrency=1))
        client = client_of(*further, limits, answers=[HANGING], timeout=9)
        first = asyncio.create_task(ask(client, timeout=1e5))
        await asyncio.sleep(0)
        assert 9 <= await seconds_until_late(client) < 9.2
        group = group_of(limits)
        assert (1, 0) == (group.running, len(group.waiting))
        first.cancel()
        await asyncio.wait([first])
        assert 0 == group.running

    in_no_time(test)


def test_all_that_wait_have_the_same_time() -> None:
    """It begins with the call, and not with each wait; what was waited for in vain is given
    back."""

    async def test() -> None:
        outer, inner = Limits(Limit(requests=6, burst=1)), Limits(Limit(requests=1, burst=1))
        client = client_of(outer, inner, timeout=15)
        await ask(client, timeout=None)
        used = group_of(outer).next_request
        with pytest.raises(RateLimitError, match="1 requests in 60 s"):
            await ask(client, timeout=14)  # ten seconds for the one, and fifty for the other
        assert 15 <= await seconds_until_late(client) < 15.2
        assert used == group_of(outer).next_request

    in_no_time(test)


def test_a_price_is_looked_for_within_the_time_of_the_call() -> None:
    """It may have to be loaded."""

    async def test() -> None:
        limits: Any = Limits(Limit(spend=1))

        async def find(model: str) -> None:
            await asyncio.sleep(1e6)

        limits._pricing.find = find
        assert 9 <= await seconds_until_late(client_of(limits, timeout=9)) < 9.2

    in_no_time(test)


def test_a_subclass_that_waits_is_guarded() -> None:
    """Whatever it waits for."""

    async def test() -> None:
        client = client_of(Sleepy(Limit(requests=1)), timeout=9)
        assert 9 <= await seconds_until_late(client) < 9.2

    in_no_time(test)


def test_a_call_that_waits_has_reserved_what_it_may_spend() -> None:
    """So that those behind it find that gone."""

    async def test() -> None:
        limits = Limits(Limit(requests=60, burst=1, spend=1, per=60))
        client = client_of(limits, prices={"fake/m": {"input": 1, "output": 1}})
        await ask(client)
        group = group_of(limits)
        spent, waiting = group.spent, asyncio.create_task(ask(client))
        await asyncio.sleep(0)
        assert group.reserved > 0
        await waiting
        assert (0, 2 * spent) == (group.reserved, group.spent)

    in_no_time(test)


# --- stores ---


class Noted:
    """An admission that notes what is done with it."""

    def __init__(self, inner: Admission, seen: list[Any]) -> None:
        self._inner, self._seen = inner, seen

    def __getattr__(self, name: str) -> Any:
        def done(*given: Any) -> None:
            self._seen.append((name, *given))
            getattr(self._inner, name)(*given)

        return done


class Elsewhere:
    """A store that has to be asked, and notes what it is asked."""

    amounts = MemoryLimits.amounts

    def __init__(self) -> None:
        self._inner, self.seen = MemoryLimits(), list[Any]()

    async def admit(self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None) -> Any:
        await asyncio.sleep(0)
        return Noted(await self._inner.admit(shares, amounts, max_wait), self.seen)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Delegating:
    """Another one, whose methods are those of an object."""

    def __init__(self, store: Elsewhere) -> None:
        self.admit, self.aclose, self.amounts = store.admit, store.aclose, store.amounts


class Counting(MemoryLimits):
    """It counts the calls that it is asked for."""

    asked = 0

    async def admit(self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None) -> Any:
        self.asked += 1
        return await super().admit(shares, amounts, max_wait)


@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_a_store_that_only_can_be_awaited_is(*, is_wrapped: bool) -> None:
    """It is told of the end of each call step by step, and holds its limits."""
    store = Elsewhere()
    headers = {"x-ratelimit-limit-requests": "9", "x-ratelimit-remaining-requests": "8"}
    answers = [Canned.json(ANSWER, headers=headers), Canned.json(ANSWER), RateLimitError("no")]
    limit = Limit(requests=60, tokens=1e6, burst=9)
    limits = Limits(limit, store=Delegating(store) if is_wrapped else store)
    client = client_of(limits, Limits(Limit(requests=1, burst=3), max_wait=0), answers=answers)
    used, left = ("settle", {"requests": 1, "tokens": 5}), ("leave",)
    failed = [("settle", {"requests": 1}), ("hold_back", 0.0), left]
    for steps in ([used, ("pace", 0.0, 0.0), left], [used, left], failed, [("give_back",), left]):
        store.seen.clear()
        with suppress(RateLimitError):
            await ask(client)
        assert steps == store.seen


async def test_a_subclass_that_changes_how_calls_are_admitted_is_asked() -> None:
    """Also where the store below it need not be."""
    store = Counting()
    client = client_of(Limits(Limit(requests=60), store=store))
    await ask(client)
    await ask(client)
    assert 2 == store.asked


async def test_groups_are_looked_for_where_shares_may_have_changed() -> None:
    """Those in a list are; those in a tuple are found once, until the store is closed."""
    store, limit = MemoryLimits(), Limit(concurrency=1)
    shares: Sequence[Share]
    for shares in ([Share(0, limit, "a")], (Share(0, limit, "a"),)):
        first = store.admit_at_once(shares, {"requests": 1, "tokens": 0})
        assert first is not None
        assert store.admit_at_once(shares, {"requests": 1, "tokens": 0}) is None
        await store.aclose()
        again = store.admit_at_once(shares, {"requests": 1, "tokens": 0})
        assert again is not None
        assert first.groups[0] is not again.groups[0]
        store.end(again, None, False)
        assert 0 == again.groups[0].running


# --- headers of responses ---

VALUES = (None, "", "0", "1", "24", "25", "26", "100", "2.5", "-1", "99, 100;w=60", "some", "1e9")
RESETS = (None, "30s", "6m0s", "2", "soon")


def test_headers_say_the_same_again_and_again() -> None:
    """Whichever responses come one after the other, with other limits or none, in another order."""
    draw, reader, said = random.Random(7), RateHeaders(), set[Any]()
    for _ in range(3_000):
        given: dict[str, str | None] = {"content-type": "application/json"}
        for kind in draw.sample(["requests", "tokens"], draw.randint(0, 2)):
            given[f"x-ratelimit-remaining-{kind}"] = draw.choice(VALUES)
            given[f"x-ratelimit-limit-{kind}"] = draw.choice(VALUES)
            given[f"x-ratelimit-reset-{kind}"] = draw.choice(RESETS)
        headers = {name: value for name, value in given.items() if value is not None}
        expected = advice_in(headers, 50)
        assert [expected, expected] == [reader.advice(headers, 50) for _ in range(2)], headers
        said.add(expected)
    assert len(said) > 20
