"""The fast path: sends a request in one piece, on a connection of aiohttp's pool (ADR 0008).

It relies on private names of aiohttp, and is used only if :func:`is_supported` finds that they
still mean the same. Without this folder llmgate is slower, and loses the guarantees that
docs/reliability.md names.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from functools import cache, lru_cache
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from llmgate.provider.http import HttpRequest
from llmgate.transports._failures import BrokenConnectionError
from llmgate.transports._fast.direct import (
    READING,
    DirectResponse,
    FastConnector,
    Route,
    RouteTimeout,
)
from llmgate.transports._fast.wire import Body, Wire
from llmgate.transports._session import LARGE_BODY, READ_BUFFER

__all__ = ["FastConnector", "FastPath", "is_supported"]

_MAX_ROUTES = 256


class FastPath:
    """Sends small requests directly, on the connections of a session's pool."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._routes: dict[str, Route] = {}

    def route(self, request: HttpRequest, url: Callable[[str], URL]) -> Route | None:
        """The route of a request; None when the session must send it."""
        if len(request.body) > LARGE_BODY or request.method == "HEAD":  # its response has no body
            return None
        route = self._routes.get(request.url)
        if route is None:
            while len(self._routes) >= _MAX_ROUTES:
                self._routes.pop(next(iter(self._routes)))
            route = self._routes[request.url] = Route(url(request.url), self._session)
        return route if route.is_plain else None

    async def send(
        self, request: HttpRequest, route: Route, connect_seconds: float | None
    ) -> DirectResponse:
        """Write it in one piece, and return when the response's headers have come."""
        head = route.head(request)
        connector: Any = self._session.connector
        if connector is None:  # as when it was closed meanwhile
            raise aiohttp.ClientConnectionError
        connection: Any = await connector.connect(route, [], _timeout(connect_seconds))
        response = DirectResponse(connection, route.url)
        try:
            await response.send(head + request.body, stream=request.stream)
        except BaseException as error:
            response.close()
            if isinstance(error, BrokenConnectionError) and error.unprocessed:
                connector.doubt_idle_connections(route.connection_key)
            raise
        return response


@lru_cache(maxsize=32)
def _timeout(seconds: float | None) -> RouteTimeout:
    return RouteTimeout(seconds)


# --- whether it can be used ---------------------------------------------------------------


@cache
def is_supported() -> bool:
    """Whether the installed aiohttp has what the fast path relies on; a loop must be running."""
    try:
        return _has_signatures() and _reads_a_response()
    except Exception:  # noqa: BLE001 - whatever is raised, it is not what was relied on
        return False


def _relied_on() -> Iterator[tuple[Callable[..., Any], tuple[str, ...]]]:
    """The functions that are called or overridden, with the names of their first parameters."""
    connector: Any = aiohttp.TCPConnector
    body: Any = aiohttp.StreamReader
    connection = ResponseHandler
    yield connector.connect, ("self", "req", "traces", "timeout")
    yield connector._create_connection, ("self", "req", "traces", "timeout")
    yield connector._wait_for_available_connection, ("self", "key", "traces")
    yield connector._release_waiter, ("self",)
    yield connector._release, ("self", "key", "protocol", "should_close")
    yield connection.__init__, ("self", "loop")
    yield connection.data_received, ("self", "data")
    yield connection.feed_data, ("self", "data", "size")
    yield connection.set_exception, ("self", "exc", "exc_cause")
    yield body.feed_data, ("self", "data", "size")
    yield body._read_nowait, ("self", "n")
    yield body._wait, ("self", "func_name")


def _has_signatures() -> bool:
    return all(
        tuple(inspect.signature(function).parameters)[: len(names)] == names
        for function, names in _relied_on()
    )


def _reads_a_response() -> bool:
    """Whether a response passes unchanged through all the private parts."""
    transport = _NoTransport()
    wire = Wire(asyncio.get_running_loop())
    wire.connection_made(transport)
    wire.set_response_params(**READING)
    wire.data_received(b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    message, body = _result_of(wire.read())
    if (message.code, message.headers["a"], type(body)) != (200, "b", Body):
        return False
    body.feed_data(bytes(2 * READ_BUFFER))
    if not (transport.is_paused and _result_of(body.readany()) == b"ok" + bytes(2 * READ_BUFFER)):
        return False
    wire.data_received(b"0\r\n\r\n")
    wire.rest()
    at_rest = body.is_eof() and not (transport.is_paused or wire.should_close or wire.answers)
    wire.data_received(b"rubbish")
    route = Route(URL("http://host/"), cast("Any", None))
    return at_rest and wire.should_close and route.connection_key.host == "host"


def _result_of(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that does not have to wait."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("it waits for data that is there already")


class _NoTransport(asyncio.Transport):
    """A transport that carries nothing, and records whether it should read."""

    is_paused = False

    def pause_reading(self) -> None:
        """Note it."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Note it."""
        self.is_paused = False

    def close(self) -> None:
        """There is nothing to close."""
