"""HTTP by aiohttp: the only module that imports it, and the only one that knows its exceptions.

It makes one attempt and retries nothing, follows no redirect, keeps no cookie and reads no
environment unless told to.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    ReadError,
    TLSError,
    excerpt,
)
from llmgate.options import Timeout
from llmgate.wire import HttpRequest, IncomingReply

__all__ = ["AiohttpTransport", "HttpSettings"]

_READ_BUFFER = 256 * 1024


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How a client speaks HTTP.

    ``verify`` is True for the system's certificates, a path of a CA bundle, an ``SSLContext``, or
    False for none. ``proxy`` is a URL. ``trust_env`` lets the environment name proxies (and
    ``NO_PROXY`` exceptions). ``limit`` is the number of connections to one host at a time.
    """

    verify: bool | str | ssl.SSLContext = True
    proxy: str | None = None
    trust_env: bool = False
    limit: int = 100


class AiohttpTransport:
    """One connection pool on one event loop; it closes itself when that loop ends."""

    def __init__(self, settings: HttpSettings) -> None:
        """Use :meth:`start`, which also binds the pool to the running loop's end."""
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,
                limit_per_host=settings.limit,
                ssl=_tls(settings.verify),
                keepalive_timeout=30,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            headers={"Accept-Encoding": "identity", "User-Agent": "llmgate"},
            proxy=settings.proxy,
            trust_env=settings.trust_env,
            read_bufsize=_READ_BUFFER,
        )
        self._keeper = _close_with_loop(self._session)

    @classmethod
    async def start(cls, settings: HttpSettings) -> AiohttpTransport:
        """A pool for the running loop."""
        transport = cls(settings)
        await anext(transport._keeper)
        return transport

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingReply:
        """Send the request and return when the reply's headers have come."""
        try:
            response = await self._session.request(
                request.method,
                _url(request.url),
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
                timeout=_timeout(timeout.connect),
            )
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            failure = _failure(error, request.url)
        else:
            return _Reply(response)
        raise failure  # outside of the handler: aiohttp's frames hold the credentials

    async def aclose(self) -> None:
        """Close every connection."""
        await self._keeper.aclose()


async def _close_with_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Closes the session when it is closed itself, which the loop does with every generator that
    has been started on it (``loop.shutdown_asyncgens``, as ``asyncio.run`` calls it)."""
    try:
        yield
    finally:
        await session.close()


class _Connector(aiohttp.TCPConnector):
    """Marks a cancellation with what was being waited for, so that a deadline can name it."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Any:
        phase = "connect" if self._available_connections(req.connection_key) > 0 else "pool"
        try:
            return await super().connect(req, traces, timeout)
        except asyncio.CancelledError as cancelled:
            setattr(cancelled, "llmgate_phase", phase)  # noqa: B010 - a mark of our own
            raise


class _Reply:
    """aiohttp's response, as an :class:`~llmgate.wire.IncomingReply`."""

    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """The next piece as it arrives; empty at the end."""
        content = self._response.content
        try:
            return await content.readany()
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            failure = _failure(error, str(self._response.url))
        raise failure

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end and it went back already."""
        self._response.close()


def _failure(error: Exception, url: str) -> LLMGateError:
    """Our error for one of aiohttp's. The text names the host, never a query."""
    host = url.partition("?")[0]
    reason = excerpt(f"{type(error).__name__}: {error}")
    match error:
        case aiohttp.ConnectionTimeoutError():
            return DeadlineExceededError(f"no connection to {host} in time", phase="connect")
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return DeadlineExceededError(f"{host} fell silent", phase="idle")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return TLSError(f"no secure connection to {host}: {reason}")
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return ConnectError(f"cannot connect to {host}: {reason}")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return InvalidRequestError(f"{host!r} is no http or https URL", path="base_url")
        case aiohttp.ClientError() | OSError():
            return ReadError(f"the connection to {host} broke: {reason}")
        case ValueError():  # aiohttp refuses line ends in headers; the value is not quoted
            return InvalidRequestError("a header or the URL is not valid", path="extra_headers")
        case _:
            return ReadError(f"the exchange with {host} failed: {reason}")


def _tls(verify: bool | str | ssl.SSLContext) -> bool | ssl.SSLContext:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


@lru_cache(maxsize=256)
def _url(text: str) -> URL:
    return URL(text)


@lru_cache(maxsize=32)
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    """Only connecting is timed here: the engine times everything else."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect)
