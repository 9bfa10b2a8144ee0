"""Limits of rates and calls: the rules, which are the same in memory and in Redis."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest

from llmgate import RateLimitError
from llmgate.middlewares.limit_store import LimitStore, Share
from llmgate.middlewares.limits import Limit
from llmgate.middlewares.turns import MemoryLimits
from llmgate_redis import RedisLimits
from tests.integration.shared_limits import ONE, PATIENT, paced, refused

"""Seconds for Redis on a busy machine."""


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, namespace: str) -> Any:
    """Each store, for what both have to do."""
    if request.param == "memory":
        yield MemoryLimits()
        return
    server = request.getfixturevalue("shared")
    store = RedisLimits(server.url, timeout=PATIENT, outage="closed", namespace=namespace)
    yield store
    assert (True, 0) == (store.is_available, store.unchecked)
    await store.aclose()


async def test_a_burst_and_then_one_after_the_other(store: LimitStore) -> None:
    """A refusal names the limit, the group and the time."""
    share = Share(0, Limit(requests=60, burst=3), "fast")
    for _ in range(3):
        (await store.admit([share], ONE, 0)).leave()
    error = await refused(store, share)
    assert "the limit of 60 requests in 60 s for 'fast' is reached" in str(error)
    assert error.retry_after == pytest.approx(1, abs=0.2)
    other = Share(0, share.limit, "other")
    await store.admit([other], ONE, 0)


async def test_calls_wait_for_their_time(store: LimitStore) -> None:
    """The first one first; one that would wait for too long is refused at once."""
    share = Share(0, Limit(requests=50, per=1, burst=1), "m")
    order, began = list[int](), time.monotonic()

    async def one(number: int) -> None:
        await store.admit([share], ONE, None)
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(6)))
    assert [*range(6)] == order
    assert 0.1 - 0.002 <= time.monotonic() - began
    slow = Share(1, Limit(requests=1, burst=1), "m")
    await store.admit([slow], ONE, 0)
    began = time.monotonic()
    with pytest.raises(RateLimitError):
        await store.admit([slow], ONE, 30)
    assert time.monotonic() - began < 20


async def test_a_call_that_one_limit_refuses_uses_nothing_of_another(store: LimitStore) -> None:
    """Whichever it is."""
    wide = Share(0, Limit(requests=60, burst=2, tokens=6000), "a")
    full = Share(1, Limit(concurrency=1), "")
    running = await store.admit([full], ONE, 0)
    for shares in ([wide, full], [full, wide]):
        with pytest.raises(RateLimitError, match="1 calls at once"):
            await store.admit(shares, {"requests": 1, "tokens": 500}, 0)
    running.leave()
    await store.admit([wide], ONE, 0)
    (await store.admit([wide, full], {"requests": 1, "tokens": 100}, 0.5)).leave()
    assert "60 requests" in str(await refused(store, wide))


async def test_tokens_are_settled(store: LimitStore) -> None:
    """More than was thought makes others wait, less does not."""
    share = Share(0, Limit(tokens=6000), "m")
    first = await store.admit([share], {"requests": 1, "tokens": 1}, 0)
    first.settle({"requests": 1, "tokens": 1601})
    first.leave()
    await asyncio.sleep(0.05)
    error = await refused(store, share)
    assert "6000 tokens in 60 s" in str(error)
    assert error.retry_after == pytest.approx(10, abs=0.5)
    share = Share(0, share.limit, "other")
    first = await store.admit([share], {"requests": 1, "tokens": 3000}, 0)
    assert 23 < ((await refused(store, share)).retry_after or 0) < 25
    first.settle({"tokens": 10})
    await asyncio.sleep(0.05)
    await store.admit([share], ONE, 0)


async def test_what_is_given_back_was_not_used(store: LimitStore) -> None:
    """Requests and tokens."""
    share = Share(0, Limit(requests=60, burst=1, tokens=600), "m")
    for _ in range(3):
        admission = await store.admit([share], {"requests": 1, "tokens": 90}, 0.5)
        admission.give_back()
        admission.leave()
        await asyncio.sleep(0.02)


async def test_a_call_waits_until_another_one_ends(store: LimitStore) -> None:
    """It need not ask long."""
    share = Share(0, Limit(concurrency=2), "")
    running = [await store.admit([share], ONE, 0) for _ in range(2)]
    assert "2 calls at once" in str(await refused(store, share))
    waiting = asyncio.create_task(store.admit([share], ONE, 5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    running[0].leave()
    (await asyncio.wait_for(waiting, 20)).leave()
    with pytest.raises(RateLimitError):
        await asyncio.gather(*(store.admit([share], ONE, 0.05) for _ in range(3)))
    running[1].leave()


async def test_those_that_wait_for_a_pause_go_one_after_the_other(store: LimitStore) -> None:
    """In their order, faster and faster, and not all at once; whoever comes later is behind."""
    share = Share(0, Limit(requests=1e6), "m")
    first = await store.admit([share], ONE, 0)
    began = time.monotonic()
    first.hold_back(0.2)
    await asyncio.sleep(0.05)
    order = list[tuple[int, float]]()

    async def admitted(number: int) -> None:
        await store.admit([share], ONE, None)
        order.append((number, time.monotonic() - began))

    await asyncio.gather(*(admitted(number) for number in range(4)))
    assert [0, 1, 2, 3] == [number for number, _ in order]
    for number, seconds in order:
        assert seconds >= 0.199 + 0.5 * math.log2(number + 1) - 0.01
    await asyncio.sleep(0.4)
    await asyncio.wait_for(store.admit([share], ONE, 0), 20)


async def test_calls_are_paced_as_a_provider_says(store: LimitStore) -> None:
    """One in each gap, until that is over or is taken back."""
    share = Share(0, Limit(requests=1e6), "m")
    first = await store.admit([share], ONE, 0)
    first.pace(0.0, 0.0)  # there is nothing to take back
    first.pace(0.1, 60)
    began = await paced(store, share)
    await asyncio.gather(*(store.admit([share], ONE, None) for _ in range(4)))
    assert time.monotonic() - began >= 0.299
    first.pace(60, 60)
    assert "the limit of the provider" in str(await refused(store, share))
    share = Share(0, Limit(requests=1e6), "other")
    first = await store.admit([share], ONE, 0)
    first.pace(0.2, 0.3)
    await paced(store, share)
    await asyncio.sleep(0.6)
    await asyncio.gather(*(store.admit([share], ONE, 0) for _ in "ab"))


async def test_a_pause_holds_all_calls_back(store: LimitStore) -> None:
    """As long as the provider says, those that wait as well."""
    share = Share(0, Limit(requests=100, per=1, burst=1), "m")
    first = await store.admit([share], ONE, 0)
    waiting = asyncio.create_task(store.admit([share], ONE, None))
    began = time.monotonic()
    await asyncio.sleep(0)
    first.hold_back(0.15)
    await waiting
    assert time.monotonic() - began >= 0.149
    first.hold_back(60)
    await asyncio.sleep(0.05)
    assert "the limit of the provider" in str(await refused(store, share))


async def test_without_limits_nothing_is_asked(store: LimitStore) -> None:
    """A call of no group is free."""
    admission = await store.admit([], ONE, 0)
    admission.settle({"tokens": 10})
    admission.hold_back(1)
    admission.give_back()
    admission.leave()
