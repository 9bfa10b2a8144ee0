"""HTTP by aiohttp: a pool of connections on one event loop, and the responses that come over them.

It makes one attempt and retries nothing, follows no redirect, keeps no cookie and reads no
environment unless asked to. Apart from it, only modules of this package import aiohttp.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import aiohttp

from llmgate.errors import ClosedError, LLMGateError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, IncomingResponse
from llmgate.transports._addresses import environment_proxy, parsed_url
from llmgate.transports._failures import failure_of, forget_frames
from llmgate.transports._heads import LowerNames, check_head
from llmgate.transports._lifetime import Keeper
from llmgate.transports._resolver import ThreadResolver
from llmgate.transports._session import (
    Connector,
    SessionResponse,
    new_session,
    send_by_session,
)
from llmgate.transports._settings import HttpSettings
from llmgate.transports._sockets import OpenSockets

if TYPE_CHECKING:
    from llmgate.transports._fast import FastPath
    from llmgate.transports._fast.direct import DirectResponse

__all__ = ["AiohttpTransport", "HttpSettings", "Stats"]

Response: TypeAlias = "DirectResponse | SessionResponse"

_CLOSED = "the client was closed during the call"
_HOW_TO_CLOSE = "use it in `async with`, or await its `aclose()`"
_LINGER = 0.05
"""How many seconds after a stream's terminator the end of its body may still come."""


@dataclass(slots=True)
class Stats:
    """How many requests went through aiohttp's public API, and how many the fast path."""

    public: int = 0
    fast: int = 0


class AiohttpTransport:
    """One connection pool on one event loop; it closes itself when that loop ends."""

    _keeper: Keeper

    def __init__(self, settings: HttpSettings) -> None:
        """Do not call this: use :meth:`start`, which also binds the pool to the end of the running
        loop."""
        self.stats = Stats()
        self._settings = settings
        self._responses = set[_OpenResponse]()
        self._lower_names = LowerNames()
        self._sockets = OpenSockets(asyncio.get_running_loop())
        fast = _fast_module() if settings.allows_fast_path() else None
        connector: type[Connector] = fast.FastConnector if fast is not None else Connector
        self._session = new_session(
            connector(
                limit=0,
                limit_per_host=settings.most_connections(),
                ssl=settings.tls(),
                keepalive_timeout=30,
                resolver=ThreadResolver(),
                socket_factory=self._sockets,
            )
        )
        self._fast: FastPath | None = fast.FastPath(self._session) if fast is not None else None

    @classmethod
    async def start(
        cls,
        settings: HttpSettings,
        on_close: Callable[[], object] = lambda: None,
        *,
        warns: bool = True,
    ) -> AiohttpTransport:
        """A pool for the running loop. ``on_close`` is called whenever and however the pool is
        closed.

        ``warns`` says whether there is a ``ResourceWarning`` if the pool is collected, or its loop
        is closed by hand, while connections are open.
        """
        transport = cls(settings)
        pool = _Pool(transport._session, transport._responses, transport._sockets, on_close, warns)
        transport._keeper = Keeper(pool.close, pool.abandon, pool.warn_of_owner)
        await transport._keeper.start(transport)
        return transport

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        """Send the request and return when the response's headers have come."""
        try:
            response = await self._send(request, timeout)
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            failure = self._failure(error, request.url)
            forget_frames(error)
        except BaseException as cancelled:  # noqa: BLE001 - it goes on at once
            raise cancelled.with_traceback(None)  # noqa: B904 - it is the same one
        else:
            return _OpenResponse(response, self._responses, self._lower_names)
        try:
            raise failure
        finally:
            del failure  # else it and this frame would refer to each other

    async def aclose(self) -> None:
        """Close every connection."""
        await self._keeper.aclose()

    async def _send(self, request: HttpRequest, timeout: Timeout) -> Response:
        check_head(request)
        proxy = self._settings.proxy_url()
        if proxy is None and self._settings.trust_env:
            proxy = environment_proxy(request.url)
        fast = self._fast
        route = fast.route(request, parsed_url) if fast is not None and proxy is None else None
        if fast is not None and route is not None:
            self.stats.fast += 1
            return await fast.send(request, route, timeout.connect)
        url = parsed_url(request.url)
        self.stats.public += 1
        return await send_by_session(
            self._session, request, url, proxy=proxy, connect_seconds=timeout.connect
        )

    @property
    def is_closed(self) -> bool:
        """Whether the pool is closed and can send nothing more."""
        return self._session.closed

    def _failure(self, error: Exception, url: str) -> LLMGateError:
        if self.is_closed:
            return ClosedError(_CLOSED)
        return failure_of(error, url)


def _fast_module() -> ModuleType | None:
    """The module of the fast path; None if it is missing, or this aiohttp does not support it."""
    try:
        from llmgate.transports import _fast  # noqa: PLC0415 - what it imports may be missing
    except ImportError:
        return None
    return _fast if _fast.is_supported() else None


@dataclass(slots=True)
class _Pool:
    """The parts of a transport that must be closed at its end."""

    session: aiohttp.ClientSession
    responses: set[_OpenResponse]
    sockets: OpenSockets
    on_close: Callable[[], object]
    warns: bool

    async def close(self) -> None:
        """Close every connection, on its loop."""
        self.on_close()
        for response in list(self.responses):
            response.close()
        await self.session.close()

    def abandon(self) -> None:
        """Close every connection, after its loop has been closed."""
        count = len(self.sockets)
        self.on_close()
        closing = self.session.close()
        with suppress(StopIteration, RuntimeError):  # nothing is left to wait for
            closing.send(None)
        closing.close()
        for response in list(self.responses):
            with suppress(Exception):
                response.close()
        self.sockets.close()
        self._warn(count, "its event loop was closed")

    def warn_of_owner(self) -> None:
        """Warn that a client was collected before it was closed."""
        self._warn(len(self.sockets), "it was collected")

    def _warn(self, count: int, when: str) -> None:
        if self.warns and count and not self.sockets.are_inherited:
            what = f"a client had open connections ({count}) when {when}: {_HOW_TO_CLOSE}"
            warnings.warn(what, ResourceWarning, stacklevel=2)


class _OpenResponse:
    """aiohttp's response, as an :class:`~llmgate.provider.http.IncomingResponse`."""

    __slots__ = ("_open", "_response", "headers", "status")

    def __init__(
        self, response: Response, open_responses: set[_OpenResponse], lower_names: LowerNames
    ) -> None:
        self._response = response
        self._open = open_responses
        self.status = response.status
        self.headers: Mapping[str, str] = {
            lower_names[name]: value for name, value in response.headers.items()
        }
        open_responses.add(self)

    async def read(self) -> bytes:
        """The next piece as it arrives; empty at the end."""
        content = self._response.content
        try:
            return await content.readany()
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises becomes ours
            # Data from before the failure may still be buffered, and aiohttp would not return it.
            unread = getattr(content, "unread", None)
            rest: bytes = unread() if unread is not None else b""
            if rest:
                error.__traceback__ = None
                return rest  # the next read fails, for the same reason
            url = str(self._response.url)
            failure = failure_of(error, url) if self in self._open else ClosedError(_CLOSED)
            forget_frames(error)
        try:
            if not content.is_eof():  # a failure after the end does not harm the body
                raise failure
        finally:
            del failure
        return b""

    def close(self) -> None:
        """Drop the connection, unless the body was read to its end and it went back already."""
        self._response.close()
        self._open.discard(self)

    def release(self) -> None:
        """Called when nothing more is read. The connection goes back to the pool if the body's end
        comes at once."""
        if self._response.content.is_eof():
            self.close()
        else:
            asyncio.get_running_loop().call_later(_LINGER, self.close)
