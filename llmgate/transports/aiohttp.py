"""HTTP by aiohttp: a pool of connections on one event loop, and the replies that come over them.

It makes one attempt and retries nothing, follows no redirect, keeps no cookie and reads no
environment unless told to. Beside it, only modules of this
package import aiohttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from io import BytesIO
from typing import Any, TypeAlias
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from llmgate.errors import ClosedError, InvalidRequestError, LLMGateError
from llmgate.options import Timeout
from llmgate.transports._connections import (
    LONGEST_HEADER,
    READ_BUFFER,
    STREAM_BUFFER,
    Connector,
    SessionResponse,
)
from llmgate.transports._direct import DirectResponse, Route
from llmgate.transports._failures import (
    BrokenConnectionError,
    InvalidAddressError,
    failure_of,
    forget_frames,
)
from llmgate.transports._lifetime import Keeper
from llmgate.transports._resolver import ThreadResolver
from llmgate.transports._settings import HttpSettings, scheme_and_host
from llmgate.wire import HttpRequest, IncomingReply

__all__ = ["AiohttpTransport", "HttpSettings"]

Response: TypeAlias = DirectResponse | aiohttp.ClientResponse

_LARGE_BODY = 1024 * 1024
_MOST_ROUTES = 256
_CLOSED = "the client was closed during the call"
_LINGER = 0.05
"""Seconds that the end of a body may come after the end mark of its stream."""


class AiohttpTransport:
    """One connection pool on one event loop; it closes itself when that loop ends."""

    _keeper: Keeper

    def __init__(self, settings: HttpSettings) -> None:
        """Use :meth:`start`, which also binds the pool to the running loop's end."""
        self._settings = settings
        self._replies = set[_Reply]()
        self._routes: dict[str, Route] = {}
        self._session = aiohttp.ClientSession(
            connector=Connector(
                limit=0,
                limit_per_host=settings.limit,
                ssl=settings.tls(),
                keepalive_timeout=30,
                resolver=ThreadResolver(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            headers={"Accept-Encoding": "identity", "User-Agent": "llmgate"},
            response_class=SessionResponse,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )

    @classmethod
    async def start(
        cls, settings: HttpSettings, on_close: Callable[[], object] = lambda: None
    ) -> AiohttpTransport:
        """A pool for the running loop. ``on_close`` is called when it is closed, however it is."""
        transport = cls(settings)
        transport._keeper = Keeper(
            partial(_close, transport._session, transport._replies, on_close)
        )
        await transport._keeper.start(transport)
        return transport

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingReply:
        """Send the request and return when the reply's headers have come."""
        try:
            response = await self._send(request, timeout)
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            failure = self._failure(error, request.url)
            forget_frames(error)
        except BaseException as cancelled:  # noqa: BLE001 - it goes on at once
            raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
        else:
            return _Reply(response, self._replies)
        try:
            raise failure
        finally:
            del failure  # or it would hold this frame, and this frame it

    async def aclose(self) -> None:
        """Close every connection."""
        await self._keeper.aclose()

    async def _send(self, request: HttpRequest, timeout: Timeout) -> Response:
        """Send it; once more where a kept-alive connection had been closed before it came."""
        try:
            return await self._send_once(request, timeout)
        except BrokenConnectionError as error:
            if not (error.is_stale and (request.idempotent or error.is_unsent)):
                raise
        return await self._send_once(request, timeout)

    async def _send_once(self, request: HttpRequest, timeout: Timeout) -> Response:
        environment = environment_proxy(request.url) if self._settings.trust_env else None
        proxy, route = self._settings.proxy or environment, self._route(request.url)
        if proxy is None and route.is_plain and len(request.body) <= _LARGE_BODY:
            return await self._send_directly(request, route, timeout)
        return await self._session.request(
            request.method,
            route.url,
            data=BytesIO(request.body) if request.body else None,  # which is sent in pieces
            headers=request.headers,
            allow_redirects=False,
            timeout=_timeout(timeout.connect),
            proxy=proxy,
            read_bufsize=STREAM_BUFFER if request.stream else READ_BUFFER,
        )

    async def _send_directly(
        self, request: HttpRequest, route: Route, timeout: Timeout
    ) -> DirectResponse:
        """Write it in one piece, on a connection from aiohttp's pool."""
        head = route.head(request)
        connector: Any = self._session.connector
        if connector is None:  # as when it was closed meanwhile
            raise aiohttp.ClientConnectionError
        connection: Any = await connector.connect(route, [], _timeout(timeout.connect))
        response = DirectResponse(connection, route.url)
        try:
            await response.exchange(head + request.body, stream=request.stream)
        except BaseException:
            response.close()
            raise
        return response

    def _route(self, url: str) -> Route:
        route = self._routes.get(url)
        if route is None:
            while len(self._routes) >= _MOST_ROUTES:
                self._routes.pop(next(iter(self._routes)))
            route = self._routes[url] = Route(_url(url), self._session)
        return route

    @property
    def is_closed(self) -> bool:
        """Whether it can send nothing more."""
        return self._session.closed

    def _failure(self, error: Exception, url: str) -> LLMGateError:
        if self.is_closed:
            return ClosedError(_CLOSED)
        return failure_of(error, url)


async def _close(
    session: aiohttp.ClientSession, replies: set[_Reply], on_close: Callable[[], object]
) -> None:
    on_close()
    for reply in list(replies):
        reply.close()
    await session.close()


class _Reply:
    """aiohttp's response, as an :class:`~llmgate.wire.IncomingReply`."""

    __slots__ = ("_open", "_response", "headers", "status")

    def __init__(self, response: Response, open_replies: set[_Reply]) -> None:
        self._response = response
        self._open = open_replies
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        open_replies.add(self)

    async def read(self) -> bytes:
        """The next piece as it arrives; empty at the end."""
        content = self._response.content
        try:
            return await content.readany()
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            url = str(self._response.url)
            failure = failure_of(error, url) if self in self._open else ClosedError(_CLOSED)
            forget_frames(error)
        # What came before the failure is still there, where aiohttp gives it to nobody.
        rest = content._read_nowait(-1)  # pyright: ignore[reportPrivateUsage]
        try:
            if not (rest or content.is_eof()):  # what breaks after the end is no harm to the body
                raise failure
        finally:
            del failure
        return rest

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end and it went back already."""
        self._response.close()
        self._open.discard(self)

    def release(self) -> None:
        """Nothing more is read. The connection goes back if the body's end comes at once."""
        if self._response.content.is_eof():
            self.close()
        else:
            asyncio.get_running_loop().call_later(_LINGER, self.close)


# --- where requests go --------------------------------------------------------------------


def environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL; ``NO_PROXY`` names exceptions.

    Raises:
        InvalidRequestError: when what it names is no http URL.
    """
    address = scheme_and_host(url)
    if address is None or _is_exempt(address[1]):
        return None
    proxies = getproxies()
    proxy = proxies.get(address[0]) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:  # as it is often written
        proxy = f"http://{proxy}"
    if scheme_and_host(proxy) is None:
        raise InvalidRequestError("the proxy of the environment has no http URL", path="proxy")
    return proxy


def _is_exempt(host: str) -> bool:
    """Whether ``NO_PROXY`` names a host, an IPv6 address also without its brackets."""
    return bool(proxy_bypass(host) or proxy_bypass(host.rpartition("]")[0].removeprefix("[")))


@lru_cache(maxsize=256)
def _url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        raise InvalidAddressError from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise InvalidAddressError
    return url


@lru_cache(maxsize=32)
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    """Only connecting is timed here: the engine times everything else."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect)
