"""Cancellation at every await: a call is cancelled when it waits for the n-th time, for every n."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from tests.faults.networks import server_tls, trusting, tunnel
from tests.faults.server import FaultServer, then
from tests.faults.stage import ASYNC, Stage, good, open_stage
from tests.faults.table import Case, Player, Scene, calling, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]


@dataclass
class Interrupted:
    """Runs a coroutine, and has its task cancelled when it waits for the n-th time.

    ``woken`` cancels it when what it waits for is there already, and it has not gone on yet; that
    is where what was just got is lost. ``again`` cancels it once more, when it next waits.
    """

    work: Coroutine[Any, Any, None]
    number: int
    woken: bool = False
    again: bool = False
    waits: int = 0
    reached: bool = False
    """Whether the cancellation came while it ran."""

    def __await__(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        assert task is not None
        inner, thrown = self.work.__await__(), None
        while True:
            try:
                waited_for = inner.send(None) if thrown is None else inner.throw(thrown)
            except StopIteration:
                return
            self.waits += 1
            if self.waits == self.number or (self.again and self.waits == self.number + 1):
                self._cancel(task, waited_for)
            try:
                yield waited_for
                thrown = None
            except BaseException as error:  # noqa: BLE001 - it goes in, and comes out or not
                thrown = error
                self.reached = True

    def _cancel(self, task: asyncio.Task[Any], waited_for: Any) -> None:
        future: asyncio.Future[Any] | None = waited_for
        if self.woken and future is not None:
            future.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)


async def interrupted(stage: Stage, number: int, **how: bool) -> bool:
    """Whether a call got so far that it could be cancelled when it waited for the n-th time."""
    work = Interrupted(stage.awaited(), number, **how)

    async def run() -> None:
        await work

    task = asyncio.ensure_future(run())
    await asyncio.wait({task}, timeout=3)
    assert task.done(), f"it hangs when it is cancelled at wait {number}"
    assert work.reached == task.cancelled(), f"it is lost at wait {number}"
    if not task.cancelled():
        assert task.exception() is None, f"wait {number}: {task.exception()!r}"
    return work.waits >= number


async def kept_at_most(stage: Stage, connections: int) -> None:
    """The server hears of a closed connection in its own time, and soon has no more than these."""
    server = stage.server
    assert await wait_for_async(lambda: server.open_connections <= connections), "left open"


def at_every_await(name: str, **how: bool) -> Scene:
    """After each, the pool of one serves a healthy call; with a kept connection, and without."""

    async def scene(player: Player) -> None:
        for kept in (False, True):
            number = 0
            for number in itertools.count(1):
                async with open_stage(player, good(player), limit=1) as stage:
                    if kept:
                        await stage.healthy()
                    was_reached = await interrupted(stage, number, **how)
                    await stage.healthy()
                    await kept_at_most(stage, 1 + bool(stage.farewells))
                if not was_reached:
                    break
            assert number > 1, "it never waits"

    return Scene(name, scene, ways=ASYNC)


def between_two_others(name: str, **how: bool) -> Scene:
    """It waits for the pool of one behind one call, and another waits behind it: both are answered.

    Also when it is cancelled just as it is handed the connection, which the next must then have.
    """

    async def scene(player: Player) -> None:
        slow = then(b"", good(player), pause=0.005, last=lambda _: asyncio.sleep(0))
        async with open_stage(player, slow, limit=1) as stage:
            was_reached, number = True, 0
            while was_reached:
                number += 1
                before = asyncio.ensure_future(stage.awaited())
                await asyncio.sleep(0)
                here = asyncio.ensure_future(interrupted(stage, number, **how))
                await asyncio.sleep(0)
                after = asyncio.ensure_future(stage.awaited())
                _, hanging = await asyncio.wait({before, here, after}, timeout=3)
                assert not hanging, f"it hangs at wait {number}"
                was_reached = here.result()
                for other in (before, after):
                    assert other.exception() is None
            assert number > 2

    return Scene(name, scene, ways=ASYNC)


async def _in_a_handshake(player: Player) -> None:
    """At every await of TLS, and of a proxy's tunnel."""
    dialect = player.dialect
    for proxied in (False, True):
        async with (
            serving(dialect.serve(good(player), tls=server_tls())) as server,
            serving(FaultServer(on_connect=tunnel)) as proxy,
        ):
            address = f"http://127.0.0.1:{proxy.port}" if proxied else None
            number = 0
            for number in itertools.count(1):
                settings = {"limit": 1, "verify": trusting(), "proxy": address}
                async with calling(player, server.url, settings) as client:
                    stage = Stage(player, server, client)
                    if not await interrupted(stage, number):
                        break
                    await stage.healthy()
            assert number > 3


CASES: tuple[Case | Scene, ...] = (
    at_every_await("cancelled at every await"),
    at_every_await("cancelled as it goes on, at every await", woken=True),
    at_every_await("cancelled twice, at every await", again=True),
    at_every_await("cancelled twice as it goes on, at every await", woken=True, again=True),
    between_two_others("cancelled at every await, between two others"),
    between_two_others("cancelled as it goes on, between two others", woken=True),
    # the handshake is the transport's, and the same for all
    Scene(
        "cancelled at every await of a handshake",
        _in_a_handshake,
        providers=("openai", "replicate"),
        ways=ASYNC,
    ),
)
