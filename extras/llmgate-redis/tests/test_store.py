"""The store of a cache in Redis: what is kept, for how long, and what a client makes of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from llmgate import Client, RateLimitError
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


async def test_calls_go_on_without_the_cache(server: Any) -> None:
    """What could not be read or written is counted."""
    cache = Cache(RedisStore(server.url, timeout=PATIENT))
    client = Client(providers={"fake": FakeProvider(["a", "b"])}, middleware=[cache])
    await client.acompletion("fake/m", HI)
    server.kill()
    again = await client.acompletion("fake/m", HI)
    assert ("b", "miss", 2) == (again.text, again.cache, cache.failures)
    await cache.aclose()
