"""Writes requests in one piece on connections of aiohttp's pool, and reads the responses to them.

It chooses no address, and retries nothing (ADR 0008).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import aiohttp
from yarl import URL

from llmgate.provider.http import HttpRequest
from llmgate.transports._failures import (
    BrokenConnectionError,
    NoConnectionError,
)
from llmgate.transports._fast.wire import Wire
from llmgate.transports._limits import ConnectLimit
from llmgate.transports._session import MAX_HEADER, READ_BUFFER, STREAM_BUFFER, Connector
from llmgate.transports._waiting import after_long_wait, mark_phase

_MAX_STARTS = 16
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MAX_DOUBTED = 256


class FastConnector(Connector):
    """aiohttp's pool with connections that know their history; it never returns a spoilt one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory: Any = partial(Wire, asyncio.get_running_loop())
        self._doubted: dict[Any, float] = {}

    def doubt_idle_connections(self, key: Any) -> None:
        """Do not reuse the now idle connections to this host: one of them turned out to be dead."""
        if len(self._doubted) >= _MAX_DOUBTED:
            self._doubted.pop(next(iter(self._doubted)))
        self._doubted[key] = time.monotonic()

    async def connect(self, *args: Any, **named: Any) -> Any:
        """A connection from the pool, or a new one."""
        try:
            while True:
                connection: Any = await super().connect(*args, **named)
                wire: Wire = connection.protocol
                if not wire.is_spoilt(self._doubted.get(args[0].connection_key, 0.0)):
                    return connection
                connection.close()
        except asyncio.CancelledError as cancelled:
            mark_phase(cancelled, "pool")
            raise

    async def _wait_for_available_connection(self, key: Any, traces: Any) -> None:
        timer = None if traces else after_long_wait()  # traces report the session's requests
        try:
            await super()._wait_for_available_connection(key, traces)
        except BaseException:  # it may just have got a slot: pass it on
            self._release_waiter()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        """Called when a connection becomes idle; any data without a request would now spoil it."""
        protocol.rest()
        super()._release(key, protocol, should_close=should_close)

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        if not isinstance(timeout, RouteTimeout):  # the session's, as through a proxy
            try:
                return await super()._create_connection(req, traces, timeout)
            except asyncio.CancelledError as cancelled:
                mark_phase(cancelled, "connect")
                raise
        async with asyncio.timeout(None) as whole:
            limit = ConnectLimit(whole, timeout.seconds)
            limit.start()
            try:
                return await super()._create_connection(req, traces, cast("Any", timeout))
            except asyncio.CancelledError as cancelled:
                mark_phase(cancelled, "connect")
                raise
            except (UnicodeError, RuntimeError):  # an invalid name, or one without an address
                reason = "the name has no address"
            finally:
                limit.stop()
        raise NoConnectionError(reason)


class RouteTimeout:
    """The fields of a ``ClientTimeout`` that a connector reads, without limits, and our own limit
    on connecting."""

    __slots__ = ("seconds",)
    total = connect = sock_connect = sock_read = None
    ceil_threshold = 5

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds


class Route(aiohttp.ClientRequest):
    """A destination of requests, prepared once: what aiohttp needs to connect, and the fixed part
    of the head."""

    def __init__(self, url: URL, session: aiohttp.ClientSession) -> None:
        super().__init__("GET", url, loop=asyncio.get_running_loop(), session=session)
        self.is_plain = not (url.raw_user or url.raw_password)  # else aiohttp adds a header
        self._key: Any = super().connection_key
        self._target = self.url.raw_path_qs
        self._own = {
            "host": f"Host: {self.headers['Host']}\r\n",
            "accept": "Accept: */*\r\n",
            "accept-encoding": "Accept-Encoding: identity\r\n",
            "user-agent": "User-Agent: llmgate\r\n",
        }
        self._starts: dict[tuple[str, ...], tuple[str, bool]] = {}

    @property
    def connection_key(self) -> Any:
        """The key of the connections that requests can share."""
        return self._key

    def head(self, request: HttpRequest) -> bytes:
        """The bytes of a request before its body.

        Raises:
            ValueError: when a header would inject a line.
        """
        headers = request.headers
        names = (request.method, *headers)
        start, has_length = self._starts.get(names) or self._start(*names)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        if not has_length and (request.body or request.method not in _WITHOUT_BODY):
            lines.append(f"Content-Length: {len(request.body)}\r\n")
        return f"{start}{_joined(lines)}\r\n".encode()

    def _start(self, method: str, *names: str) -> tuple[str, bool]:
        """The lines before the given headers, which depend only on which of our headers they
        replace; and whether the given headers say how long the body is."""
        given = {name.lower() for name in names}
        own = (line for name, line in self._own.items() if name not in given)
        start = _joined([f"{method} {self._target} HTTP/1.1\r\n", *own])
        while len(self._starts) >= _MAX_STARTS:
            self._starts.pop(next(iter(self._starts)))
        made = self._starts[method, *names] = start, "content-length" in given
        return made


def _joined(lines: list[str]) -> str:
    """Lines with their line ends; a line end or a NUL inside a line is refused."""
    text = "".join(lines)
    if text.count("\r") + text.count("\n") + text.count("\0") != 2 * len(lines):
        raise ValueError
    return text


class DirectResponse:
    """The response to a request that was written in one piece; it has the attributes of aiohttp's
    own."""

    __slots__ = ("_connection", "content", "headers", "status", "url")
    content: aiohttp.StreamReader
    headers: Mapping[str, str]
    status: int

    def __init__(self, connection: Any, url: URL) -> None:
        self._connection: Any = connection
        self.url = url

    async def send(self, request: bytes, *, stream: bool = False) -> None:
        """Send the bytes of a request, and wait for the head of its response."""
        wire: Wire = self._connection.protocol
        try:
            wire.set_response_params(**(STREAMING if stream else READING))
            if wire.transport is None or wire.transport.is_closing():
                raise BrokenConnectionError("it had ended", unprocessed=True)
            wire.transport.write(request)
            message, self.content = await wire.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, self.content = await wire.read()
        except asyncio.CancelledError as cancelled:
            wire.mark(cancelled)
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = wire.explain(error)
        else:
            self.status, self.headers = message.code, message.headers
            self.content.on_eof(self._rest)
            return
        raise failure

    def _rest(self) -> None:
        """Called when the body has ended: the connection is free for another request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def close(self) -> None:
        """Close the connection, unless it is free already; a reader of the body gets an error."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        content: aiohttp.StreamReader | None = getattr(self, "content", None)
        has_reader = content is not None and not connection._loop.is_closed()
        if content is not None and has_reader and content.exception() is None:
            content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
        connection.close()


READING: dict[str, Any] = {
    "read_until_eof": True,
    "read_bufsize": READ_BUFFER,
    "max_line_size": MAX_HEADER,
    "max_field_size": MAX_HEADER,
}
STREAMING = {**READING, "read_bufsize": STREAM_BUFFER}
