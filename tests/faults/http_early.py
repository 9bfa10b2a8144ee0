"""Replies that do not wait for the request, and servers that read next to nothing of it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from llmgate.errors import BadRequestError, DeadlineExceededError, ReadError
from tests.faults.peer import Peer
from tests.faults.raw import Rows
from tests.faults.server import FaultServer, close, reply, reset
from tests.faults.table import Check, Player, Scene, calling, check_always, either, raises, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]

LARGE = [{"role": "user", "content": "x" * 6_000_000}]


async def pause_and_close(peer: Peer) -> None:
    """Leave the client the time to read."""
    await asyncio.sleep(0.1)
    peer.close()


async def stay(peer: Peer) -> None:
    """Neither read nor close."""
    await asyncio.sleep(5)


def early(
    status: int, last: Callable[[Peer], Awaitable[None]]
) -> Callable[[Peer], Awaitable[None]]:
    """What to do on a connection: refuse as soon as something comes, and read no more of it."""

    async def refuse(peer: Peer) -> None:
        connection: socket.socket = peer.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await peer.arrived()
        peer.transport.pause_reading()
        if status:
            await peer.send(reply(status, body=b"no"))
        await last(peer)

    return refuse


def sockets_to(server: FaultServer) -> list[Any]:
    """This process's sockets to a server, open or not."""
    found = [each for each in gc.get_objects() if isinstance(each, asyncio.Transport)]
    peers = [(each, each.get_extra_info("peername")) for each in found]
    return [
        each.get_extra_info("socket") for each, peer in peers if peer and peer[1] == server.port
    ]


def unread(
    name: str, check: Check, serve: Callable[[Peer], Awaitable[None]], seconds: float = 3.0
) -> Scene:
    """A line for a server that reads next to nothing of a large request: no socket stays open."""

    async def scene(player: Player) -> None:
        async with (
            serving(FaultServer(on_connect=serve)) as server,
            calling(player, server.url, {"timeout": seconds}) as client,
        ):
            outcome = await player.call(client, server, messages=LARGE)
            check_always(outcome)
            check(outcome)
            sockets = sockets_to(server)
            assert await wait_for_async(lambda: all(s.fileno() < 0 for s in sockets)), "left open"

    return Scene(name, scene, ways=((False, False), (True, True)), timed=seconds < 1.0)


TOO_LARGE = raises(BadRequestError, status=413)
BROKE_OFF = either(TOO_LARGE, raises(ReadError))
"""What a reset leaves of a reply that came before it is for the operating system to say."""

CASES: Rows = (
    unread("refused before it was read, and closed later", TOO_LARGE, early(413, pause_and_close)),
    unread("refused before it was read, and never closed", TOO_LARGE, early(413, stay)),
    unread("refused before it was read, and closed at once", BROKE_OFF, early(413, close)),
    unread("refused before it was read, and reset", BROKE_OFF, early(413, reset)),
    unread("closed before it was read", raises(ReadError), early(0, close)),
    unread("never read at all", raises(DeadlineExceededError, phase="write"), early(0, stay), 0.5),
)
