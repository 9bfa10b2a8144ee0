"""Cooldowns that processes share: what one has seen, others know, also after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmgate import Client, RateLimitError, ServerError
from llmgate.errors import InvalidRequestError
from llmgate.middlewares.cooldowns import SharedCooldowns
from llmgate.middlewares.routing import Cooldown, Router, Target, TargetState
from llmgate.store import MemoryStore
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
KEY = "cooldown:fast:0:a/m"


class Process:
    """A client with a router of its own and two targets, the second of which always answers."""

    def __init__(self, store: Any, *answers: Any, cooldown: Cooldown | None = None) -> None:
        targets = [Target("a/m"), Target("b/m", priority=2)]
        self.router = Router({"fast": targets}, store=store, cooldown=cooldown)
        providers = {"a": FakeProvider(list(answers)), "b": FakeProvider(["b"] * 99)}
        self.client = Client(providers=providers, middleware=[self.router], max_retries=0)
        self.state = self.router.states("fast")[0]
        self.shared: Any = self.router._shared

    async def ask(self, model: Any = "fast") -> str:
        """Which target answered a call."""
        completion = await self.client.acompletion(model, HI)
        if self.shared._tasks:  # what goes on beside the calls
            await asyncio.wait([*self.shared._tasks])
        return completion.text or ""

    def learn(self, found: bytes | None) -> None:
        """As if this were in the store."""
        assert self.state.shared is not None
        self.state.shared.learn(found)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked at each call."""
    monkeypatch.setattr("llmgate.middlewares.cooldowns._EVERY", 0.0)


def limited(seconds: float = 60) -> RateLimitError:
    """A refusal for so long."""
    return RateLimitError("slow down", status=429, retry_after=seconds)


async def test_a_target_that_failed_is_left_alone_by_all() -> None:
    """Those that run, and those that start later, at their first call; nobody asks it again."""
    store = MemoryStore()
    one, other = Process(store, limited()), Process(store, "a", "a")
    assert "a" == await other.ask()
    assert "b" == await one.ask()
    assert "a" == await other.ask()  # it learns of it beside this call
    assert "b" == await other.ask()
    assert "b" == await Process(store).ask()
    left = other.state.cooling_until - time.monotonic()
    assert left == pytest.approx(one.state.cooling_until - time.monotonic(), abs=0.1)
    assert 40 < left <= 60
    await one.router.aclose()
    assert 0 == len(store)


async def test_a_target_that_answers_again_does_so_for_all() -> None:
    """One probe is enough."""
    store = MemoryStore()
    one, other = Process(store, limited(), "a"), Process(store, "a")
    assert "b" == await one.ask()
    assert "b" == await other.ask()
    assert await store.get(KEY) is not None
    one.state.cooling_until = 0.0
    assert "a" == await one.ask()
    assert await store.get(KEY) is None
    assert "b" == await other.ask()  # it learns of it beside this call
    assert (0.0, 0.0) == (other.state.cooling_until, other.state.cooled)
    assert "a" == await other.ask()


async def test_who_learns_of_it_knows_that_a_probe_is_due() -> None:
    """When that fails as well, the next cooldown is twice as long; a shorter one says nothing."""
    store = MemoryStore()
    cooldown = Cooldown(failures=1, seconds=30)
    answers = [ServerError("oops", status=500)]
    one, other = (Process(store, *answers, cooldown=cooldown) for _ in range(2))
    assert "b" == await one.ask()
    assert "b" == await other.ask()
    assert 30 == other.state.cooled
    other.state.cooling_until = 0.0
    other.state.fail(answers[0])
    until = other.state.cooling_until
    assert "b" == await other.ask()
    assert "b" == await one.ask()
    assert one.state.cooling_until == pytest.approx(until, abs=0.1)
    other.learn(b"1.0 0.1")
    assert (until, 60) == (other.state.cooling_until, other.state.cooled)


async def test_a_key_that_has_ended_says_nothing() -> None:
    """Of whether the target answers."""
    process = Process(MemoryStore(), limited(0.01))
    assert "b" == await process.ask()
    await asyncio.sleep(0.03)
    process.learn(None)
    assert 0.01 == process.state.cooled


async def test_a_cooldown_that_is_over_is_not_kept() -> None:
    """Where it was so before it could be written."""
    store = MemoryStore()
    process = Process(store, limited(1e-9))
    assert "b" == await process.ask()
    assert 0 == len(store)


class Broken(MemoryStore):
    """A store that is gone."""

    async def get(self, key: str) -> bytes | None:
        raise OSError

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        raise OSError


async def test_calls_go_on_without_the_store() -> None:
    """By what this process sees; so they do where something unreadable is kept."""
    process = Process(Broken(), limited())
    assert ("b", 3) == (await process.ask(), process.shared.failures)  # two reads, one write
    assert "b" == await process.ask()
    store = MemoryStore()
    await store.set(KEY, b"soon")
    process = Process(store, "a")
    assert ("a", 1) == (await process.ask(), process.shared.failures)


async def test_the_last_change_is_kept() -> None:
    """Whatever was being written when it came."""
    slow = asyncio.Event()

    class Slow(MemoryStore):
        async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
            await slow.wait()
            await super().set(key, value, ttl=ttl)

    store = Slow()
    shared, state = SharedCooldowns(store), TargetState(Target("a/m"))
    shared.share(state, "k")
    state.fail(limited())
    await asyncio.sleep(0)
    assert state.shared is not None
    state.shared.learn(None)  # it is not there yet, which says nothing
    assert 60 == state.cooled
    state.succeed()
    state.succeed()
    slow.set()
    await asyncio.wait([*shared._tasks])
    assert await store.get("cooldown:k") is None
    await shared.aclose()


async def test_what_is_being_written_is_awaited() -> None:
    """Before the store is closed."""
    kept = list[str]()

    class Seen(MemoryStore):
        async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
            await asyncio.sleep(0.001)
            kept.append(key)

    shared, state = SharedCooldowns(Seen()), TargetState(Target("a/m"))
    shared.share(state, "k")
    state.fail(limited())
    await shared.aclose()
    assert ["cooldown:k"] == kept


def test_what_fails_outside_of_event_loops_is_told_later() -> None:
    """As a stream that is read by a thread, or collected."""
    store = MemoryStore()
    shared, state = SharedCooldowns(store), TargetState(Target("a/m"))
    shared.share(state, "k")
    state.fail(limited())

    async def later(change: Callable[[], None]) -> bytes | None:
        change()
        await asyncio.wait([*shared._tasks])
        return await store.get("cooldown:k")

    assert asyncio.run(later(lambda: state.fail(limited()))) is not None


def test_an_event_loop_that_ends_while_it_tells_is_not_the_last() -> None:
    """What changes later is told by the next one."""
    hung = asyncio.Event()

    class Slow(MemoryStore):
        async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
            if not hung.is_set():
                hung.set()
                await asyncio.Event().wait()
            await super().set(key, value, ttl=ttl)

    store = Slow()
    shared, state = SharedCooldowns(store), TargetState(Target("a/m"))
    shared.share(state, "k")

    async def left() -> None:
        state.fail(limited())
        await hung.wait()

    async def told() -> bytes | None:
        state.fail(limited(90))
        await asyncio.wait([*shared._tasks], timeout=1)
        return await store.get("cooldown:k")

    asyncio.run(left())
    assert (asyncio.run(told()) or b"").endswith(b" 90.000")


async def test_models_of_lists_are_shared_as_well() -> None:
    """By their names; and where there is no store, nothing is."""
    store = MemoryStore()
    for answers in ([limited()], []):
        assert "b" == await Process(store, *answers).ask(["a/m", "b/m"])
    assert await store.get("cooldown::a/m") is not None
    alone = Router()
    assert alone.states("a/m")[0].shared is None
    await alone.aclose()


async def test_the_store_is_not_asked_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """But from time to time."""
    monkeypatch.setattr("llmgate.middlewares.cooldowns._EVERY", 3600.0)
    asked = list[str]()

    class Counted(MemoryStore):
        async def get(self, key: str) -> bytes | None:
            asked.append(key)
            return await super().get(key)

    process = Process(Counted(), *["a"] * 5)
    for _ in range(5):
        assert "a" == await process.ask()
    assert [KEY, "cooldown:fast:1:b/m"] == sorted(asked)


def test_a_store_is_a_store() -> None:
    """Not an address."""
    wrong: Any = "redis://localhost"
    with pytest.raises(InvalidRequestError, match="expected a store"):
        Router(store=wrong)
