"""Limits of what is spent: what is reserved, what counts in the end, and who is refused."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from llmgate import Completion
from llmgate.errors import (
    RateLimitError,
)
from llmgate.middlewares.limits import Limit, Limits
from tests.spend.calls import COST, DAY, ESTIMATE, Gate, ask, client_of, spent


async def test_an_estimate_is_reserved_and_the_cost_is_counted(clock: list[float]) -> None:
    """To a billionth."""
    limits, gate = Limits(Limit(spend=1, per=DAY)), Gate()
    client = client_of(limits, gate)
    calls = [asyncio.create_task(ask(client)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (0, 3 * ESTIMATE) == spent(limits)
    gate.opened.set()
    for call in calls:
        assert Decimal("0.02") == (await call).cost
    assert (3 * COST, 0) == spent(limits)


async def test_a_refusal_names_the_level_the_limit_what_is_spent_and_the_reset(
    clock: list[float],
) -> None:
    """At once: the next period may be far away. Nothing is used of the other limits."""
    limits = Limits(Limit(requests=100, by=""), Limit(spend=Decimal("0.05"), per=DAY, by="tenant"))
    client = client_of(limits)
    for _ in range(2):
        await ask(client, labels={"tenant": "a"})
    store: Any = limits._store
    used = store._groups[0, ""].next_request
    with pytest.raises(RateLimitError) as caught:
        await ask(client, labels={"tenant": "a"})
    expected = "the limit of 0.05 USD in 86400 s for 'a', of which 0.04 are spent or reserved,"
    assert expected in str(caught.value)
    assert 0.75 * DAY == caught.value.retry_after
    assert caught.value.retryable is False
    assert used == store._groups[0, ""].next_request
    await ask(client, labels={"tenant": "b"})
    await ask(client)  # whose tenant is not known


async def test_a_new_period_begins_anew(clock: list[float]) -> None:
    """Counted from the epoch; what was admitted before is counted where it was."""
    limits, gate = Limits(Limit(spend=0.05, per=DAY)), Gate()
    client = client_of(limits, gate)
    call = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    assert (0, ESTIMATE) == spent(limits)
    clock[0] = 11 * DAY
    late = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    assert (0, ESTIMATE) == spent(limits)
    gate.opened.set()
    await asyncio.gather(call, late)
    assert (COST, 0) == spent(limits)
    assert 12 * DAY == Limit(spend=1, per=DAY).period_end(clock[0])
    assert 11 * DAY == Limit(spend=1, per=DAY).period_end(11 * DAY - 1)


async def test_a_clock_that_was_far_ahead_ends_no_spending(clock: list[float]) -> None:
    """What was counted in a period that is years away is forgotten when the clock is set right."""
    limits, now = Limits(Limit(spend=0.05, per=DAY)), clock[0]
    client = client_of(limits)
    clock[0] = 20_000 * DAY
    await ask(client)
    assert (COST, 0) == spent(limits)
    clock[0] = now
    await ask(client)
    assert (COST, 0) == spent(limits)
    clock[0] = now - DAY / 2  # set back a little: it is the same period, or the one before
    await ask(client)
    assert (2 * COST, 0) == spent(limits)


async def test_many_calls_at_once_pass_it_by_no_more_than_they_are_misjudged(
    clock: list[float],
) -> None:
    """What is reserved counts as spent."""
    limits, gate = Limits(Limit(spend=Decimal("0.5"), per=DAY)), Gate()
    client = client_of(limits, gate)
    calls = [asyncio.create_task(ask(client)) for _ in range(100)]
    await asyncio.sleep(0)
    gate.opened.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    accepted = [each for each in results if isinstance(each, Completion)]
    assert 500_000_000 // ESTIMATE == len(accepted)
    assert 100 - len(accepted) == sum(isinstance(each, RateLimitError) for each in results)
    assert (len(accepted) * COST, 0) == spent(limits)


BUDGETS = {"key": "0.10", "user": "0.06", "team": "0.16"}


@pytest.mark.parametrize(
    ("earlier", "refused_by"),
    [
        ([], ""),
        ([("k1", "u1", "t1")] * 2, ""),
        ([("k1", "u1", "t1")] * 3, "u1"),
        ([("k1", "u2", "t2")] * 3, ""),
        ([("k1", "u2", "t2")] * 3 + [("k1", "u3", "t2")] * 2, "k1"),
        ([("k1", "u2", "t1")] * 3 + [("k1", "u3", "t2")] * 2, "k1"),
        ([("k2", "u2", "t1")] * 3 + [("k2", "u3", "t1")] * 2 + [("k3", "u4", "t1")] * 3, "t1"),
        ([("k1", "u1", "t1")] * 3 + [("k1", "u2", "t2")] * 2, "k1 or u1"),
    ],
)
async def test_every_level_that_applies_is_checked(
    earlier: list[tuple[str, str, str]], refused_by: str, clock: list[float]
) -> None:
    """A key, its user and its team: a call of k1, u1 and t1 is refused by each that is spent."""
    limits = Limits(*(Limit(spend=Decimal(most), per=DAY, by=by) for by, most in BUDGETS.items()))
    client = client_of(limits)
    for key, user, team in earlier:
        await ask(client, labels={"key": key, "user": user, "team": team})
    call = ask(client, labels={"key": "k1", "user": "u1", "team": "t1"})
    if not refused_by:
        await call
        return
    with pytest.raises(RateLimitError) as caught:
        await call
    assert any(f"for '{level}'" in str(caught.value) for level in refused_by.split(" or "))
