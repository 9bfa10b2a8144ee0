"""The transports of a client: one connection pool for each event loop, or the one passed to it.

Connections are opened when the first call needs them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ReferenceType, WeakKeyDictionary, ref

from llmgate._core.loading import in_time
from llmgate._core.views import innermost
from llmgate.errors import ClosedError, LLMGateError, RequestError, describe_error, describe_value
from llmgate.provider import Provider
from llmgate.provider.http import Transport
from llmgate.provider.threads import start_in_thread
from llmgate.transports._settings import HttpSettings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from llmgate.options import Timeout
    from llmgate.transports.aiohttp import AiohttpTransport

    Pools: TypeAlias = WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport]

_TRANSPORT = "llmgate.transports.aiohttp"
_CLOSED = "the client was closed during the call"

interceptors: list[Callable[[Callable[[], Awaitable[Transport]]], Transport]] = []
"""Functions that take the place of the transports of all clients, such as recordings of tests. Only
the last one applies. It is called with a function that makes the transport which a call would have,
so that none is made without need."""


class Connections:
    """The transports of a client.

    ``http`` are the values of :class:`~llmgate.transports._settings.HttpSettings`, which refuses
    what is wrong with them; where a ``transport`` is given, it takes the place of all pools.
    ``warns`` says whether there is a ``ResourceWarning`` if connections are left open.
    """

    def __init__(
        self, http: tuple[Any, ...], *, transport: Transport | None = None, warns: bool = True
    ) -> None:
        self.pools: Pools = WeakKeyDictionary()
        self._http = HttpSettings(*http)
        self._given = transport
        self._warns = warns
        self._own: WeakKeyDictionary[Provider, Transport] = WeakKeyDictionary()
        self._unused: list[Transport] = []
        self._is_closed = False
        self._settings: Future[HttpSettings] | None = None
        self._lock = threading.Lock()

    async def transport_for(
        self, provider: Provider, timeout: Timeout, began: float, *, intercepted: bool = True
    ) -> Transport:
        """The transport of a provider, its own or the client's; or what the last interceptor gives
        instead, if there is any."""
        if interceptors and intercepted:
            real = partial(self.transport_for, provider, timeout, began, intercepted=False)
            return interceptors[-1](real)
        transport = self._own_transport(provider)
        if transport is not None:
            return transport
        if self._given is not None:
            return self._given
        pool = self._open_pool()
        if pool is None:
            settings = await self._http_settings(timeout, began)
            pool = self._open_pool() or await self._new_pool(settings)
        return pool

    def _own_transport(self, provider: Provider) -> Transport | None:
        """The provider's own transport, if it has one; it is asked for it once.

        Raises:
            ClosedError: when the client was closed meanwhile, which would not close this one.
            RequestError: when the provider cannot say.
        """
        try:
            known = self._own.get(innermost(provider)) if self._own else None
            if known is not None or (given := provider.transport) is None:
                return known
            return self._keep(innermost(provider), given)
        except LLMGateError:
            raise
        except Exception as error:  # noqa: BLE001 - third-party code may raise anything
            reason = describe_error(error)
        raise RequestError(f"the provider {provider.name!r} has no transport: {reason}")

    def _keep(self, provider: Provider, transport: Any) -> Transport:
        """The transport that is used for this provider, and closed with the client."""
        if not (callable(transport.open) and callable(transport.aclose)):
            raise TypeError(f"{describe_value(transport)} is not a transport")
        with self._lock:
            if self._is_closed:
                raise ClosedError(_CLOSED)
            used: Transport = self._own.setdefault(provider, transport)
            if used is not transport:  # another thread has asked at the same time
                self._unused.append(transport)
            return used

    def _open_pool(self) -> AiohttpTransport | None:
        pool = self.pools.get(asyncio.get_running_loop())
        return None if pool is None or pool.is_closed else pool

    async def _new_pool(self, settings: HttpSettings) -> AiohttpTransport:
        from llmgate.transports.aiohttp import AiohttpTransport  # noqa: PLC0415 - imported by now

        loop = asyncio.get_running_loop()
        forget = partial(_forget, ref(self.pools), ref(loop))
        pool = await AiohttpTransport.start(settings, forget, warns=self._warns)
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                self.pools[loop] = pool
        if is_closed:
            await pool.aclose()
            raise ClosedError(_CLOSED)
        return pool

    async def _http_settings(self, timeout: Timeout, began: float) -> HttpSettings:
        """Import the transport and read the certificates on a thread, without blocking the loop."""
        loading = self._settings
        if loading is None or (loading.done() and loading.exception()):
            loading = self._settings = start_in_thread(lambda: _loaded(self._http))
        return await in_time(loading, "the transport", timeout, began)

    async def aclose(self) -> None:
        """Close the running loop's pool, and every transport that was given. Where closing one of
        them fails, the others are closed all the same, and then that is raised."""
        with self._lock:
            self._is_closed = True
            transports = [*self._own.values(), *self._unused]
            self._own.clear()
            self._unused.clear()
        pool = self.pools.pop(asyncio.get_running_loop(), None)
        async with AsyncExitStack() as closing:
            for each in (self._given, *transports, pool):
                if each is not None:
                    closing.push_async_callback(each.aclose)


def _loaded(settings: HttpSettings) -> HttpSettings:
    """Import the transport; returns the settings, with certificates loaded in place of their
    path."""
    import_module(_TRANSPORT)
    return replace(settings, verify=settings.tls())


def _forget(pools: ReferenceType[Pools], loop: ReferenceType[asyncio.AbstractEventLoop]) -> None:
    """Forget the pool of a loop that has ended. The references are weak, so that both can be
    collected."""
    pool_of, ended = pools(), loop()
    if pool_of is not None and ended is not None:
        pool_of.pop(ended, None)
