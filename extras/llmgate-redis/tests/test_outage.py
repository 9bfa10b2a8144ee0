"""Redis that is stopped, killed, started again or cut off: what calls cost, and what is left."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import Any

import pytest

from llmgate import RateLimitError
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import Change, RedisLimits, RedisStore, RedisUnavailableError
from tests.machine import undisturbed

PATIENT, SHORT = 5.0, 0.3
"""Seconds for Redis on a busy machine, and where a test waits until they are over."""
ONE: dict[str, float] = {"requests": 1, "tokens": 0}
SHARE = Share(0, Limit(requests=6000, burst=100, tokens=6000, concurrency=4), "m")


async def until(holds: Any, seconds: float = 20) -> float:
    """How long it takes until something is true."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never comes true"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def one(store: RedisLimits, max_wait: float | None = 0) -> None:
    """A whole call."""
    admission = await store.admit([SHARE], ONE, max_wait)
    admission.settle({"requests": 1, "tokens": 1})
    admission.leave()


async def test_a_server_that_stands_still_costs_one_time_limit(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Then nothing until it is back, which is soon known; each change is said once."""
    changes = list[Change]()
    store = RedisLimits(server.url, timeout=SHORT, outage="open", on_change=changes.append)
    await one(store)
    await asyncio.sleep(0.02)
    with caplog.at_level(logging.WARNING, "llmgate"):
        server.send(signal.SIGSTOP)
        for _ in range(21):
            await one(store)
        assert (False, 1, 21) == (store.is_available, store.changes, store.unchecked)
        await asyncio.sleep(0.3)
        server.send(signal.SIGCONT)
        assert await until(lambda: store.is_available) < 2
        await one(store)
    assert (2, 21) == (store.changes, store.unchecked)
    assert [False, True] == [change.is_available for change in changes]
    assert changes[1].seconds > 0.3
    assert changes[0].reason == "TimeoutError"
    messages = [record.getMessage() for record in caplog.records if record.name == "llmgate"]
    assert 2 == len(messages)
    assert "RedisLimits 'llmgate': Redis cannot be reached: TimeoutError" == messages[0]
    assert messages[1].startswith("RedisLimits 'llmgate': Redis is back after 0.")
    await store.aclose()


async def test_what_calls_cost_while_the_server_stands_still(server: Any) -> None:
    """The first one 50 ms, all others less than one."""
    store = RedisLimits(server.url, outage="open")

    async def measure() -> None:
        await one(store)
        await asyncio.sleep(0.02)
        server.send(signal.SIGSTOP)
        try:
            began = time.perf_counter()
            await one(store)
            first = time.perf_counter() - began
            for _ in range(20):
                await one(store)
            others = time.perf_counter() - began - first
        finally:
            server.send(signal.SIGCONT)
            await until(lambda: store.is_available)
        assert 0.045 < first < 0.06
        assert others / 20 < 0.001

    await undisturbed(measure)
    await store.aclose()


async def test_calls_that_run_keep_their_leases_over_a_restart(server: Any) -> None:
    """Redis forgets everything; what is known here is sent again."""
    store = RedisLimits(server.url, timeout=PATIENT, outage="closed", lease=5)
    running = [await store.admit([SHARE], ONE, 0) for _ in range(3)]
    server.kill()
    with pytest.raises(RateLimitError, match="the limits are not known: Redis cannot be reached"):
        await one(store)
    running.pop().leave()
    server.start()
    await until(lambda: store.is_available)
    await until(lambda: 2 == server.client.zcard("{llmgate}:l:0:m"))
    for admission in running:
        admission.leave()
    await store.aclose()
    assert 0 == server.client.zcard("{llmgate}:l:0:m")


async def test_a_call_that_runs_longer_than_its_lease_keeps_it(server: Any) -> None:
    """It is renewed, and taken again where it was lost."""
    store = RedisLimits(server.url, timeout=PATIENT, outage="closed", lease=0.3)
    running = await store.admit([SHARE], ONE, 0)
    key = "{llmgate}:l:0:m"
    for _ in range(2):
        await asyncio.sleep(0.4)
        assert 1 == server.client.zcount(key, time.time() * 1000, "+inf")
        server.client.delete(key)
    await until(lambda: 1 == server.client.zcard(key))
    running.leave()
    await until(lambda: not server.client.exists(key))
    await asyncio.sleep(0.2)
    assert not server.client.exists(key)
    await store.aclose()


async def test_calls_that_wait_go_on_without_redis(server: Any) -> None:
    """By what holds then, with the time that is left."""
    store = RedisLimits(server.url, timeout=PATIENT, outage="open")
    running = [await store.admit([SHARE], ONE, 0) for _ in range(4)]
    waiting = [asyncio.create_task(store.admit([SHARE], ONE, wait)) for wait in (None, 10)]
    await asyncio.sleep(0.05)
    server.kill()
    for admission in await asyncio.wait_for(asyncio.gather(*waiting), 20):
        admission.leave()
    for admission in running:
        admission.leave()
    await store.aclose()


async def test_each_process_has_its_part_while_redis_is_away(server: Any) -> None:
    """Of requests, tokens, and calls at once, one of them at least."""
    limit = Limit(requests=120, burst=8, tokens=6000, concurrency=8)
    share = Share(0, limit, "m")
    store = RedisLimits(server.url, timeout=PATIENT, outage="local/4")
    server.kill()
    running = [await store.admit([share], ONE, 0) for _ in range(2)]
    with pytest.raises(RateLimitError, match="30 requests in 60 s") as caught:
        await store.admit([share], ONE, 0)
    assert caught.value.retry_after == pytest.approx(2, abs=0.2)
    for admission in running:
        admission.leave()
    single = Share(1, Limit(concurrency=2), "")
    running = [await store.admit([single], ONE, 0)]
    with pytest.raises(RateLimitError, match="1 calls at once"):
        await store.admit([single], ONE, 0)
    assert 5 == store.unchecked
    await store.aclose()


async def test_what_was_used_is_told_when_redis_is_back(proxy: Any, server: Any) -> None:
    """Once, though nobody knows whether the last batch arrived before the line was cut."""
    store = RedisLimits(proxy.url, timeout=SHORT, outage="open")
    running = [await store.admit([SHARE], ONE, 0) for _ in range(2)]
    running[0].settle({"requests": 1, "tokens": 300})
    running[0].leave()
    proxy.answers.clear()  # Redis counts it, and its answer is lost
    await until(lambda: not store.is_available)
    proxy.cut()
    running[1].settle({"requests": 1, "tokens": 500})
    running[1].leave()
    proxy.answers.set()
    await asyncio.sleep(0.1)
    proxy.mend()
    await until(lambda: store.is_available)
    await store.aclose()
    now = server.client.time()
    ahead = float(server.client.hget("{llmgate}:u:0:m", "tokens")) / 1000 - now[0] - now[1] / 1e6
    assert 8 - 1.5 < ahead < 8
    assert 0 == server.client.zcard("{llmgate}:l:0:m")


async def test_a_line_that_is_cut_and_mended(proxy: Any, server: Any) -> None:
    """Nothing is refused, nothing arrives: one time limit, and back within two seconds."""
    store = RedisLimits(proxy.url, timeout=SHORT, outage="closed")
    await one(store)
    await asyncio.sleep(0.02)
    proxy.cut()
    began = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        await one(store, 10)
    assert time.monotonic() - began < 1
    assert (False, 1.0) == (caught.value.retryable, caught.value.retry_after)
    proxy.mend()
    assert await until(lambda: store.is_available) < 2.5
    await one(store)
    await store.aclose()
    await until(lambda: not server.client.exists("{llmgate}:l:0:m"))


async def test_a_program_that_is_busy_is_no_outage(shared: Any, namespace: str) -> None:
    """The answer is there, and the event loop did not run to read it."""

    async def measure() -> None:
        store = RedisLimits(shared.url, outage="closed", namespace=namespace)
        try:
            await one(store)
            for pause in (0.0, 0.0002, 0.001):
                task = asyncio.create_task(one(store))
                await asyncio.sleep(pause)
                time.sleep(0.1)  # noqa: ASYNC251 - this is what is tested
                await task
            assert (0, 0) == (store.changes, store.unchecked)
        finally:
            await store.aclose()

    await undisturbed(measure)


async def test_what_redis_refuses_is_an_outage(server: Any) -> None:
    """A user who may run no scripts, and one whose password is wrong."""
    server.client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "-@scripting")
    for user, reason in (("u:p", "Redis allows no scripts"), ("u:q", "username-password")):
        url = server.url.replace("//", f"//{user}@")
        store = RedisLimits(url, timeout=PATIENT, outage="closed")
        with pytest.raises(RateLimitError, match=reason):
            await one(store)
        assert not store.is_available
        await store.aclose()


async def test_keys_that_somebody_else_has_written_are_no_dead_end(
    server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be counted is dropped in the end, with a line in the log, and asked ever less."""
    monkeypatch.setattr("llmgate_redis.link._PROBES", 0.02)
    store = RedisLimits(server.url, timeout=PATIENT, outage="open")
    first = await store.admit([SHARE], ONE, 0)
    key = "{llmgate}:u:0:m"
    server.client.delete(key)
    server.client.set(key, "mine")
    first.settle({"requests": 2, "tokens": 100})
    first.leave()
    with caplog.at_level(logging.ERROR, "llmgate"):
        await until(lambda: caplog.records)
    assert caplog.records[0].getMessage().startswith("a batch of usage is lost: WRONGTYPE")
    server.client.delete(key)
    await until(lambda: store.is_available)
    before = store.unchecked
    await one(store)
    assert before == store.unchecked
    await store.aclose()


async def test_a_call_that_is_cancelled_while_redis_stands_still(server: Any) -> None:
    """It leaves nothing; nor does one that was asked for and never answered."""
    store = RedisLimits(server.url, timeout=SHORT, outage="open", lease=1)
    await one(store)
    server.send(signal.SIGSTOP)
    task = asyncio.create_task(store.admit([SHARE], ONE, None))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not store.is_available)
    server.send(signal.SIGCONT)
    await until(lambda: store.is_available)
    await until(lambda: 0 == server.client.zcount("{llmgate}:l:0:m", time.time() * 1000, "+inf"))
    await store.aclose()


async def test_a_store_says_that_redis_is_away(server: Any) -> None:
    """At once, until it is back."""
    changes = list[Change]()
    store = RedisStore(server.url, timeout=PATIENT, on_change=changes.append)
    await store.set("k", b"v")
    server.kill()
    for _ in range(2):
        with pytest.raises(RedisUnavailableError):
            await store.get("k")
        with pytest.raises(RedisUnavailableError):
            await store.set("k", b"v")
    assert not store.is_available
    server.start()
    await until(lambda: store.is_available)
    assert await store.get("k") is None
    assert 2 == len(changes)
    await store.aclose()
