"""What may be spent, in Redis: reserved before a call, counted after it, and exact."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from llmgate import RateLimitError
from llmgate.middlewares.limit_store import LimitStore, Share
from llmgate.middlewares.limits import Limit
from llmgate.middlewares.turns import MemoryLimits
from llmgate_redis import RedisLimits

DAY = 86_400.0
DOLLAR = 1_000_000_000


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, namespace: str) -> Any:
    """Each store, for what both have to do."""
    if request.param == "memory":
        yield MemoryLimits()
        return
    server = request.getfixturevalue("shared")
    store = RedisLimits(server.url, timeout=5, outage="closed", namespace=namespace)
    yield store
    assert (True, 0) == (store.is_available, store.unchecked)
    await store.aclose()


def amounts_of(spend: int) -> dict[str, float]:
    """What a call is thought to use."""
    return {"requests": 1, "tokens": 0, "spend": spend}


async def call(store: LimitStore, share: Share, estimate: int, spend: int) -> None:
    """One call, which costs something else than was thought."""
    admission = await store.admit([share], amounts_of(estimate), 0)
    admission.settle({"spend": spend})
    admission.leave()
    await asyncio.sleep(0.03)


async def test_what_is_spent_and_reserved_stays_within_the_limit(store: LimitStore) -> None:
    """A refusal says how much that is, and when the period ends, and comes at once."""
    share = Share(0, Limit(spend=1, per=DAY), "t")
    await call(store, share, DOLLAR // 10, DOLLAR // 2)
    running = await store.admit([share], amounts_of(DOLLAR // 4), 0)
    with pytest.raises(RateLimitError) as caught:
        await store.admit([share], amounts_of(DOLLAR // 4 + 1), None)
    reason = (
        "the limit of 1 USD in 86400 s for 't', of which 0.75 are spent or reserved, is reached"
    )
    assert str(caught.value).startswith(reason)
    left = DAY - time.time() % DAY
    assert caught.value.retry_after == pytest.approx(left, abs=2)
    await call(store, share, DOLLAR // 4, DOLLAR // 4)
    running.give_back()
    running.leave()
    await asyncio.sleep(0.03)
    await call(store, share, DOLLAR // 4, 0)
    await call(store, share, DOLLAR // 4, DOLLAR // 2)  # one may be misjudged
    with pytest.raises(RateLimitError, match=r"of which 1\.25 are spent"):
        await store.admit([share], amounts_of(1), None)


async def test_a_period_that_is_over_is_forgotten(
    store: LimitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one begins with nothing."""
    share = Share(0, Limit(spend=1, per=DAY), "t")
    await call(store, share, DOLLAR, DOLLAR)
    with pytest.raises(RateLimitError):
        await store.admit([share], amounts_of(DOLLAR), 0)
    tomorrow = time.time() + DAY
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    await call(store, share, DOLLAR, DOLLAR)


async def test_a_call_that_may_not_spend_uses_nothing_of_another_limit(store: LimitStore) -> None:
    """All or nothing."""
    wide = Share(0, Limit(requests=60, burst=1, concurrency=1), "")
    poor = Share(1, Limit(spend=Decimal("0.000000001"), per=DAY), "")
    for shares in ([wide, poor], [poor, wide]):
        with pytest.raises(RateLimitError, match="1E-9 USD in 86400 s"):
            await store.admit(shares, amounts_of(2), 0)
    (await store.admit([wide, poor], amounts_of(1), 0)).leave()


async def test_budgets_end_with_their_period(shared: Any, namespace: str, keys: Any) -> None:
    """And so does what is reserved."""
    store = RedisLimits(shared.url, timeout=5, outage="closed", namespace=namespace, lease=1)
    share = Share(0, Limit(spend=9, per=DAY), "t")
    await call(store, share, 5, 7)
    left = (DAY - time.time() % DAY) * 1000
    found = keys()
    assert {"b", "p"} == {name.split(":")[1] for name in found}
    budget = next(end for name, end in found.items() if ":b:" in name)
    assert left - 5_000 < budget < left + 65_000
    await store.aclose()


async def test_what_a_killed_process_reserved_is_free_after_its_lease(
    shared: Any, namespace: str, fleet: Any
) -> None:
    """What it had spent stays spent."""
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "seconds": 60}
    settings |= {"limit": {"spend": 1, "per": DAY}, "callers": 2, "lasts": 60, "lease": 1}
    settings |= {"spend": DOLLAR // 2}
    process = fleet.start()
    fleet.give(process, settings)
    share = Share(0, Limit(spend=1, per=DAY), "m")
    store = RedisLimits(shared.url, timeout=5, outage="closed", namespace=namespace, lease=1)
    [totals] = await waited(lambda: shared.client.keys(f"{{{namespace}}}:b:*"), 60)
    await waited(lambda: shared.client.hget(totals, "held") == b"1000000000", 20)
    with pytest.raises(RateLimitError, match="of which 1 are spent or reserved"):
        await store.admit([share], amounts_of(1), 0)
    process.kill()
    process.communicate()
    killed = time.monotonic()
    admission = None
    while admission is None:
        assert time.monotonic() - killed < 20
        with suppress(RateLimitError):
            admission = await store.admit([share], amounts_of(DOLLAR), 0)
        await asyncio.sleep(0.02)
    assert b"1000000000" == shared.client.hget(totals, "held")
    admission.settle({"spend": 3})
    admission.leave()
    await store.aclose()
    assert [b"3", b"0"] == shared.client.hmget(totals, "spent", "held")


async def waited(found: Any, seconds: float) -> Any:
    """What there is in the end."""
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until, "it never comes"
        await asyncio.sleep(0.02)
    return result


def test_what_three_processes_spend_adds_up_exactly(
    shared: Any, namespace: str, fleet: Any
) -> None:
    """To a billionth."""
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "seconds": 1}
    settings |= {"limit": {"spend": 1000, "per": DAY}, "callers": 10, "lasts": 0.002}
    results = fleet.run(spend=77_777, is_random=True, **settings)
    assert [0] * 3 == [result["unchecked"] for result in results]
    spent = sum(result["spent"] for result in results)
    assert spent > 0
    [totals] = shared.client.keys(f"{{{namespace}}}:b:*")
    assert [str(spent).encode(), b"0"] == shared.client.hmget(totals, "spent", "held")
    assert [] == shared.client.keys(f"{{{namespace}}}:h:*")


@pytest.mark.parametrize("outage", ["open", "local/2"])
async def test_what_is_spent_without_redis_is_told_when_it_is_back(
    proxy: Any, server: Any, outage: str
) -> None:
    """Each call once, whichever way the line is cut."""
    store = RedisLimits(proxy.url, timeout=0.2, outage=outage, lease=2)
    share = Share(0, Limit(spend=1000, per=DAY), "t")
    spent, choice = 0, random.Random(7)

    async def one() -> None:
        nonlocal spent
        admission = await store.admit([share], amounts_of(1000), None)
        await asyncio.sleep(choice.random() * 0.3)
        amount = choice.randrange(100_000)
        spent += amount
        admission.settle({"spend": amount})
        admission.leave()

    running = [asyncio.create_task(one())]
    await running[0]
    for number in range(60):
        running.append(asyncio.create_task(one()))
        await asyncio.sleep(0.03)
        if number % 20 == 5:
            (proxy.cut if number > 20 else proxy.answers.clear)()
        elif number % 20 == 15:
            proxy.answers.set()
            proxy.mend()
    given_back = await store.admit([share], amounts_of(1000), None)
    given_back.give_back()
    given_back.hold_back(0)
    given_back.leave()
    await asyncio.gather(*running)
    await waited(lambda: store.is_available, 20)
    await store.aclose()
    assert store.unchecked > 0
    [totals] = server.client.keys("{llmgate}:b:*")
    assert str(spent).encode() == server.client.hget(totals, "spent")
