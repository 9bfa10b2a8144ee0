"""HTTP by aiohttp: the only module that imports it, and the only one that knows its exceptions.

It makes one attempt and retries nothing, follows no redirect, keeps no cookie and reads no
environment unless told to. It leans on a few names that aiohttp keeps private; each is in
:class:`_Connector`, :class:`_Wire` or :class:`_Reply`, and tests fail where its meaning changes.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from io import BytesIO
from typing import Any, TypeAlias
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError
from yarl import URL

from llmgate._deadline import mark_phase
from llmgate.errors import (
    ClosedError,
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    ReadError,
    TLSError,
    excerpt,
)
from llmgate.options import Timeout
from llmgate.transports._lifetime import Keeper
from llmgate.transports._settings import HttpSettings, scheme_and_host
from llmgate.wire import HttpRequest, IncomingReply, shown_url

__all__ = ["AiohttpTransport", "HttpSettings"]

_READ_BUFFER = 256 * 1024
_LONGEST_HEADER = 64 * 1024
_LARGE_BODY = 1024 * 1024
_MOST_ANNOUNCEMENTS = 1000
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
        self._routes: dict[str, _Route] = {}
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,
                limit_per_host=settings.limit,
                ssl=settings.tls(),
                keepalive_timeout=30,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            headers={"Accept-Encoding": "identity", "User-Agent": "llmgate"},
            response_class=_Response,
            read_bufsize=_READ_BUFFER,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
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
            _forget_frames(error)
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

    async def _send(self, request: HttpRequest, timeout: Timeout) -> _AnyResponse:
        """Send it; once more where a kept-alive connection had been closed before it came."""
        try:
            return await self._send_once(request, timeout)
        except _BrokenConnectionError as error:
            if not (error.is_stale and (request.idempotent or error.is_unsent)):
                raise
        return await self._send_once(request, timeout)

    async def _send_once(self, request: HttpRequest, timeout: Timeout) -> _AnyResponse:
        environment = _environment_proxy(request.url) if self._settings.trust_env else None
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
        )

    async def _send_directly(
        self, request: HttpRequest, route: _Route, timeout: Timeout
    ) -> _DirectResponse:
        """Write it in one piece, on a connection from aiohttp's pool."""
        head = route.head(request)
        connector: Any = self._session.connector
        if connector is None:  # as when it was closed meanwhile
            raise aiohttp.ClientConnectionError
        connection: Any = await connector.connect(route, [], _timeout(timeout.connect))
        response = _DirectResponse(connection, route.url)
        try:
            await response.exchange(head + request.body)
        except BaseException:
            response.close()
            raise
        return response

    def _route(self, url: str) -> _Route:
        route = self._routes.get(url)
        if route is None:
            while len(self._routes) >= _MOST_ROUTES:
                self._routes.pop(next(iter(self._routes)))
            route = self._routes[url] = _Route(_url(url), self._session)
        return route

    @property
    def is_closed(self) -> bool:
        """Whether it can send nothing more."""
        return self._session.closed

    def _failure(self, error: Exception, url: str) -> LLMGateError:
        if self.is_closed:
            return ClosedError(_CLOSED)
        return _failure(error, url)


async def _close(
    session: aiohttp.ClientSession, replies: set[_Reply], on_close: Callable[[], object]
) -> None:
    on_close()
    for reply in list(replies):
        reply.close()
    await session.close()


# --- what aiohttp is made to do -----------------------------------------------------------


class _ExplainedError(Exception):
    """Of a class that aiohttp does not know, so that it passes through; its text may be shown."""


class _BrokenConnectionError(_ExplainedError):
    """A connection ended before its reply. It is stale if it had been kept alive, and if nothing
    of a reply came: the server may have closed it before the request was there. It surely had if
    nothing could be sent any more."""

    def __init__(self, reason: str, *, is_stale: bool, is_unsent: bool) -> None:
        super().__init__(reason)
        self.is_stale = is_stale
        self.is_unsent = is_unsent


class _BrokenTLSError(_ExplainedError):
    """A connection ended by an alert in place of a reply."""


class _NoConnectionError(_ExplainedError):
    """A name leads nowhere, or a proxy does not."""


_BLANK_LINE = re.compile(rb"(?<=\r\n\r\n)")


class _Wire(ResponseHandler):
    """A connection that knows how often it has served, and whether a reply has begun."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.served = 0
        self.answers = False
        self._announced = 0
        self._parameters: dict[str, Any] = {}
        self._first_piece = b""

    def set_response_params(self, **parameters: Any) -> None:
        """A request is about to be sent."""
        self.served += 1
        self.answers = False
        self._announced = 0
        self._parameters = parameters
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Something came. If it is no HTTP, aiohttp would leave whoever reads a body waiting."""
        if self.answers:
            super().data_received(data)
        else:
            self.answers = bool(data)  # aiohttp itself calls this with nothing
            self._first_piece = data
            super().data_received(data)
            self._first_piece = b""
        if self._exception is not None and self._payload is not None:
            self._payload.set_exception(aiohttp.ClientPayloadError("the body is not well-formed"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """The head of a reply. Those that only announce one (1xx) are not without end."""
        self._announced += data[0].code < 200
        if self._announced > _MOST_ANNOUNCEMENTS:
            self.set_exception(aiohttp.ClientPayloadError("it only announces a reply"))
        else:
            super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: Any, **named: Any) -> None:
        """Something is no HTTP, or the connection broke.

        Of a piece that is not all HTTP, aiohttp forgets the replies before the rubbish. It is read
        again up to there, from one blank line to the next.
        """
        piece, self._first_piece = self._first_piece, b""
        if piece and isinstance(exc, HttpProcessingError):
            super().set_response_params(**self._parameters)
            for part in _BLANK_LINE.split(piece):
                if part and self._exception is None:
                    super().data_received(part)
        else:
            super().set_exception(exc, *cause, **named)

    def close(self) -> None:
        """Close it at once, whether or not the server ever reads what is still to be sent.

        To a goodbye of TLS, asyncio would wait for an answer, for 30 seconds or longer than the
        loop lives.
        """
        transport = self.transport
        if transport is None or transport.get_write_buffer_size():
            self.abort()
        else:
            is_secured = transport.get_extra_info("sslcontext") is not None
            super().close()
            if is_secured:
                self._loop.call_soon(transport.abort)  # not now: it may be in the midst of reading

    def explained(
        self, error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError
    ) -> _ExplainedError:
        """Why there is no reply: a connection that was stale, or one that broke.

        As a class that aiohttp does not know, since for its own it sends a GET again itself.
        """
        if isinstance(error.__cause__, ssl.SSLError):  # such as for want of a certificate
            return _BrokenTLSError(_reason(error.__cause__))
        is_stale = self.served > 1 and not self.answers
        is_unsent = isinstance(error, OSError) and error.errno is None  # it is aiohttp's own
        return _BrokenConnectionError(_reason(error), is_stale=is_stale, is_unsent=is_unsent)

    def mark(self, cancelled: asyncio.CancelledError) -> None:
        """Note that a cancellation came before the request was taken."""
        if self.writing_paused:
            mark_phase(cancelled, "write")


# --- the short way: no proxy, and no body that has to be sent in pieces -------------------


class _Route(aiohttp.ClientRequest):
    """Where requests go, made once: what aiohttp needs to connect, and the head but for headers."""

    def __init__(self, url: URL, session: aiohttp.ClientSession) -> None:
        super().__init__("GET", url, loop=asyncio.get_running_loop(), session=session)
        self.is_plain = not (url.raw_user or url.raw_password)  # else aiohttp makes a header of it
        self._key: Any = super().connection_key
        self._target = self.url.raw_path_qs
        self._own = {
            "host": f"Host: {self.headers['Host']}",
            "accept": "Accept: */*",
            "accept-encoding": "Accept-Encoding: identity",
            "user-agent": "User-Agent: llmgate",
        }

    @property
    def connection_key(self) -> Any:
        """What tells apart connections that can be shared."""
        return self._key

    def head(self, request: HttpRequest) -> bytes:
        """The bytes of a request before its body.

        Raises:
            ValueError: when a header would add a line of its own.
        """
        headers, names = request.headers, {name.lower() for name in request.headers}
        lines = [f"{request.method} {self._target} HTTP/1.1"]
        lines += [line for name, line in self._own.items() if name not in names]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if request.body or request.method != "GET":
            lines.append(f"Content-Length: {len(request.body)}")
        head = "\r\n".join(lines)
        if head.count("\r") + head.count("\n") + head.count("\0") != 2 * len(lines) - 2:
            raise ValueError
        return f"{head}\r\n\r\n".encode()


class _DirectResponse:
    """The reply to a request that was written at once, in the terms of aiohttp's own."""

    __slots__ = ("_connection", "content", "headers", "status", "url")
    content: aiohttp.StreamReader
    headers: Mapping[str, str]
    status: int

    def __init__(self, connection: Any, url: URL) -> None:
        self._connection: Any = connection
        self.url = url

    async def exchange(self, request: bytes) -> None:
        """Send the bytes of a request, and wait for the head of its reply."""
        wire: _Wire = self._connection.protocol
        try:
            wire.set_response_params(**_READING)
            if wire.transport is None or wire.transport.is_closing():
                raise aiohttp.ClientConnectionResetError
            wire.transport.write(request)
            message, self.content = await wire.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, self.content = await wire.read()
        except asyncio.CancelledError as cancelled:
            wire.mark(cancelled)
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = wire.explained(error)
        except HttpProcessingError as error:
            failure = _ExplainedError(f"{error.code} {error.message}")
        else:
            self.status, self.headers = message.code, message.headers
            self.content.on_eof(self._rest)
            return
        raise failure

    def _rest(self) -> None:
        """The body has ended, and the connection is free for another request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def close(self) -> None:
        """Drop the connection, unless it is free already; whoever reads is told."""
        connection, self._connection = self._connection, None
        if connection is None or connection._loop.is_closed():
            return
        content: aiohttp.StreamReader | None = getattr(self, "content", None)
        if content is not None and content.exception() is None:
            content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
        connection.close()


_READING: dict[str, Any] = {
    "read_until_eof": True,
    "read_bufsize": _READ_BUFFER,
    "max_line_size": _LONGEST_HEADER,
    "max_field_size": _LONGEST_HEADER,
}


class _Response(aiohttp.ClientResponse):
    """The reply on the long way: it tells what a cancellation interrupted, and what broke."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        wire: _Wire = connection.protocol
        try:
            return await super().start(connection)
        except asyncio.CancelledError as cancelled:
            wire.mark(cancelled)
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = wire.explained(error)
        raise failure


_AnyResponse: TypeAlias = _DirectResponse | aiohttp.ClientResponse


class _Connector(aiohttp.TCPConnector):
    """Bounds all of connecting, names what was waited for, and hands out no spoilt connection."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType] # aiohttp's
        self._factory: Any = partial(_Wire, asyncio.get_running_loop())
        self._process = os.getpid()

    @property
    def closed(self) -> bool:
        """Whether it is closed, or its parent's, to a forked child."""
        return self._closed or self._process != os.getpid()

    def __del__(self, *_: Any) -> None:
        """Nothing: a keeper closes it, and what a forked child inherits is its parent's."""

    async def connect(self, req: aiohttp.ClientRequest, traces: Any, timeout: Any) -> Any:
        try:
            while True:
                connection: Any = await super().connect(req, traces, timeout)
                wire: _Wire = connection.protocol
                if not (wire.served and (wire.should_close or wire.answers)):
                    return connection
                connection.close()  # it broke while it lay idle, or something came unasked
        except asyncio.CancelledError as cancelled:
            mark_phase(cancelled, "pool")
            raise

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        """A connection begins to rest; an answer to nothing would now spoil it."""
        protocol.answers = False
        super()._release(key, protocol, should_close=should_close)

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: Any, timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            async with asyncio.timeout(timeout.sock_connect):
                return await super()._create_connection(req, traces, timeout)
        except asyncio.CancelledError as cancelled:
            mark_phase(cancelled, "connect")
            raise
        except (UnicodeError, RuntimeError):  # for a name that cannot be one, or has no address
            reason = "the name has no address"
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
            raise
        except aiohttp.ClientError as error:
            reason = f"no tunnel through the proxy: {_reason(error)}"
        raise _NoConnectionError(reason)


class _Reply:
    """aiohttp's response, as an :class:`~llmgate.wire.IncomingReply`."""

    __slots__ = ("_open", "_response", "headers", "status")

    def __init__(self, response: _AnyResponse, open_replies: set[_Reply]) -> None:
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
            failure = _failure(error, url) if self in self._open else ClosedError(_CLOSED)
            _forget_frames(error)
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


# --- what aiohttp says, in our words ------------------------------------------------------


def _forget_frames(error: BaseException | None) -> None:
    """Let go of aiohttp's frames, which hold credentials, and refer to their own exception."""
    while error is not None:
        following = error.__cause__ or error.__context__
        error.__traceback__ = error.__cause__ = error.__context__ = None  # chains may be rings
        error = following


def _failure(error: Exception, url: str) -> LLMGateError:
    """Our error for one of aiohttp's. The text names the host, never a query."""
    host = excerpt(shown_url(url))
    reason = _reason(error)
    match error:
        case LLMGateError():
            return error
        case aiohttp.ClientSSLError() | ssl.SSLError() | _BrokenTLSError():
            return TLSError(f"no secure connection to {host}: {reason}")
        case aiohttp.ClientConnectorError() | _NoConnectionError():
            return ConnectError(f"cannot connect to {host}: {reason}")
        case TimeoutError():
            return DeadlineExceededError(f"no connection to {host} in time", phase="connect")
        case _InvalidAddressError() | aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return InvalidRequestError(f"{host!r} is no http or https URL", path="base_url")
        case ValueError():  # the text may quote a header
            what = "a header holds a line end, or the URL a password that a header contradicts"
            return InvalidRequestError(what, path="extra_headers")
        case _:
            return ReadError(f"the connection to {host} broke: {reason}")


def _reason(error: Exception) -> str:
    """What aiohttp says, but for what could hold the URL or a header that was sent."""
    match error:
        case aiohttp.ClientConnectorError():
            lost = "the server closed it during the handshake"  # of TLS: asyncio says nothing
            return excerpt(error.os_error.strerror or str(error.os_error) or lost)
        case ssl.SSLError(strerror=str(text)):
            return excerpt(text)
        case aiohttp.ServerDisconnectedError():
            return "the server closed it"
        case aiohttp.ClientResponseError():
            return excerpt(f"{error.status} {error.message}")
        case OSError(errno=int(number)):
            return os.strerror(number)
        case aiohttp.ClientPayloadError() | _ExplainedError():
            return excerpt(str(error))
        case _:
            return type(error).__name__


def _environment_proxy(url: str) -> str | None:
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
        raise _InvalidAddressError from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise _InvalidAddressError
    return url


class _InvalidAddressError(Exception):
    """Something is no URL."""


@lru_cache(maxsize=32)
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    """Only connecting is timed here: the engine times everything else."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect)
