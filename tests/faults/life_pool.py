"""The pool of connections under cancellation and breaking connections, and sound after them."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

from llmgate.errors import LLMGateError
from tests.faults.calls import AT_ONCE
from tests.faults.networks import server_tls, trusting
from tests.faults.peer import Peer
from tests.faults.server import STREAM_HEAD, hang, then
from tests.faults.stage import ASYNC, Stage, endless, good, open_stage
from tests.faults.table import Case, Player, Scene, calling, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]


async def _at_random(player: Player) -> None:
    """Twelve rounds of calls that are cancelled at random, most twice; then healthy ones."""
    chance = random.Random(f"{player}")
    faults = itertools.cycle([good(player), then(STREAM_HEAD, last=hang), hang, endless(player)])
    healthy = False

    async def one_of_them(peer: Peer) -> None:
        step = good(player) if healthy else next(faults)
        await (peer.send(step) if isinstance(step, bytes) else step(peer))

    async with open_stage(player, one_of_them, limit=2) as stage:
        for _ in range(12):
            tasks = [asyncio.ensure_future(stage.awaited()) for _ in range(5)]
            for _ in range(2):
                await asyncio.sleep(chance.random() * 0.01)
                for task in tasks:
                    if chance.random() < 0.7:
                        task.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=2)
            for task in tasks:
                assert task.done()
                if not task.cancelled():
                    assert isinstance(task.exception(), LLMGateError | None)
        healthy = True
        await asyncio.gather(stage.healthy(), stage.healthy(), stage.healthy())
        assert await wait_for_async(lambda: stage.server.open_connections <= 2)


async def _one_of_many(player: Player) -> None:
    """Half of thirty calls through three connections are cancelled; the others are answered."""
    slow = then(b"", good(player), pause=0.01, last=lambda _: asyncio.sleep(0))
    async with open_stage(player, slow, limit=3) as stage:
        tasks = [asyncio.ensure_future(stage.awaited()) for _ in range(30)]
        await asyncio.sleep(0.02)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait(tasks, timeout=3)
        for task in tasks[1::2]:
            assert not task.cancelled()
            assert task.exception() is None
        await stage.healthy()
        assert await wait_for_async(lambda: stage.server.open_connections <= 3)


class Unreliable:
    """Answers, breaks off, babbles or resets by chance, until it is told to be well."""

    def __init__(self, player: Player) -> None:
        self.healthy = False
        self.busy = 0
        """How many of its replies have not been delivered."""
        self._answer = good(player)
        self._chance = random.Random(f"{player}")

    async def __call__(self, peer: Peer) -> None:
        self.busy += 1
        await self._reply(peer)
        await peer.delivered()
        self.busy -= 1

    async def _reply(self, peer: Peer) -> None:
        mood = 1.0 if self.healthy else self._chance.random()
        if mood < 0.15:
            peer.close()
        elif mood < 0.3:
            peer.reset()
        elif mood < 0.4:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
            peer.close()
        elif mood < 0.5:
            await peer.send(self._answer)
            peer.close()
        elif mood < 0.6:
            await peer.send(self._answer, b"babble", pause=0.001)
        else:
            await asyncio.sleep(0 if self.healthy else self._chance.random() * 0.004)
            await peer.send(self._answer)


async def _breaking(player: Player) -> None:
    """Whatever connections do, and whoever is cancelled: nobody waits for ever, nothing is lost."""
    for more in ({}, {"tls": server_tls()}):
        step = Unreliable(player)
        settings: dict[str, Any] = {"limit": 2, "retry": AT_ONCE, "verify": trusting()}
        async with (
            serving(player.dialect.serve(step, **more)) as server,
            calling(player, server.url, settings) as client,
        ):
            stage = Stage(player, server, client)
            for number in range(8):
                await _round(stage, random.Random(number))
            step.healthy = True
            assert await wait_for_async(lambda step=step: not step.busy)  # type: ignore[misc]
            await asyncio.sleep(0.02)  # until what has come was read
            await asyncio.gather(stage.healthy(), stage.healthy(), stage.healthy())
            assert await wait_for_async(lambda: server.open_connections <= 2)


async def _round(stage: Stage, chance: random.Random) -> None:
    tasks = [asyncio.ensure_future(stage.awaited()) for _ in range(8)]
    for task in chance.sample(tasks, 4):
        asyncio.get_running_loop().call_later(chance.random() * 0.02, task.cancel)
    _, hanging = await asyncio.wait(tasks, timeout=5)
    assert not hanging, f"{len(hanging)} of them hang"
    for task in tasks:
        assert task.cancelled() or isinstance(task.exception(), LLMGateError | None)


CASES: tuple[Case | Scene, ...] = (
    Scene("a pool under twelve rounds of random double cancellation", _at_random, ways=ASYNC),
    Scene("every other of thirty calls is cancelled", _one_of_many, ways=ASYNC),
    Scene("a pool whose connections break while calls are cancelled", _breaking, ways=ASYNC),
)
