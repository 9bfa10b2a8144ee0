"""Limits: what is given, and which groups are kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from llmgate import RateLimitError
from llmgate.errors import InvalidRequestError
from llmgate.middlewares.limit_definition import AnyCall
from llmgate.middlewares.limit_groups import Group
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.turns import MemoryLimits
from tests.limited_calls import ONE, Slow, ask, client_of, groups_in

# --- what is given, and what is kept ---


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "limit"),
        ({"requests": 0}, "limit.requests"),
        ({"tokens": -1}, "limit.tokens"),
        ({"concurrency": True}, "limit.concurrency"),
        ({"requests": 1, "per": "a minute"}, "limit.per"),
        ({"requests": 1, "per": None}, "limit.per"),
        ({"requests": 1, "burst": 0}, "limit.burst"),
        ({"requests": 1, "by": 5}, "limit.by"),
    ],
)
def test_a_limit_is_checked(given: dict[str, Any], path: str) -> None:
    """With its path."""
    with pytest.raises(InvalidRequestError) as caught:
        Limit(**given)
    assert path == caught.value.path


def test_limits_are_limits() -> None:
    """One at least."""
    wrong: Any = ((), ("60",))
    for given in wrong:
        with pytest.raises(InvalidRequestError, match="expected limits"):
            Limits(*given)


class RequestsAlone(MemoryLimits):
    """A store that can keep nothing else within limits."""

    amounts = frozenset({"requests"})


def test_a_limit_that_its_store_cannot_enforce_is_refused_at_once() -> None:
    """With its path; and what is no store is none."""
    limits = (Limit(requests=1), Limit(requests=1, tokens=2, concurrency=3))
    with pytest.raises(
        InvalidRequestError, match="RequestsAlone cannot limit concurrency"
    ) as caught:
        Limits(*limits, store=RequestsAlone())
    assert "limits[1].concurrency" == caught.value.path
    wrong: Any = "redis://localhost"
    with pytest.raises(InvalidRequestError, match="expected a store of limits"):
        Limits(*limits, store=wrong)


async def test_a_store_serves_several_limits_until_it_is_closed() -> None:
    """What one has used, the other knows; then everything is forgotten."""
    store = MemoryLimits()
    one, other = (Limits(Limit(requests=1, burst=1), max_wait=0, store=store) for _ in range(2))
    await ask(client_of(one))
    with pytest.raises(RateLimitError):
        await ask(client_of(other))
    await one.aclose()
    await ask(client_of(other))


async def test_groups_that_are_idle_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with many tenants holds no more and no more."""
    monkeypatch.setattr("llmgate.middlewares.turns._MAX_GROUPS", 20)
    monkeypatch.setattr("llmgate.middlewares.limits._MAX_MODELS", 20)
    limits = Limits(Limit(requests=1e9, burst=1, by="tenant"))
    client = client_of(limits)
    for number in range(100):
        await ask(client, f"fake/{number}", labels={"tenant": str(number)})
    assert len(groups_in(limits)) <= 21
    assert len(limits._models) <= 20


async def test_groups_that_are_all_busy_are_not_looked_at_for_each_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What makes room takes as many steps as there were calls, however many groups are in use."""
    monkeypatch.setattr("llmgate.middlewares.turns._MAX_GROUPS", 10)
    looked_at = Counter[bool]()

    class Counted(Group):
        def is_idle(self) -> bool:
            found = super().is_idle()
            looked_at[found] += 1
            return found

    monkeypatch.setattr("llmgate.middlewares.turns.Group", Counted)
    store, limit = MemoryLimits(), Limit(requests=1, per=3600, burst=1, by="tenant")
    for number in range(1_000):
        await store.admit([Share(0, limit, str(number))], ONE, None)
    assert 1_000 == len(store._groups)
    assert looked_at[False] <= 2_000  # without, it is half a million


async def test_what_makes_room_is_no_group_of_the_call_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit of all calls holds, however many tenants there are."""
    monkeypatch.setattr("llmgate.middlewares.turns._MAX_GROUPS", 1)
    limits, slow = Limits(Limit(concurrency=1, by=""), Limit(concurrency=9, by="tenant")), Slow()
    client = client_of(limits, slow)
    await asyncio.gather(*(ask(client, labels={"tenant": tenant}) for tenant in "abc"))
    assert (3, 1) == (slow.calls, slow.most)


@pytest.mark.parametrize("max_wait", ["3", -1, float("nan"), True])
def test_how_long_calls_wait_is_checked(max_wait: Any) -> None:
    """When it is given, and not where the first call waits."""
    with pytest.raises(InvalidRequestError, match=r"^max_wait: expected a number of seconds"):
        Limits(Limit(requests=1), max_wait=max_wait)


async def test_a_function_may_name_groups_by_numbers() -> None:
    """As a label may: the error of a call that is refused names its group as well."""

    def by(call: AnyCall) -> Any:
        return call.labels["tenant"]

    limits = Limits(Limit(requests=1, by=by), max_wait=0)
    client = client_of(limits)
    await ask(client, labels={"tenant": 7})
    with pytest.raises(RateLimitError, match="1 requests in 60 s for '7' is reached"):
        await ask(client, labels={"tenant": 7})
    assert {(0, "7")} == {*groups_in(limits)}
