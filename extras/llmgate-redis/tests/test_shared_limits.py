"""What processes share of limits in Redis, and the keys that hold it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit, Limits
from llmgate_redis import RedisLimits
from tests.integration.shared_limits import ONE, PATIENT, paced, refused
from tests.limited_calls import Slow


@pytest.fixture
async def stores(shared: Any, namespace: str) -> Any:
    """Two processes, as far as Redis can tell."""
    settings: dict[str, Any] = {"timeout": PATIENT, "outage": "closed", "namespace": namespace}
    stores = [RedisLimits(shared.url, **settings) for _ in range(2)]
    yield stores
    for store in stores:
        await store.aclose()


# --- what processes share ---


async def test_what_one_process_uses_another_one_cannot(stores: Any) -> None:
    """Requests, tokens, concurrency, and what the provider said."""
    one, other = stores
    limit = Limit(requests=60, burst=2, tokens=6000, concurrency=1)
    share = Share(0, limit, "é}{" * 50)
    running = await one.admit([share], ONE, 0)
    assert "calls at once" in str(await refused(other, share))
    running.settle({"requests": 1, "tokens": 300})
    running.leave()
    (await other.admit([share], ONE, 5)).leave()
    assert "60 requests" in str(await refused(one, share))
    running.hold_back(30)
    await asyncio.sleep(0.05)
    assert "the provider" in str(await refused(other, share))


async def test_a_call_of_another_process_ends_and_one_here_goes_on(stores: Any) -> None:
    """It is asked again and again; nothing is left of the wait."""
    share = Share(0, Limit(concurrency=1), "")
    running = await stores[0].admit([share], ONE, 0)
    waiting = asyncio.create_task(stores[1].admit([share], ONE, 10))
    await asyncio.sleep(0.1)
    running.leave()
    (await asyncio.wait_for(waiting, 20)).leave()
    [(ledger, _)] = stores[1]._desks.values()
    assert {} == ledger._full


async def test_no_lease_is_left_of_a_thousand_calls_that_were_cancelled(
    shared: Any, namespace: str, asking: Any, keys: Callable[[], dict[str, int]]
) -> None:
    """At random moments."""
    slow = Slow(0.01)
    store = RedisLimits(shared.url, timeout=PATIENT, outage="closed", namespace=namespace)
    some, few = Limit(concurrency=60), Limit(concurrency=5, requests=1e6, by="few")
    limits = Limits(some, few, store=store)
    ask = asking(limits, slow)

    await ask()  # what is imported is imported
    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(100)))
    length = min(time.monotonic() - began, 0.5)

    async def one(number: int) -> None:
        task = asyncio.create_task(ask(labels={"few": "f"} if number % 2 else {}))
        await asyncio.sleep(random.random() * length)
        task.cancel()
        await asyncio.wait([task])

    for _ in range(10):
        await asyncio.gather(*(one(number) for number in range(100)))
    await ask(labels={"few": "f"})
    await limits.aclose()
    assert 120 < slow.calls < 1100
    assert slow.most <= 60
    assert 0 == store.unchecked
    assert [] == [name for name in keys() if ":l:" in name]


def test_threads_share_what_is_left(shared: Any, namespace: str) -> None:
    """Each has an event loop, and so connections, of its own."""
    store = RedisLimits(shared.url, timeout=PATIENT, outage="closed", namespace=namespace)
    share = Share(0, Limit(concurrency=2), "")
    running, most = [0], [0]

    async def many() -> None:
        for _ in range(5):
            admission = await store.admit([share], ONE, None)
            running[0] += 1
            most[0] = max(most[0], running[0])
            await asyncio.sleep(0.002)
            running[0] -= 1
            await asyncio.to_thread(admission.settle, {"requests": 1})
            await asyncio.to_thread(admission.leave)
        await store.aclose()

    for _ in range(2):
        threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most[0] <= 2
    assert 0 == store.unchecked


def test_what_ends_after_its_loop_is_left_to_its_lease(shared: Any, namespace: str) -> None:
    """As a stream that is collected later."""
    store = RedisLimits(
        shared.url, timeout=PATIENT, outage="closed", namespace=namespace, lease=0.2
    )
    share = Share(0, Limit(concurrency=1), "")

    async def first() -> Any:
        admission = await store.admit([share], ONE, 0)
        await store.aclose()
        return admission

    asyncio.run(first()).leave()

    async def second() -> None:
        (await store.admit([share], ONE, 2)).leave()
        await store.aclose()

    asyncio.run(second())


# --- keys ---


async def test_every_key_ends(
    shared: Any, namespace: str, asking: Any, keys: Callable[[], dict[str, int]]
) -> None:
    """When nothing is left to remember, and not before."""
    store = RedisLimits(shared.url, timeout=PATIENT, outage="closed", namespace=namespace, lease=2)
    limit = Limit(requests=100, tokens=6000, concurrency=5, per=30)
    admissions = [await store.admit([Share(0, limit, "m")], ONE, 0) for _ in range(3)]
    admissions[0].settle({"tokens": 300})
    admissions[0].hold_back(0.5)
    admissions[0].pace(0.1, 0.4)
    await asyncio.sleep(0.1)
    left = keys()
    assert 3 == len(left)
    assert all(0 < milliseconds <= 3_600_000 for milliseconds in left.values())
    assert 1_900 < left[f"{{{namespace}}}:u:0:m"] <= 2_600  # 300 tokens take 1.5 s
    for admission in admissions:
        admission.leave()
    await store.aclose()


async def test_a_pace_that_is_taken_back_is_forgotten(
    shared: Any, stores: Any, keys: Callable[[], dict[str, int]]
) -> None:
    """Also where nothing else was left to remember."""
    share = Share(0, Limit(requests=1e6), "m")
    running = await stores[0].admit([share], ONE, 0)
    running.pace(0.01, 60)
    await paced(stores[1], share)
    shared.client.delete(*keys())
    running.pace(0, 0)
    await asyncio.sleep(0.05)
    assert all(0 < milliseconds <= 3_600_000 for milliseconds in keys().values())
    running.leave()


async def test_pauses_that_are_over_are_forgotten(
    stores: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has seen many groups remembers no more of them, and those that are held back
    it does not forget."""
    monkeypatch.setattr("llmgate_redis.ledger._MOST_PAUSES", 5)
    limit, loop = Limit(requests=1e6, by="tenant"), asyncio.get_running_loop()
    for number in range(30):
        admission = await stores[0].admit([Share(0, limit, f"t{number}")], ONE, None)
        admission.hold_back(0.001 if number else 60)
        admission.pace(0.001, 0.001)
        await asyncio.sleep(0.002)
    ledger: Any = stores[0]._desks[loop][0]
    assert len(ledger._pauses) <= 6
    assert len(ledger._paced) <= 6
    assert "the limit of the provider" in str(await refused(stores[0], Share(0, limit, "t0")))
    ledger._most_pauses = 5
    for number in range(30):
        admission = await stores[0].admit([Share(0, limit, f"u{number}")], ONE, None)
        admission.hold_back(60)
    await asyncio.sleep(0.01)
    assert 31 <= len(ledger._pauses) <= 37
    assert 31 <= ledger._most_pauses <= 80


async def test_many_calls_on_one_key_are_few_commands(shared: Any, stores: Any) -> None:
    """A thousand of them take a thousandth of a second of the server each at most, and wait for no
    lock of one another: so it bears as many in a second."""
    share = Share(0, Limit(requests=1e6, tokens=1e9, concurrency=10_000), "hot")

    def used() -> tuple[int, float]:
        found = shared.client.info("all")
        commands = found.get("cmdstat_evalsha", {"calls": 0})["calls"]
        return commands, found["used_cpu_user"] + found["used_cpu_sys"]

    await stores[0].admit([share], ONE, 0)
    commands, seconds = used()
    admitted = await asyncio.gather(*(stores[0].admit([share], ONE, None) for _ in range(1_000)))
    later = used()
    assert 1 <= later[0] - commands <= 20
    assert later[1] - seconds < 1
    for admission in admitted:
        admission.leave()


async def test_a_bucket_that_has_ended_is_full(
    shared: Any, stores: Any, namespace: str, keys: Callable[[], dict[str, int]]
) -> None:
    """Settling it neither empties it nor leaves it for ever; and a lease that is over ends once."""
    share = Share(0, Limit(tokens=600, concurrency=3), "m")
    running = await stores[0].admit([share], {"requests": 1, "tokens": 50}, 0)
    shared.client.delete(*keys())
    running.settle({"tokens": 10})
    running.leave()
    running.leave()
    await asyncio.sleep(0.05)
    assert all(0 < milliseconds <= 3_600_000 for milliseconds in keys().values())
    admission = await stores[0].admit([share], {"requests": 1, "tokens": 30}, 0)
    admission.leave()


async def test_a_short_lease_does_not_shorten_a_long_one(
    shared: Any, namespace: str, keys: Callable[[], dict[str, int]]
) -> None:
    """Both are in one key."""
    share = Share(0, Limit(concurrency=9), "")
    for lease in (60, 1):
        store = RedisLimits(
            shared.url, timeout=PATIENT, outage="closed", namespace=namespace, lease=lease
        )
        await store.admit([share], ONE, 0)
        await store.aclose()
    assert 50_000 < keys()[f"{{{namespace}}}:l:0:"]


async def test_a_batch_counts_once(shared: Any, stores: Any, namespace: str) -> None:
    """However often it is sent."""
    share = Share(0, Limit(tokens=6000), "m")
    first = await stores[0].admit([share], ONE, 0)
    ledger = stores[0]._desk(asyncio.get_running_loop())[0]
    for _ in range(3):
        ledger._numbers = iter([7])
        first.settle({"tokens": 1000})
        await asyncio.sleep(0.05)
    assert 3 < ((await refused(stores[0], share)).retry_after or 0) < 4.1
