"""Event loops and threads: several in a row, several at once, closed by hand, or gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import llmgate
from llmgate import Client, Stream
from llmgate._core import default as _default
from llmgate._core.sync import run as run_sync
from llmgate.errors import LLMGateError
from tests.faults.calls import HI
from tests.faults.dialect import TEXT
from tests.faults.server import FaultServer, hang
from tests.faults.stage import ASYNC, endless, good, open_stage
from tests.faults.table import Case, Player, Scene, client_for, serving
from tests.machine import Delay, wait_for

__all__ = ["CASES"]


async def text_of(client: Client, player: Player, **options: Any) -> str:
    """A call to its end, on whatever loop this runs."""
    answer: Any = await client.acompletion(
        player.dialect.model, HI, stream=player.stream, **options
    )
    return (await answer.completion() if isinstance(answer, Stream) else answer).text


def text_of_sync(client: Client, player: Player, **options: Any) -> str:
    """Likewise, without await."""
    answer: Any = client.completion(player.dialect.model, HI, stream=player.stream, **options)
    return (answer.completion() if player.stream else answer).text  # type: ignore[no-any-return]


def elsewhere(
    name: str,
    work: Callable[[Player, FaultServer], None],
    ways: tuple[tuple[bool, bool], ...] = ASYNC,
) -> Scene:
    """Work for a thread that has no event loop yet."""

    async def scene(player: Player) -> None:
        async with serving(player.dialect.serve(good(player))) as server:
            await asyncio.to_thread(work, player, server)
            assert await asyncio.to_thread(server.wait_until_left, 0.5), "left open"

    return Scene(name, scene, ways=ways)


# --- one after another --------------------------------------------------------------------


def _three_runs(player: Player, server: FaultServer) -> None:
    """Each run closes its connections, though nobody closes the client."""
    client = client_for(player.dialect, server.url)
    for number in range(1, 4):
        for _ in range(2):
            assert TEXT == asyncio.run(text_of(client, player))
        assert server.wait_until_left(0.3), "a run leaves its connection open"
        assert 2 * number == server.connections


def _runs_after_failures(player: Player, server: FaultServer) -> None:
    """A run that ends by an exception, or by a cancellation, does no harm to the next."""
    client = client_for(player.dialect, server.url)

    async def fail() -> None:
        await text_of(client, player)
        raise ZeroDivisionError

    async def cancel() -> None:
        asyncio.get_running_loop().call_later(0.01, asyncio.current_task().cancel)  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
        await text_of(client, player)
        await asyncio.Event().wait()

    async def leave_a_task() -> asyncio.Task[str]:
        return asyncio.create_task(text_of(client, player))

    for work, kind in ((fail, ZeroDivisionError), (cancel, asyncio.CancelledError)):
        try:
            asyncio.run(work())
        except kind:
            pass
        else:
            raise AssertionError("it went on")
        assert TEXT == asyncio.run(text_of(client, player))
    assert asyncio.run(leave_a_task()).cancelled()
    assert TEXT == asyncio.run(text_of(client, player))


def _by_hand(player: Player, server: FaultServer) -> None:
    """Loops that are run and closed by hand, without any ceremony, or run twice."""
    client = client_for(player.dialect, server.url)
    for closing in (True, False):
        loop = asyncio.new_event_loop()
        for _ in range(2):
            assert TEXT == loop.run_until_complete(text_of(client, player))
        if closing:
            loop.run_until_complete(client.aclose())
            client = client_for(player.dialect, server.url)
        loop.close()
        assert server.wait_until_left(0.3)
    assert 2 == server.connections


def _default_client(player: Player, server: FaultServer) -> None:
    """The module's own functions over several loops, and without any."""
    client = client_for(player.dialect, server.url)
    with _patching, patch.object(_default, "default_client", lambda: client):

        async def call() -> str:
            answer: Any = await llmgate.acompletion(player.dialect.model, HI, stream=player.stream)
            return (await answer.completion() if player.stream else answer).text  # type: ignore[no-any-return]

        for _ in range(3):
            assert TEXT == asyncio.run(call())
        answer: Any = llmgate.completion(player.dialect.model, HI, stream=player.stream)
        assert TEXT == (answer.completion() if player.stream else answer).text
    assert wait_for(lambda: server.open_connections <= 1)
    run_sync(client.aclose)


_patching = threading.Lock()


def _a_stream_outlives(player: Player, server: FaultServer) -> None:
    """A stream whose loop has ended is closed; read on another, it says so or is read."""
    client = client_for(player.dialect, server.url)

    async def begin() -> Stream:
        stream = await client.acompletion(player.dialect.model, HI, stream=True)
        await anext(stream)
        return stream

    async def go_on(stream: Stream) -> None:
        try:
            await asyncio.wait_for(stream.completion(), 1)
        except LLMGateError:
            return
        assert TEXT == (await stream.completion()).text

    stream = asyncio.run(begin())
    assert server.wait_until_left(0.3)
    asyncio.run(go_on(stream))
    stream = asyncio.run(begin())
    stream.drop()
    stream = asyncio.run(begin())
    del stream


# --- at once ------------------------------------------------------------------------------


def _threads_with_loops(player: Player, server: FaultServer) -> None:
    """Eight threads, each with a loop of its own, and one client."""
    client = client_for(player.dialect, server.url)
    start = threading.Barrier(8)

    async def several() -> list[str]:
        return await asyncio.gather(*(text_of(client, player) for _ in range(3)))

    def run() -> list[str]:
        start.wait(5)
        return asyncio.run(several()) + asyncio.run(several())

    with ThreadPoolExecutor(8) as threads:
        answers = [thread.result() for thread in [threads.submit(run) for _ in range(8)]]
    assert [[TEXT] * 6] * 8 == answers
    assert 48 == len(server.requests)


def _threads_without(player: Player, server: FaultServer) -> None:
    """Sixteen threads that call without await, through one client."""
    client = client_for(player.dialect, server.url)
    start = threading.Barrier(16)

    def run() -> list[str]:
        start.wait(5)
        return [text_of_sync(client, player) for _ in range(3)]

    with ThreadPoolExecutor(16) as threads:
        answers = [thread.result() for thread in [threads.submit(run) for _ in range(16)]]
    assert [[TEXT] * 3] * 16 == answers
    run_sync(client.aclose)


async def _inside_a_loop(player: Player) -> None:
    """Without await where a loop is running, as in a notebook; that loop stands still meanwhile."""
    async with open_stage(player, good(player)) as stage:
        assert TEXT == text_of_sync(stage.client, player)
        assert TEXT == await text_of(stage.client, player)
        assert TEXT == text_of_sync(stage.client, player)
        run_sync(stage.client.aclose)


async def _both_at_once(player: Player) -> None:
    """Awaited and not, from two loops, through one client and a pool of one each."""
    async with open_stage(player, good(player), limit=1) as stage:
        answers = await asyncio.gather(
            *(text_of(stage.client, player) for _ in range(4)),
            *(asyncio.to_thread(text_of_sync, stage.client, player) for _ in range(4)),
        )
        assert [TEXT] * 8 == answers
        assert stage.server.connections <= 2
        run_sync(stage.client.aclose)


async def _in_a_hook(player: Player) -> None:
    """A hook that itself calls, without await."""
    async with open_stage(player, good(player)) as stage:
        heard = list[str]()

        def hook(event: object) -> None:
            if type(event).__name__ == "CallEnded" and not heard:
                heard.append("")
                heard[0] = text_of_sync(stage.client, player)

        assert TEXT == await text_of(stage.client, player, hooks=[hook])
        assert await asyncio.to_thread(wait_for, lambda: [TEXT] == heard)
        run_sync(stage.client.aclose)


async def _many_clients(player: Player) -> None:
    """Fifty clients that are made, used and let go leave nothing."""
    async with serving(player.dialect.serve(good(player))) as server:
        for _ in range(50):
            assert TEXT == await text_of(client_for(player.dialect, server.url), player)
        assert await asyncio.to_thread(server.wait_until_left, 0.5)


@contextmanager
def quick(seconds: float) -> Generator[None]:
    """What is inside takes no longer, but for what the machine delays it."""
    began, delay = time.monotonic(), Delay()
    yield
    assert time.monotonic() - began - delay.seconds < seconds


async def _a_loop_that_ends_in_a_call(player: Player) -> None:
    """A loop that ends with calls in flight closes them, and does not wait for them."""

    def run() -> None:
        client = client_for(player.dialect, server.url)

        async def main() -> None:
            calls = [asyncio.create_task(text_of(client, player)) for _ in range(3)]
            await asyncio.sleep(0.05)
            assert not any(call.done() for call in calls)

        with quick(1.0):
            asyncio.run(main())
        loop = asyncio.new_event_loop()
        call = loop.create_task(text_of(client, player))
        loop.run_until_complete(asyncio.sleep(0.05))
        with quick(0.5):
            call.cancel()
            loop.run_until_complete(asyncio.wait({call}))
            loop.close()

    first = endless(player) if player.stream else hang
    async with serving(player.dialect.serve(first)) as server:
        await asyncio.to_thread(run)
        assert await asyncio.to_thread(server.wait_until_left, 0.3)


async def _closed_elsewhere(player: Player) -> None:
    """A client that is closed on one loop is closed for all; loops end what they have open."""
    async with open_stage(player, good(player)) as stage:
        await stage.healthy()
        await asyncio.to_thread(lambda: asyncio.run(stage.client.aclose()))
        outcome = await stage.call()
        assert isinstance(outcome.error, llmgate.ClosedError)
        del outcome
        await stage.client.aclose()
        assert await asyncio.to_thread(stage.server.wait_until_left, 0.3)


CASES: tuple[Case | Scene, ...] = (
    elsewhere("three runs, one client", _three_runs),
    elsewhere("runs that end badly", _runs_after_failures),
    elsewhere("loops by hand", _by_hand),
    elsewhere("the default client over three runs", _default_client),
    elsewhere("a stream outlives its loop", _a_stream_outlives, ways=((False, True),)),
    elsewhere("eight threads with loops of their own", _threads_with_loops),
    elsewhere("sixteen threads without", _threads_without, ways=((True, False), (True, True))),
    Scene(
        "without await inside a running loop", _inside_a_loop, ways=((True, False), (True, True))
    ),
    Scene("awaited and not, at once", _both_at_once, ways=ASYNC),
    Scene("a hook that calls", _in_a_hook, ways=ASYNC),
    Scene("fifty clients", _many_clients, ways=ASYNC),
    Scene("a loop that ends during calls", _a_loop_that_ends_in_a_call, ways=ASYNC),
    Scene("a client is closed on another loop", _closed_elsewhere, ways=ASYNC),
)
