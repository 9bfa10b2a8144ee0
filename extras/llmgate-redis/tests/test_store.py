"""The store of a cache in Redis: what is kept, for how long, and what a client makes of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from llmgate import Client, RateLimitError
from llmgate.middleware import Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.routing import Router, Target
from llmgate.store import Store
from llmgate.testing import FakeProvider
from llmgate_redis import RedisStore

PATIENT = 5.0
"""Seconds for Redis on a busy machine."""
HI: list[Any] = [{"role": "user", "content": "Hi"}]


@pytest.fixture
async def store(shared: Any, namespace: str) -> Any:
    """A store with keys of its own."""
    store = RedisStore(shared.url, timeout=PATIENT, namespace=namespace, largest=1000)
    assert isinstance(store, Store)
    yield store
    assert store.is_available
    await store.aclose()


async def test_values_are_kept_until_they_are_deleted(store: RedisStore) -> None:
    """Any bytes, under any key."""
    value = bytes(range(256))
    await store.set("a", value)
    await store.set("é b", b"")
    assert value == await store.get("a")
    assert b"" == await store.get("é b")
    await store.delete("a")
    await store.delete("never there")
    assert await store.get("a") is None


async def test_every_value_ends(store: RedisStore, keys: Any) -> None:
    """After its time, or after a month."""
    await store.set("a", b"1", ttl=0.05)
    await store.set("b", b"2", ttl=60)
    await store.set("c", b"3")
    left = {name.rpartition(":")[2]: milliseconds for name, milliseconds in keys().items()}
    assert left["b"] <= 60_000
    assert 29 * 86_400_000 < left["c"] <= 30 * 86_400_000
    await asyncio.sleep(0.1)
    assert await store.get("a") is None


async def test_a_value_is_added_where_there_is_none(store: RedisStore, keys: Any) -> None:
    """By one of those that try, and for a time, as every value."""
    found = await asyncio.gather(*(store.add("a", b"%d" % n, ttl=60) for n in range(9)))
    assert [True] == [each for each in found if each]
    assert await store.get("a") == b"%d" % found.index(True)
    assert [59_000 < milliseconds <= 60_000 for milliseconds in keys().values()] == [True]


async def test_what_is_too_large_is_not_kept(store: RedisStore) -> None:
    """Nor is what was there before."""
    await store.set("a", b"1")
    await store.set("a", b"1" * 1001)
    assert await store.get("a") is None


async def test_many_reads_at_once_are_few_commands(store: RedisStore, shared: Any) -> None:
    """Each has its own answer; one that is cancelled keeps no other from it."""
    for number in range(300):
        await store.set(str(number), str(number).encode())
    before = shared.client.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]
    reads = [asyncio.create_task(store.get(str(number))) for number in range(301)]
    await asyncio.sleep(0)
    reads.pop(7).cancel()
    found = await asyncio.gather(*reads)
    expected: list[bytes | None] = [str(number).encode() for number in range(300) if number != 7]
    assert [*expected, None] == found
    assert shared.client.info("commandstats")["cmdstat_mget"]["calls"] - before < 30


def test_each_event_loop_has_its_own_connections(shared: Any, namespace: str) -> None:
    """One after the other."""
    store = RedisStore(shared.url, timeout=PATIENT, namespace=namespace)

    async def use(expected: bytes | None) -> None:
        assert expected == await store.get("k")
        await store.set("k", b"v")
        await store.aclose()

    asyncio.run(use(None))
    asyncio.run(use(b"v"))


async def test_processes_share_a_cache(shared: Any, namespace: str) -> None:
    """What one was told, another one need not ask; as a stream as well."""
    providers = [FakeProvider(["Paris."]) for _ in range(2)]
    caches = [Cache(RedisStore(shared.url, timeout=PATIENT, namespace=namespace)) for _ in range(2)]
    one, other = (
        Client(providers={"fake": provider}, middleware=[cache])
        for provider, cache in zip(providers, caches, strict=True)
    )
    first = await one.acompletion("fake/m", HI)
    second = await other.acompletion("fake/m", HI)
    stream = await other.acompletion("fake/m", HI, stream=True)
    assert ("miss", "hit") == (first.cache, second.cache)
    assert first.text == second.text == (await stream.completion()).text
    for cache in caches:
        assert 0 == cache.failures
        await cache.aclose()


async def test_processes_share_what_a_router_has_seen(shared: Any, namespace: str) -> None:
    """A target that refused one of them is asked by none."""
    answers = [[RateLimitError("slow down", status=429, retry_after=60)], []]
    stores = [RedisStore(shared.url, timeout=PATIENT, namespace=namespace) for _ in answers]
    for store, refusals in zip(stores, answers, strict=True):
        router = Router({"fast": [Target("a/m"), Target("b/m", priority=2)]}, store=store)
        providers = {"a": FakeProvider(refusals), "b": FakeProvider(["b"])}
        client = Client(providers=providers, middleware=[router], max_retries=0)
        assert "b" == (await client.acompletion("fast", HI)).text
        assert 50 < router.states("fast")[0].cooling_until - time.monotonic() <= 60
        await router.aclose()


async def test_processes_make_one_probe_together(
    shared: Any, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a target that was left alone; the others go on to the next one meanwhile."""
    monkeypatch.setattr("llmgate.middlewares.cooldowns._EVERY", 0.0)
    probes, opened = list[int](), asyncio.Event()

    class Gate(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            if call.model == "a/m":
                probes.append(1)
                await opened.wait()
            return await handler(call)

    asked, routers = list[asyncio.Task[Any]](), list[Router]()
    for _ in range(3):
        store = RedisStore(shared.url, timeout=PATIENT, namespace=namespace)
        router = Router({"fast": [Target("a/m"), Target("b/m", priority=2)]}, store=store)
        routers.append(router)
        providers = {"a": FakeProvider(["a"] * 9), "b": FakeProvider(["b"] * 9)}
        client = Client(providers=providers, middleware=[router, Gate()], max_retries=0)
        state = router.states("fast")[0]
        state.cooled, state.cooling_until = 1.0, time.monotonic() - 1
        asked.append(asyncio.create_task(cast("Any", client).acompletion("fast", HI)))
    _, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    while len(waiting) > 1:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [1] == probes
    opened.set()
    assert ["a", "b", "b"] == sorted([(await each).text for each in asked])
    for router in routers:
        await router.aclose()


async def test_calls_go_on_without_the_cache(server: Any) -> None:
    """What could not be read or written is counted."""
    cache = Cache(RedisStore(server.url, timeout=PATIENT))
    client = Client(providers={"fake": FakeProvider(["a", "b"])}, middleware=[cache])
    await client.acompletion("fake/m", HI)
    server.kill()
    again = await client.acompletion("fake/m", HI)
    assert ("b", "miss", 2) == (again.text, again.cache, cache.failures)
    await cache.aclose()
