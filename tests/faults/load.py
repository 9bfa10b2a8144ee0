"""Many calls at once, and many one after another: no storm, no growth, nobody forgotten."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

from llmgate import Client
from llmgate.errors import DeadlineExceededError
from tests.faults.calls import HI, SLACK
from tests.faults.dialect import TEXT
from tests.faults.endless import begun
from tests.faults.peer import Peer, Seen, Step
from tests.faults.server import FaultServer, hang, then
from tests.faults.table import Case, Outcome, Player, Scene, calling, check_always, serving
from tests.machine import Delay, wait_for_async

__all__ = ["CASES"]

WHOLE = ((False, False),)
STREAMED = ((False, True),)
ASYNC = ((False, False), (False, True))
SYNC = ((True, False), (True, True))


async def go_on(_: Peer) -> None:
    """Wait for the next request."""


def answer(player: Player, pause: float = 0.0) -> Step:
    """The whole answer, after a pause."""
    raw = player.dialect.streamed() if player.stream else player.dialect.reply()
    return then(b"", raw, pause=pause, last=go_on) if pause else raw


def assert_answered(outcomes: list[Outcome]) -> None:
    """All of them have the answer."""
    errors = {f"{outcome.error!r}"[:200] for outcome in outcomes if outcome.error is not None}
    assert not errors, errors
    assert {TEXT} == {outcome.text for outcome in outcomes}


@contextmanager
def watched(server: FaultServer) -> Generator[list[int]]:
    """How many connections are open, again and again."""
    seen, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.004):
            seen.append(server.open_connections)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def at_once(number: int, limit: int, seconds: float) -> Callable[[Player], Awaitable[None]]:
    """So many calls at once over so many connections, in so many seconds."""

    async def scene(player: Player) -> None:
        async with (
            serving(player.dialect.serve(answer(player, 0.05))) as server,
            calling(player, server.url, {"limit": limit, "timeout": 30}) as client,
        ):
            with watched(server) as connections:
                began, delay = time.monotonic(), Delay()
                outcomes = await asyncio.gather(
                    *(player.call(client, server) for _ in range(number))
                )
                took = time.monotonic() - began - delay.seconds
        assert_answered(outcomes)
        assert max(connections) <= limit, f"{max(connections)} connections"
        assert server.connections <= limit, f"{server.connections} connections were made"
        assert took <= seconds, f"it took {took:.2f} s"

    return scene


async def closing_server(player: Player) -> None:
    """Each connection serves once, and still there are never more than the limit."""

    async def close(peer: Peer) -> None:
        await asyncio.sleep(0.005)
        peer.close()

    raw = player.dialect.streamed() if player.stream else player.dialect.reply()
    async with (
        serving(player.dialect.serve(then(raw, last=close))) as server,
        # a call may meet one connection after another that closes just then
        calling(player, server.url, {"limit": 4, "max_retries": 5}) as client,
    ):
        with watched(server) as connections:
            outcomes = await asyncio.gather(*(player.call(client, server) for _ in range(30)))
    assert_answered(outcomes)
    assert max(connections) <= 4 + 2, f"{max(connections)} connections"  # two that just closed


async def silent_server(player: Player) -> None:
    """A hundred calls to a silent server all end in time."""
    async with (
        serving(player.dialect.serve(hang)) as server,
        calling(player, server.url, {"limit": 10}) as client,
    ):
        outcomes = await asyncio.gather(
            *(player.call(client, server, timeout=0.4) for _ in range(100))
        )
    for outcome in outcomes:
        check_always(outcome)
        assert isinstance(outcome.error, DeadlineExceededError), f"{outcome.error!r}"
    assert max(outcome.own_seconds for outcome in outcomes) <= 0.4 + 2 * SLACK


async def beside_the_slow(player: Player) -> None:
    """Calls that hang take no place from those that do not."""
    dialect, over = player.dialect, threading.Event()
    whole = dialect.streamed() if player.stream else dialect.reply()
    slow = list[Seen]()

    async def by_turns(peer: Peer) -> None:
        while (seen := await peer.request()) is not None:
            if b"stay" in seen.body:
                slow.append(seen)
                await wait_for_async(over.is_set, 60.0)
            await peer.send(whole)

    def calls(number: int, what: str) -> Any:
        messages: Any = [{"role": "user", "content": what}]
        made = (player.call(client, server, messages=messages) for _ in range(number))
        return asyncio.gather(*made)

    async with (
        serving(FaultServer(on_connect=by_turns)) as server,
        calling(player, server.url, {"limit": 40, "timeout": 60}) as client,
    ):
        staying = calls(30, "stay")
        assert await wait_for_async(lambda: len(slow) == 30, 20.0)
        assert_answered(await calls(100, "go"))
        assert not staying.done()
        over.set()
        assert_answered(await staying)


async def cancelled_at_once(player: Player) -> None:
    """Two hundred calls are cancelled at once; the pool serves the next call."""
    healthy = asyncio.Event()
    whole = player.dialect.streamed() if player.stream else player.dialect.reply()

    async def step(peer: Peer) -> None:
        if healthy.is_set():
            await peer.send(whole)
        else:
            await peer.send(begun(*player.dialect.begun))
            await peer.gone.wait()

    async with (
        serving(player.dialect.serve(step)) as server,
        calling(player, server.url, {"limit": 10}) as client,
    ):
        tasks = [asyncio.ensure_future(player.call(client, server)) for _ in range(200)]
        await asyncio.sleep(0.15)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        healthy.set()
        assert_answered([await player.call(client, server)])


async def many_threads(player: Player) -> None:
    """Thirty-two threads, each with ten calls, over one client."""
    async with (
        serving(player.dialect.serve(answer(player))) as server,
        calling(player, server.url, {"limit": 8}) as client,
    ):

        async def ten() -> list[Outcome]:
            return [await player.call(client, server) for _ in range(10)]

        outcomes = await asyncio.gather(*(ten() for _ in range(32)))
    assert_answered([outcome for each in outcomes for outcome in each])
    assert server.connections <= 8


async def many_clients(player: Player) -> None:
    """Clients that come and go leave neither sockets nor threads nor tasks behind."""

    async def one() -> None:
        async with calling(player, server.url, {}) as client:
            assert_answered([await player.call(client, server)])

    async with serving(player.dialect.serve(answer(player))) as server:
        await one()
        assert await wait_for_async(lambda: server.open_connections == 0)
        before = held()
        for _ in range(30):
            await one()
        assert await wait_for_async(lambda: server.open_connections == 0)
        forget(server)
        await settled(before, objects=300)


# --- one after another --------------------------------------------------------------------


def held() -> dict[str, int]:
    """What this process holds."""
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0,
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
    }


def is_steady(before: dict[str, int], after: dict[str, int], objects: int) -> bool:
    """No more of anything, and hardly more objects."""
    grown = {name: after[name] - before[name] for name in before}
    return grown.pop("objects") <= objects and all(growth <= 1 for growth in grown.values())


async def settled(before: dict[str, int], objects: int) -> None:
    """What is just ending ends in its own time, and then no more is held than before."""
    after = list[dict[str, int]]()

    def steady() -> bool:
        after.append(held())
        return is_steady(before, after[-1], objects)

    assert await wait_for_async(steady, 2.0), f"{before} became {after[-1]}"


def forget(server: FaultServer) -> None:
    """What the server remembers is no growth of ours."""
    server.requests.clear()
    server.asides.clear()
    server.peers[:] = [peer for peer in server.peers if peer.gone_at is None]


async def break_off(player: Player, client: Client) -> None:
    """A call that is left before its end, in one way or another."""
    model: Any = player.dialect.model
    if player.stream:
        async for _ in await client.acompletion(model, HI, stream=True):
            break
        return
    task = asyncio.ensure_future(client.acompletion(model, HI))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


def soak(rounds: int, at_a_time: int = 20) -> Callable[[Player], Awaitable[None]]:
    """So many calls, well and badly ended ones; what is held after them is what was before."""

    async def one_round(player: Player, client: Client, server: FaultServer) -> None:
        calls = [player.call(client, server) for _ in range(at_a_time)]
        refused = player.call(client, server, model=f"{player.dialect.model} {{", top_p=7)
        outcomes = await asyncio.gather(*calls, refused)
        await break_off(player, client)
        assert_answered(list(outcomes[:-1]))
        forget(server)

    async def scene(player: Player) -> None:
        async with (
            serving(player.dialect.serve(answer(player))) as server,
            calling(player, server.url, {"limit": 10}) as client,
        ):
            for _ in range(3):
                await one_round(player, client, server)
            before = held()
            for _ in range(rounds):
                await one_round(player, client, server)
            await settled(before, objects=400)

    return scene


HEAVY = ("openai", "anthropic")
EXCEPT_REPLICATE = ("openai", "azure", "anthropic", "cohere")
"""What it makes is not asked for twice, and a stream of it is asked for without its messages."""

CASES: tuple[Case | Scene, ...] = (
    Scene("a thousand calls at once", at_once(1000, 100, 12.0), providers=("openai",), ways=WHOLE),
    Scene("three hundred streams at once", at_once(300, 100, 8.0), HEAVY, ways=STREAMED),
    Scene("sixty calls at once over five connections", at_once(60, 5, 4.0)),
    Scene("a server that closes after each reply", closing_server, EXCEPT_REPLICATE, ways=ASYNC),
    Scene("a hundred calls to a silent server", silent_server, ways=STREAMED),
    Scene("a hundred calls beside thirty that hang", beside_the_slow, EXCEPT_REPLICATE, ways=ASYNC),
    Scene("two hundred calls cancelled at once", cancelled_at_once, ways=ASYNC),
    Scene("thirty-two threads with one client", many_threads, HEAVY, ways=SYNC),
    Scene("thirty clients, one after another", many_clients, ways=STREAMED),
    Scene("a soak of 1,500 calls", soak(75), providers=("openai",), ways=WHOLE),
    Scene("a soak of 600 streams", soak(30), providers=("openai",), ways=STREAMED),
    Scene("a small soak of calls", soak(5), ways=WHOLE),
    Scene("a small soak of streams", soak(5), ways=STREAMED),
)
