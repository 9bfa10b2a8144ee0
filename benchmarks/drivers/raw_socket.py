"""HTTP by hand on asyncio's transports, with orjson: the limit of what Python can do.

It understands just what the upstream says, and none of what a server might.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks.drivers import Reading, Task
from benchmarks.drivers.fast_json import dumps, loads
from benchmarks.drivers.wire import DIALECTS, body_of, events_of, headers_of

__all__ = ["Client"]


class Client:
    """The connections that are free."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._wire = DIALECTS[task.dialect]
        address = urlsplit(task.url)
        self._host, self._port = address.hostname or "", address.port or 80
        head = [f"POST {address.path}{self._wire.path} HTTP/1.1", f"Host: {address.netloc}"]
        head += [f"{name}: {value}" for name, value in headers_of(task).items()]
        self._head = "\r\n".join([*head, "Content-Length: "]).encode()
        self._free: list[_Connection] = []

    async def call(self) -> str:
        """One call."""
        connection = await self._send(stream=False)
        text = self._wire.text(loads(await connection.whole_body()))
        self._free.append(connection)
        return text

    async def stream(self) -> Reading:
        """One stream, read in pieces as large as they come."""
        count, first, parts = 0, 0.0, list[str]()
        delta, rest = self._wire.delta, b""
        connection = await self._send(stream=True)
        await connection.head()
        while piece := await connection.chunks():
            events, rest = events_of(rest + piece if rest else piece)
            for event in events:
                count += 1
                if count == 1:
                    first = perf_counter()
                if text := delta(loads(event)):
                    parts.append(text)
        self._free.append(connection)
        return Reading(count, "".join(parts), first)

    async def close(self) -> None:
        """Close its connections."""
        for connection in self._free:
            connection.transport.close()

    async def _send(self, *, stream: bool) -> _Connection:
        if self._free:
            connection = self._free.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
        body = dumps(body_of(self._task, stream=stream))
        connection.transport.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        return connection


class _Connection(asyncio.Protocol):
    """What has come and was not taken yet."""

    transport: asyncio.Transport
    _arrival: asyncio.Future[None] | None = None

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if self._arrival is not None:
            self._arrival.set_result(None)
            self._arrival = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._arrival is not None:
            self._arrival.set_exception(exc or ConnectionResetError())

    async def _more(self) -> None:
        self._arrival = asyncio.get_running_loop().create_future()
        await self._arrival

    async def head(self) -> bytes:
        """Status and headers."""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            await self._more()
        head, self._data = self._data[:end], self._data[end + 4 :]
        return head

    async def whole_body(self) -> bytes:
        """A body with a Content-Length."""
        head = await self.head()
        at = head.index(b"Content-Length: ") + 16
        length = int(head[at : head.index(b"\r", at)])
        while len(self._data) < length:
            await self._more()
        body, self._data = self._data[:length], self._data[length:]
        return body

    async def chunks(self) -> bytes:
        """The data of all chunks that are here, at least one; empty after the last."""
        while True:
            data, at, found = self._data, 0, list[bytes]()
            while (line := data.find(b"\r\n", at)) >= 0:
                size = int(data[at:line], 16)
                end = line + 2 + size
                if len(data) < end + 2:
                    break
                if size == 0:
                    if found:  # the next time
                        break
                    self._data = data[end + 2 :]
                    return b""
                found.append(data[line + 2 : end])
                at = end + 2
            if found:
                self._data = data[at:]
                return b"".join(found)
            await self._more()
