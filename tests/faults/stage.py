"""A client and a server for scenes of several calls, and what such scenes look at afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from llmgate import Client, Stream, SyncStream
from tests.faults.calls import HI
from tests.faults.peer import Peer, Step
from tests.faults.server import FaultServer, hang, then
from tests.faults.table import Outcome, Player, answers, calling, check_always, serving
from tests.machine import wait_for_async

__all__ = ["ASYNC", "Stage", "endless", "good", "open_stage", "requested"]

ASYNC = ((False, False), (False, True))
"""What can only be cancelled where it is awaited."""

SOON = 0.2
"""Seconds within which a server is to see that nobody waits any more."""


def good(player: Player) -> bytes:
    """The whole answer, in the form that is asked for."""
    return player.dialect.streamed() if player.stream else player.dialect.reply()


def endless(player: Player) -> Step:
    """A stream whose text comes at once, and whose end never does."""
    return then(player.dialect.streamed(*player.dialect.begun, last=b""), last=hang)


@dataclass
class Stage:
    """One provider, one way to call it, a server and a client."""

    player: Player
    server: FaultServer
    client: Client

    async def call(self, **options: Any) -> Outcome:
        """A call of which anything may come that is ours."""
        outcome = await self.player.call(self.client, self.server, **options)
        check_always(outcome)
        return outcome

    async def healthy(self) -> Outcome:
        """A call that is answered, and soon."""
        outcome = await self.call(timeout=2.0)
        answers()(outcome)
        return outcome

    async def awaited(self) -> None:
        """The same call without ceremony, for tasks that are cancelled."""
        answer: Any = await self.client.acompletion(
            self.player.dialect.model, HI, stream=self.player.stream
        )
        if isinstance(answer, Stream):
            await answer.completion()

    async def stream(self) -> Stream:
        """A stream that nobody has read."""
        return await self.client.acompletion(self.player.dialect.model, HI, stream=True)

    def sync_stream(self) -> SyncStream:
        """Likewise; to be called on a thread."""
        return self.client.completion(self.player.dialect.model, HI, stream=True)

    @property
    def peer(self) -> Peer:
        """The server's end of the connection that was made last but for farewells."""
        return self.server.peers[0]

    @property
    def farewells(self) -> int:
        """How often the server was told that nobody waits any more."""
        return sum(seen.target.endswith("/cancel") for seen in self.server.asides)

    async def is_left(self, *peers: Peer) -> None:
        """The server sees these connections close, and is told where it can be told."""
        began = time.monotonic()
        for peer in peers:
            assert await wait_for_async(peer.gone.is_set, SOON + began - time.monotonic()), "open"
        if self.player.dialect.name == "replicate" and self.player.stream:
            assert await wait_for_async(lambda: self.farewells == len(peers)), "not cancelled"

    async def all_closed(self) -> None:
        """Nothing is open any more."""
        assert await wait_for_async(lambda: self.server.open_connections == 0), "left open"


@asynccontextmanager
async def open_stage(player: Player, *steps: Step, **settings: Any) -> AsyncGenerator[Stage]:
    """A server that does these steps, and a client with these settings."""
    async with (
        serving(player.dialect.serve(*steps)) as server,
        calling(player, server.url, settings) as client,
    ):
        yield Stage(player, server, client)
    assert await wait_for_async(lambda: server.open_connections == 0), "left open"


async def requested(server: FaultServer, number: int = 1) -> None:
    """Until so many requests have come."""
    assert await wait_for_async(lambda: len(server.requests) >= number)
    await asyncio.sleep(0)
