"""Probes that processes share: of a target that was left alone, one call finds out for all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from llmgate import Client, OverloadedError, ServerError
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Cooldown, Router, Target
from llmgate.store import MemoryStore
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
KEY = "cooldown:fast:0:a/m"
OOPS = ServerError("oops", status=500)


class Gate(Middleware):
    """Holds calls of the first target until it is opened."""

    def __init__(self) -> None:
        self.calls = 0
        self.opened, self.reached = asyncio.Event(), asyncio.Event()

    async def chat(self, call: Any, handler: Any) -> Any:
        if call.model == "a/m":
            self.calls += 1
            self.reached.set()
            await self.opened.wait()
        return await handler(call)


class Process:
    """A client with a router of its own, whose first target is due for a probe."""

    def __init__(self, store: Any, *answers: Any, targets: int = 2) -> None:
        named = [Target("a/m"), Target("b/m", priority=2)][:targets]
        models = {"fast": named, "both": [*named]}
        cooldown = Cooldown(failures=1, seconds=30)
        self.router, self.gate = Router(models, store=store, cooldown=cooldown), Gate()
        providers = {"a": FakeProvider([*answers]), "b": FakeProvider(["b"] * 9)}
        self.client: Any = Client(
            providers=providers, middleware=[self.router, self.gate], max_retries=0
        )
        self.state = self.router.states("fast")[0]
        self.state.cooled, self.state.cooling_until = 30.0, time.monotonic() - 1
        self.shared: Any = self.router._shared

    async def ask(self) -> str:
        """Which target answered a call."""
        completion = await self.client.acompletion("fast", HI)
        await self.told()
        text: str = completion.text
        return text

    async def told(self) -> None:
        """When all that goes on beside the calls is over."""
        while self.shared._tasks:
            await asyncio.wait([*self.shared._tasks])


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked at each call."""
    monkeypatch.setattr("llmgate.middlewares.cooldowns._EVERY", 0.0)


@pytest.mark.parametrize(("answer", "after"), [("a", "a"), (OOPS, "b")], ids=["well", "badly"])
async def test_one_process_probes_and_the_others_go_on(answer: Any, after: str) -> None:
    """Until it is known how that went: then it is so for all."""
    store = MemoryStore()
    one, other = Process(store, answer, "a"), Process(store, "a", "a")
    probe = asyncio.create_task(one.ask())
    await one.gate.reached.wait()
    assert ["b", "b"] == [await other.ask() for _ in range(2)]
    assert b"1" == await store.get(f"{KEY}:probe")
    one.gate.opened.set()
    other.gate.opened.set()
    assert after == await probe
    assert await store.get(f"{KEY}:probe") is None
    await other.ask()  # it learns of it beside this call, where there is something to learn
    other.state.cooling_until = max(other.state.cooling_until, one.state.cooling_until)
    assert after == await other.ask()


async def test_calls_of_one_process_make_one_probe() -> None:
    """Those that come while the store is asked go on to the next target."""
    process = Process(MemoryStore(), "a")
    waiting = {asyncio.create_task(process.ask()) for _ in range(5)}
    found = list[str]()
    while len(waiting) > 1:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        found += [task.result() for task in done]
    assert (["b"] * 4, 1) == (found, process.gate.calls)
    process.gate.opened.set()
    assert ["a"] == [await task for task in waiting]


async def test_a_process_that_is_gone_holds_no_probe_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one probes after a time, and is not disturbed when the first one ends."""
    monkeypatch.setattr("llmgate.middlewares.cooldowns._PROBE", 0.05)
    store = MemoryStore()
    gone, other = Process(store, "a"), Process(store, "a")
    hanging = asyncio.create_task(gone.ask())
    await gone.gate.reached.wait()
    assert "b" == await other.ask()
    await asyncio.sleep(0.06)
    other.gate.opened.set()
    monkeypatch.setattr("llmgate.middlewares.cooldowns._PROBE", 60.0)
    probe = asyncio.create_task(other.ask())
    await other.gate.reached.wait()
    assert b"1" == await store.get(f"{KEY}:probe")
    gone.gate.opened.set()
    assert ["a", "a"] == [*await asyncio.gather(probe, hanging)]


async def test_a_probe_that_is_cancelled_is_given_up() -> None:
    """While the target is asked, and while the store is."""

    class Slow(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.added = asyncio.Event()
            self.seconds = iter([0, 60])

        async def add(self, key: str, value: bytes, *, ttl: float | None = None) -> bool:
            added = await super().add(key, value, ttl=ttl)
            self.added.set()
            await asyncio.sleep(next(self.seconds))
            return added

    store = Slow()
    process = Process(store)
    for _ in range(2):
        probe = asyncio.create_task(process.ask())
        await store.added.wait()
        store.added.clear()
        await asyncio.sleep(0)
        assert b"1" == await store.get(f"{KEY}:probe")
        probe.cancel()
        await asyncio.wait([probe])
        await process.told()
        assert await store.get(f"{KEY}:probe") is None
    assert 0 == process.state.probes


async def test_where_no_target_is_left_another_ones_probe_is_the_end() -> None:
    """With what the others failed with, where any were asked."""
    store = MemoryStore()
    await store.set(f"{KEY}:probe", b"1")
    for answers in ([], [OOPS]):
        process = Process(store)
        other = process.router.states("fast")[1]
        process.client._registry._given["b"] = FakeProvider(answers)
        if not answers:
            other.cooled, other.cooling_until = 30.0, time.monotonic() + 30
            await store.set("cooldown:fast:1:b/m:probe", b"1", ttl=60)
        with pytest.raises(ServerError if answers else OverloadedError, match=r"oops|cooling down"):
            await process.ask()
        await store.delete("cooldown:fast:1:b/m:probe")


class WithoutAdd:
    """A store of one's own, of the four methods that a store has."""

    def __init__(self) -> None:
        inner = MemoryStore()
        self.get, self.set, self.delete, self.aclose = (
            *(inner.get, inner.set),
            *(inner.delete, inner.aclose),
        )


class Failing(MemoryStore):
    """A store that is gone when it is asked for a probe."""

    async def add(self, key: str, value: bytes, *, ttl: float | None = None) -> bool:
        raise OSError


@pytest.mark.parametrize("make", [WithoutAdd, Failing])
async def test_without_a_store_that_can_say_so_each_process_probes(make: Any) -> None:
    """No call fails for that; what failed is counted."""
    process = Process(make(), "a")
    process.gate.opened.set()
    assert "a" == await process.ask()
    assert (make is Failing) == process.shared.failures


async def test_a_single_target_is_asked_whoever_probes_it() -> None:
    """There is no other one, and an error of its own says more."""
    store = MemoryStore()
    await store.set(f"{KEY}:probe", b"1")
    process = Process(store, "a", targets=1)
    process.gate.opened.set()
    assert "a" == await process.ask()
