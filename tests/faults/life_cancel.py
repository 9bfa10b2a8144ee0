"""Cancellation: at every await, wherever a call rests, by every means, and the pool after it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from llmgate import RetryPolicy
from llmgate.errors import DeadlineExceededError, LLMGateError
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded
from tests.faults.calls import HI, Recorder
from tests.faults.networks import black_hole
from tests.faults.peer import Peer, Step
from tests.faults.server import STREAM_HEAD, FaultServer, hang, head, then
from tests.faults.stage import ASYNC, Stage, endless, good, open_stage, requested
from tests.faults.table import Case, Player, Scene, calling, client_for, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]

# --- wherever it rests --------------------------------------------------------------------


async def never_read(peer: Peer) -> None:
    """Take nothing of a request."""
    peer.transport.pause_reading()
    await peer.gone.wait()


LATER = RetryPolicy(max_retries=1, wait=lambda _: 3.0)
Resting = Callable[[Player], Step]

POINTS: dict[str, tuple[Resting, tuple[bool, ...]]] = {
    "waiting for headers": (lambda _: hang, (False, True)),
    "within the head": (lambda _: then(b"HTTP/1.1 200 OK\r\nX-", last=hang), (False, True)),
    "within the body": (lambda _: then(head(content_length="99") + b"{", last=hang), (False,)),
    "within an error's body": (
        lambda _: then(head(400, content_length="99") + b"{", last=hang),
        (False, True),
    ),
    "before the first piece": (lambda _: then(STREAM_HEAD, last=hang), (True,)),
    "between pieces": (endless, (True,)),
}


def resting(name: str, step: Resting, streamed: tuple[bool, ...]) -> Scene:
    """The server sees the close within 0.2 s, the pool of one goes on, and the hooks are told."""

    async def scene(player: Player) -> None:
        hook = Recorder()
        async with open_stage(player, step(player), good(player), limit=1, hooks=[hook]) as stage:
            task = asyncio.ensure_future(stage.awaited())
            await requested(stage.server)
            await asyncio.sleep(0.02)
            task.cancel("the message")
            await asyncio.wait({task})
            assert task.cancelled()
            await stage.is_left(stage.peer)
            await stage.healthy()
            await stage.client.aclose()  # which waits for hooks
        assert ["cancelled", "ok"] == [end.outcome for end in hook.all(CallEnded)]
        assert len(hook.all(AttemptStarted)) == len(hook.all(AttemptEnded))

    return Scene(f"cancelled {name}", scene, ways=tuple((False, each) for each in streamed))


async def _in_a_back_off(player: Player) -> None:
    """The wait ends at once, and no other request is sent."""
    refusal = player.dialect.error(503)
    async with open_stage(player, refusal, good(player), limit=1, retry=LATER) as stage:
        task = asyncio.ensure_future(stage.awaited())
        await requested(stage.server)
        await asyncio.sleep(0.02)
        task.cancel()
        assert await wait_for_async(task.cancelled, 0.2)
        assert 1 == len(stage.server.requests)
        await stage.healthy()


async def _in_the_queue(player: Player) -> None:
    """Who waits for a connection leaves the queue, and those before and after him are served."""
    over = threading.Event()

    async def slow(peer: Peer) -> None:
        assert await wait_for_async(over.is_set, 5.0)
        await peer.send(good(player))

    async with open_stage(player, slow, good(player), limit=1) as stage:
        tasks = [asyncio.ensure_future(stage.awaited()) for _ in range(4)]
        await requested(stage.server)
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        tasks[2].cancel()
        over.set()
        await asyncio.wait(tasks, timeout=2)
        assert [False, True, True, False] == [task.cancelled() for task in tasks]
        assert 2 == len(stage.server.requests)
        assert 1 == stage.server.connections


async def _while_connecting(player: Player) -> None:
    """A handshake that never ends, and a black hole, are left."""
    with black_hole() as url:
        client = client_for(player.dialect, url)
        call = client.acompletion(player.dialect.model, HI, stream=player.stream)
        task: asyncio.Future[Any] = asyncio.ensure_future(call)
        await asyncio.sleep(0.03)
        task.cancel()
        assert await wait_for_async(task.cancelled, 0.2)
        await client.aclose()
    async with serving(FaultServer(on_connect=hang)) as server:
        url = server.url.replace("http:", "https:")
        async with calling(player, url, {"limit": 1}) as client:
            task = asyncio.ensure_future(Stage(player, server, client).awaited())
            assert await wait_for_async(lambda: server.connections == 1)
            await asyncio.sleep(0.02)
            task.cancel()
            assert await wait_for_async(task.cancelled, 0.2)
            assert await wait_for_async(lambda: server.open_connections == 0, 0.2)


async def _while_sending(player: Player) -> None:
    """A large prompt to a server that takes none of it is broken off, and nothing holds it."""
    prompt: Any = [{"role": "user", "content": "x" * 8_000_000}]
    async with (
        serving(FaultServer(on_connect=never_read)) as server,
        calling(player, server.url, {"limit": 1}) as client,
    ):
        model = player.dialect.model
        task = asyncio.ensure_future(client.acompletion(model, prompt, stream=player.stream))
        assert await wait_for_async(lambda: server.connections == 1)
        await asyncio.sleep(0.05)
        task.cancel()
        assert await wait_for_async(task.cancelled, 0.2)


async def _before_it_began(player: Player) -> None:
    """Nothing happens at all."""
    async with open_stage(player, good(player)) as stage:
        task = asyncio.ensure_future(stage.awaited())
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert 0 == stage.server.connections


# --- by every means -----------------------------------------------------------------------


async def by_timeout(work: Awaitable[None]) -> None:
    async with asyncio.timeout(0.1):
        await work


async def by_wait_for(work: Awaitable[None]) -> None:
    await asyncio.wait_for(work, 0.1)


async def by_move_on(work: Awaitable[None]) -> None:
    with anyio.move_on_after(0.1) as scope:
        await work
    assert scope.cancelled_caught
    raise TimeoutError


async def by_fail_after(work: Awaitable[None]) -> None:
    with anyio.fail_after(0.1):
        await work


async def by_scope_in_a_group(work: Awaitable[None]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: _waiting(work))
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()
    raise TimeoutError


async def _waiting(work: Awaitable[None]) -> None:
    await work


MEANS = {
    "asyncio.timeout": by_timeout,
    "asyncio.wait_for": by_wait_for,
    "anyio.move_on_after": by_move_on,
    "anyio.fail_after": by_fail_after,
    "anyio's cancel scope of a group": by_scope_in_a_group,
}


def by(name: str, means: Callable[[Awaitable[None]], Awaitable[None]]) -> Scene:
    """A limit of the caller's own is his, not ours: he sees his own exception."""

    async def scene(player: Player) -> None:
        first = endless(player) if player.stream else hang
        async with open_stage(player, first, good(player), limit=1) as stage:
            try:
                await means(stage.awaited())
            except LLMGateError:
                raise AssertionError("the caller's limit is taken for ours") from None
            except TimeoutError:
                pass
            else:
                raise AssertionError("it went on")
            task = asyncio.current_task()
            assert task is not None
            assert 0 == task.cancelling()
            await stage.is_left(*stage.server.peers[: len(stage.server.requests)])
            await stage.healthy()

    return Scene(f"left by {name}", scene, ways=ASYNC, timed=True)


@dataclass
class Sluggish:
    """Answers nothing until it is told to, however many requests come before that."""

    player: Player
    healthy: bool = False

    async def __call__(self, peer: Peer) -> None:
        await (peer.send(good(self.player)) if self.healthy else hang(peer))


async def _both_limits_at_once(player: Player) -> None:
    """Our limit and the caller's pass together: one is raised, and no cancellation stays."""
    step = Sluggish(player)
    async with open_stage(player, step, limit=1) as stage:
        task = asyncio.current_task()
        assert task is not None
        for offset in (-0.001, 0.0, 0.001):
            for _ in range(2):
                try:
                    async with asyncio.timeout(0.05 + offset):
                        await stage.client.acompletion(
                            player.dialect.model, HI, stream=player.stream, timeout=0.05
                        )
                except TimeoutError:  # as ours is one, too
                    assert 0 == task.cancelling()
                else:
                    raise AssertionError("it went on")
        step.healthy = True
        await stage.healthy()


async def _deadline_leaves_no_cancellation(player: Player) -> None:
    """After a limit of ours has passed, the task is as it was, and can be cancelled."""
    step = Sluggish(player)
    async with open_stage(player, step, limit=1) as stage:
        task = asyncio.current_task()
        assert task is not None
        outcome = await stage.call(timeout=0.05)
        assert isinstance(outcome.error, DeadlineExceededError)
        assert 0 == task.cancelling()
        await asyncio.sleep(0)
        step.healthy = True
        await stage.healthy()


class SiblingError(Exception):
    """What a sibling fails with."""


async def _siblings(player: Player) -> None:
    """A sibling's failure closes twenty streams at once, which are told by nobody else."""
    first = endless(player) if player.stream else hang
    async with open_stage(player, *[first] * 20, good(player)) as stage:
        served = list[Peer]()

        async def fail() -> None:
            await requested(stage.server, 20)
            served.extend(stage.server.peers)
            await asyncio.sleep(0.03)
            raise SiblingError

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(stage.awaited())
                group.create_task(fail())
        except* SiblingError:
            pass
        else:
            raise AssertionError("the failure is lost")
        assert 20 == len(served)
        await stage.is_left(*served)
        await stage.healthy()


async def _task_of_a_stream(player: Player) -> None:
    """A task that holds a stream, and waits for something else, is cancelled."""
    async with open_stage(player, endless(player), good(player), limit=1) as stage:

        async def hold() -> None:
            async for _ in await stage.stream():
                await asyncio.Event().wait()

        task = asyncio.ensure_future(hold())
        await requested(stage.server)
        await asyncio.sleep(0.03)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        del task
        await stage.is_left(stage.peer)
        await stage.healthy()


CASES: tuple[Case | Scene, ...] = (
    *(resting(name, step, streamed) for name, (step, streamed) in POINTS.items()),
    Scene("cancelled in a back-off", _in_a_back_off, ways=ASYNC),
    Scene("cancelled in the queue for a connection", _in_the_queue, ways=ASYNC),
    Scene("cancelled while connecting", _while_connecting, ways=ASYNC),
    Scene("cancelled while sending", _while_sending, ways=((False, False),)),
    Scene("cancelled before it began", _before_it_began, ways=ASYNC),
    *(by(name, means) for name, means in MEANS.items()),
    Scene("two limits that pass at once", _both_limits_at_once, ways=ASYNC),
    Scene("a limit leaves no cancellation behind", _deadline_leaves_no_cancellation, ways=ASYNC),
    Scene("a sibling of twenty fails", _siblings, ways=ASYNC),
    Scene("the task that holds a stream is cancelled", _task_of_a_stream, ways=((False, True),)),
)
