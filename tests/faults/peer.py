"""The server's end of one connection, and the requests that come on it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.machine import wait_for_async

if TYPE_CHECKING:
    from tests.faults.server import FaultServer


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


Step: TypeAlias = "bytes | Callable[[Peer], Awaitable[None]]"


class Peer(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.gone = asyncio.Event()
        self.gone_at: float | None = None
        self.transport: asyncio.Transport
        self._received = bytearray()
        self._arrival = asyncio.Event()

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.begin(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._arrival.set()

    def eof_received(self) -> None:
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def _leave(self) -> None:
        self.gone_at = self.gone_at or time.monotonic()
        self.gone.set()
        self._arrival.set()

    # --- what steps use ---

    async def send(self, *parts: bytes, pause: float = 0.0) -> None:
        """Write the parts, waiting before each but the first."""
        for index, part in enumerate(parts):
            if index:
                await asyncio.sleep(pause)
            self.transport.write(part)

    def close(self) -> None:
        """End the connection in order."""
        self.transport.close()

    def reset(self) -> None:
        """End the connection with a reset, unless the client was quicker."""
        if self.gone.is_set():
            return
        raw: socket.socket = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def delivered(self) -> None:
        """Until the client's system has all that was sent, or knows that nothing more comes."""
        if self.transport.is_closing():
            await self.gone.wait()
        assert await wait_for_async(lambda: not self._under_way())

    def _under_way(self) -> int:
        """How many bytes the client's system has not confirmed."""
        if self.gone.is_set():
            return 0
        raw: socket.socket = self.transport.get_extra_info("socket")
        return int.from_bytes(ioctl(raw.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)

    async def arrived(self) -> None:
        """Until something has come, or the client has gone."""
        while not (self._received or self.gone.is_set()):
            self._arrival.clear()
            await self._arrival.wait()

    def taken(self) -> bytes:
        """What has come, which is then no part of a request."""
        data = bytes(self._received)
        self._received.clear()
        return data

    async def request(self) -> Seen | None:
        """The next request; None when the client has gone."""
        while (seen := self._parsed()) is None:
            if self.gone.is_set():
                return None
            self._arrival.clear()
            await self._arrival.wait()
        return seen

    def _parsed(self) -> Seen | None:
        head, blank, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not blank:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        del self._received[: len(head) + 4 + length]
        method, target, _ = first.split(" ")
        return Seen(method, target, headers, rest[:length])
