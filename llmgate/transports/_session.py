"""Requests through aiohttp's session, using only its public API: the path that always works.

It makes one attempt and retries nothing. What aiohttp does not report is learned from its traces,
and from the connection that its connector returns.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, cast

import aiohttp
from yarl import URL

from llmgate.provider.http import HttpRequest
from llmgate.transports._failures import (
    ExplainedError,
    NoConnectionError,
    broken_connection,
    reason_of,
)
from llmgate.transports._limits import ConnectLimit
from llmgate.transports._unprocessed import RequestMark, has_input
from llmgate.transports._waiting import after_long_wait, mark_phase

READ_BUFFER = 16 * 1024
"""How much of a body is buffered before the server must wait: at most twice as many bytes, plus one
read of the socket."""
STREAM_BUFFER = 3 * 1024
"""The same for a stream, whose reader may be slow."""
MAX_HEADER = 64 * 1024
LARGE_BODY = 1024 * 1024
"""A request's body of more bytes is sent in pieces."""
_NEVER_SENT_AGAIN = frozenset({"POST", "PATCH"})
"""The methods for which aiohttp's session does not resend a request by itself."""


class PendingRequest:
    """One request on its way through a session: what it waits for, and on which connection."""

    __slots__ = (
        "body",
        "connect_seconds",
        "is_reused",
        "limit",
        "phase",
        "pool_wait",
        "request_mark",
        "transport",
    )

    def __init__(self, body: bytes, connect_seconds: float | None) -> None:
        self.body = BytesIO(body) if len(body) > LARGE_BODY else body or None
        self.connect_seconds = connect_seconds
        self.is_reused = False
        self.limit: ConnectLimit | None = None
        self.phase = "pool"
        self.pool_wait: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.request_mark: RequestMark | None = None

    def mark(self, cancelled: asyncio.CancelledError) -> None:
        """Note what a cancellation interrupted."""
        if self.transport is None:
            mark_phase(cancelled, self.phase)
        elif self.transport.get_write_buffer_size() or self._is_half_read():
            mark_phase(cancelled, "write")

    def wait_for_pool(self) -> None:
        """Called when no connection is free."""
        self.pool_wait = after_long_wait()

    def stop_waiting(self) -> None:
        """Called when a connection is free, or nobody waits for one any more."""
        if self.pool_wait is not None:
            self.pool_wait.cancel()
            self.pool_wait = None

    def begin(self, transport: asyncio.Transport | None) -> None:
        """Called before the request is written on this connection."""
        self.transport = transport
        if self.is_reused:
            self.request_mark = RequestMark(transport)

    def explain(
        self, error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError
    ) -> ExplainedError:
        """The error that says why there is no response. By now the system no longer reports a
        reset."""
        mark = self.request_mark
        unprocessed = mark is not None and mark.rules_out_processing(None, is_reset=False)
        return broken_connection(error, unprocessed=unprocessed)

    def _is_half_read(self) -> bool:
        """Whether part of the body has not even reached the connection's buffer."""
        body = self.body
        return isinstance(body, BytesIO) and not body.closed and bool(body.read(1))


class Connector(aiohttp.TCPConnector):
    """aiohttp's pool; it also tells a request about its connection, and limits the time to
    connect."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType] # aiohttp's
        self.pending_requests: dict[asyncio.Task[Any] | None, PendingRequest] = {}
        self._process = os.getpid()

    @property
    def closed(self) -> bool:
        """Whether it is closed; for a forked child, its parent's pool counts as closed."""
        return super().closed or self._process != os.getpid()

    def __del__(self, *_: Any) -> None:
        """Do nothing: a keeper closes it, and what a forked child inherits belongs to its
        parent."""

    async def connect(self, *args: Any, **named: Any) -> Any:
        """A connection from the pool, or a new one, for this task's request if there is one."""
        pending = self.pending_requests.get(asyncio.current_task())
        if pending is None:
            return await super().connect(*args, **named)
        async with asyncio.timeout(None) as timeout:
            pending.limit = ConnectLimit(timeout, pending.connect_seconds)
            try:
                return await self._connected(pending, args, named)
            finally:
                pending.stop_waiting()
                pending.limit.stop()
                pending.limit = None  # it refers to this task, whose result refers to the response

    async def _connected(self, pending: PendingRequest, args: Any, named: Any) -> Any:
        while True:
            pending.is_reused = False
            connection: Any = await self._next(args, named)
            if not (pending.is_reused and _is_spoilt(connection)):
                pending.begin(connection.transport)
                return connection
            connection.close()  # it broke while idle, or unrequested data came

    async def _next(self, args: Any, named: Any) -> Any:
        try:
            return await super().connect(*args, **named)
        except (UnicodeError, RuntimeError):  # an invalid name, or one without an address
            reason = "the name has no address"
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
            raise
        except aiohttp.ClientError as error:
            reason = f"no tunnel through the proxy: {reason_of(error)}"
        raise NoConnectionError(reason)


def _is_spoilt(connection: aiohttp.connector.Connection) -> bool:
    """Whether it broke while it was idle, or received data that nobody requested."""
    return getattr(connection.protocol, "should_close", False) or has_input(connection.transport)


def new_session(connector: Connector) -> aiohttp.ClientSession:
    """A session on this pool that adds nothing to a request and keeps no cookie."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),  # the engine times everything but connecting
        headers={"Accept-Encoding": "identity", "User-Agent": "llmgate"},
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
        trace_configs=[_traces()],
    )


async def send_by_session(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    url: URL,
    *,
    proxy: str | None,
    connect_seconds: float | None,
) -> SessionResponse:
    """Send it, and return when the response's headers have come."""
    connector: Any = session.connector
    if connector is None:  # it was closed meanwhile
        raise aiohttp.ClientConnectionError
    task, pending = asyncio.current_task(), PendingRequest(request.body, connect_seconds)
    connector.pending_requests[task] = pending
    try:
        return SessionResponse(await _sent(session, request, url, proxy, pending))
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            pending.mark(error)
        _abort_soon(pending.transport)
        raise
    finally:
        del connector.pending_requests[task]


async def _sent(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    url: URL,
    proxy: str | None,
    pending: PendingRequest,
) -> aiohttp.ClientResponse:
    try:
        return await session.request(
            request.method,
            url,
            data=pending.body,  # a file is sent in pieces
            headers=request.headers,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            proxy=proxy,
            read_bufsize=STREAM_BUFFER if request.stream else READ_BUFFER,
            trace_request_ctx=pending,
            middlewares=() if request.method in _NEVER_SENT_AGAIN else (_send_once,),
        )
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        failure = pending.explain(error)
    except _InterruptedError as error:
        failure = pending.explain(error.reason)
    raise failure


class _InterruptedError(Exception):
    """An error after which aiohttp would otherwise send the request again."""

    def __init__(self, reason: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError) -> None:
        super().__init__()
        self.reason = reason


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _InterruptedError(error) from None


class SessionResponse:
    """A response whose headers have come; closing it leaves no connection half open."""

    __slots__ = ("_response", "content", "headers", "status", "url")
    headers: Mapping[str, str]

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.content = response.content
        self.headers = response.headers
        self.status = response.status
        self.url = response.url

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end and it went back already."""
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        self._response.close()
        if connection is not None:
            connection.close()  # aiohttp does this only while the loop lives
        _abort_soon(transport)


def _abort_soon(transport: asyncio.Transport | None) -> None:
    """Close it without waiting for the peer to read unsent data or to answer TLS's goodbye. Not at
    once, since it may be in the middle of reading.
    """
    if transport is not None:
        with suppress(RuntimeError):  # the loop has ended, and its sockets with it
            asyncio.get_running_loop().call_soon(transport.abort)


# --- traces -------------------------------------------------------------------------------


def _traces() -> aiohttp.TraceConfig:
    """The traces that tell a request how it gets its connection."""
    traces = aiohttp.TraceConfig()
    traces.on_connection_queued_start.append(_waits_for_pool)
    traces.on_connection_queued_end.append(_has_waited)
    traces.on_connection_create_start.append(_begins_to_connect)
    traces.on_connection_create_end.append(_has_connected)
    traces.on_connection_reuseconn.append(_is_reused)
    return traces


async def _waits_for_pool(_: Any, context: Any, __: Any) -> None:
    context.trace_request_ctx.wait_for_pool()


async def _has_waited(_: Any, context: Any, __: Any) -> None:
    context.trace_request_ctx.stop_waiting()


async def _begins_to_connect(_: Any, context: Any, __: Any) -> None:
    pending: PendingRequest = context.trace_request_ctx
    pending.phase = "connect"
    _limit_of(pending).start()


async def _has_connected(_: Any, context: Any, __: Any) -> None:
    _limit_of(context.trace_request_ctx).stop()


def _limit_of(pending: PendingRequest) -> ConnectLimit:
    """The request's limit. There is one whenever a connection is made, which is inside
    ``Connector.connect``."""
    return cast("ConnectLimit", pending.limit)


async def _is_reused(_: Any, context: Any, __: Any) -> None:
    context.trace_request_ctx.is_reused = True
