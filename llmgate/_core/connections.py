"""The transports of a client: one connection pool for each event loop, or the one passed to it.

Connections are opened when the first call needs them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ReferenceType, WeakKeyDictionary, ref

from llmgate._core.loading import in_time
from llmgate.errors import LLMGateError, RequestError, describe_error, describe_value
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

interceptors: list[Callable[[Callable[[], Awaitable[Transport]]], Transport]] = []
"""Functions that wrap the transports of all clients, such as recordings of tests. Each is called
with a function that makes the transport, so that none is made without need."""


class Connections:
    """The transports of a client.

    ``http`` are the values of :class:`~llmgate.transports._settings.HttpSettings`, which refuses
    what is wrong with them; where a ``transport`` is given, it takes the place of all pools.
    ``warns`` says whether there is a ``ResourceWarning`` where connections are left open.
    """

    def __init__(
        self, http: tuple[Any, ...], *, transport: Transport | None = None, warns: bool = True
    ) -> None:
        self.pools: Pools = WeakKeyDictionary()
        self._http = HttpSettings(*http)
        self._given = transport
        self._warns = warns
        self._own: WeakKeyDictionary[Provider, Transport] = WeakKeyDictionary()
        self._settings: Future[HttpSettings] | None = None
        self._lock = threading.Lock()

    async def transport_for(
        self, provider: Provider, timeout: Timeout, began: float, *, intercepted: bool = True
    ) -> Transport:
        """The transport of a provider, its own or the client's; wrapped by the last interceptor, if
        there is any."""
        if interceptors and intercepted:
            real = partial(self.transport_for, provider, timeout, began, intercepted=False)
            return interceptors[-1](real)
        transport = _own_transport(provider, self._own)
        if transport is not None:
            return transport
        if self._given is not None:
            return self._given
        pool = self._open_pool()
        if pool is None:
            settings = await self._http_settings(timeout, began)
            pool = self._open_pool() or await self._new_pool(settings)
        return pool

    def _open_pool(self) -> AiohttpTransport | None:
        pool = self.pools.get(asyncio.get_running_loop())
        return None if pool is None or pool.is_closed else pool

    async def _new_pool(self, settings: HttpSettings) -> AiohttpTransport:
        from llmgate.transports.aiohttp import AiohttpTransport  # noqa: PLC0415 - imported by now

        loop = asyncio.get_running_loop()
        forget = partial(_forget, ref(self.pools), ref(loop))
        pool = await AiohttpTransport.start(settings, forget, warns=self._warns)
        with self._lock:
            self.pools[loop] = pool
        return pool

    async def _http_settings(self, timeout: Timeout, began: float) -> HttpSettings:
        """Import the transport and read the certificates on a thread, without blocking the loop."""
        loading = self._settings
        if loading is None or (loading.done() and loading.exception()):
            loading = self._settings = start_in_thread(lambda: _loaded(self._http))
        return await in_time(loading, "the transport", timeout, began)

    async def aclose(self) -> None:
        """Close the running loop's pool, and every transport that was given."""
        pool = self.pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()
        transports = list(self._own.values())
        self._own.clear()
        if self._given is not None:
            transports.append(self._given)
        for transport in transports:
            await transport.aclose()


def _loaded(settings: HttpSettings) -> HttpSettings:
    """The settings, with certificates in place of their path, once the transport is imported."""
    import_module(_TRANSPORT)
    return replace(settings, verify=settings.tls())


def _forget(pools: ReferenceType[Pools], loop: ReferenceType[asyncio.AbstractEventLoop]) -> None:
    """Drop the pool of a loop that has ended. The references are weak, so that both can end."""
    pool_of, ended = pools(), loop()
    if pool_of is not None and ended is not None:
        pool_of.pop(ended, None)


def _own_transport(
    provider: Provider, transports: MutableMapping[Provider, Transport]
) -> Transport | None:
    """The provider's own transport, if it has one.

    ``transports`` are those of the client, which asks each provider once.

    Raises:
        RequestError: when it cannot say.
    """
    try:
        transport = transports.get(provider) if transports else None
        if transport is None and (transport := provider.transport) is not None:
            given: Any = transport
            if not (callable(given.open) and callable(given.aclose)):
                raise TypeError(f"{describe_value(transport)} is not a transport")
            transport = transports.setdefault(provider, transport)
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - third-party code may raise anything
        reason = describe_error(error)
    else:
        return transport
    raise RequestError(f"the provider {provider.name!r} has no transport: {reason}")
