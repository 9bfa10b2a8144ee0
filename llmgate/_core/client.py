"""The client: settings, connection pools, and the two functions that everybody uses.

What a call asks for is checked in ``prepare``; how its requests are made is the engine's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, Unpack, overload
from weakref import ReferenceType, WeakKeyDictionary, ref

from llmgate._core import drive
from llmgate._core.dispatch import Dispatcher
from llmgate._core.live import LiveSource
from llmgate._core.loading import in_time, load, transport_of
from llmgate._core.prepare import fit, hide_credentials, parse, provider_of, resolve
from llmgate._core.registry import Registry
from llmgate._core.retry import RetryBudget, RetryPolicy
from llmgate._core.settings import as_hooks, as_policy, as_timeout
from llmgate._core.stream import Stream
from llmgate._text.hints import Live
from llmgate.errors import ClosedError, MissingKeyError
from llmgate.hooks import Event, Hook
from llmgate.options import CallOptions, ChatCall, Timeout
from llmgate.provider import Provider
from llmgate.provider.http import Transport
from llmgate.provider.threads import start_in_thread
from llmgate.report import Policy
from llmgate.types import Completion

if TYPE_CHECKING:
    import ssl
    from concurrent.futures import Future

    from llmgate._core.preview import Preview
    from llmgate._core.sync import SyncStream
    from llmgate.messages import MessageLike
    from llmgate.transports._settings import HttpSettings
    from llmgate.transports.aiohttp import AiohttpTransport

    Pools: TypeAlias = WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport]

__all__ = ["Client", "acompletion", "completion", "default_client"]

_TRANSPORT = "llmgate.transports.aiohttp"


class Client(Live):
    """Providers, limits and hooks that many calls share.

    One client serves any number of tasks, threads and event loops; it keeps a connection pool for
    each loop. ``async with`` or :meth:`aclose` closes the pool of the running loop; a pool is also
    closed when its loop ends.

    Requests take a shorter way than aiohttp's public API where the installed version allows it;
    where the environment has ``LLMGATE_FAST_PATH=0`` when a pool is begun, they never do.

    Args:
        providers: Providers by name, ready-made or callables that make them; beside these, all
            installed ones are known.
        timeout: Seconds for a whole call, or a :class:`~llmgate.options.Timeout`.
        max_retries: How often a call is tried again; short for ``retry``.
        retry: The whole policy.
        unsupported: ``"drop"`` leaves out and reports a tuning knob that a provider lacks,
            ``"raise"`` refuses the call.
        hooks: Callables that are given each event of each call, on a thread of the client's own.
        hook_timeout: Seconds that :meth:`aclose`, and the end of the process, wait for hooks that
            are not done; what is lost then is said in a ``RuntimeWarning``.
        verify: True, False, a CA bundle's path, or an ``ssl.SSLContext``.
        proxy: The URL of an HTTP proxy.
        trust_env: Whether the environment may name proxies.
        limit: Connections to one host at a time; None stands for 1,000, or for half of the files
            that the process may open (``ulimit -n``) if that is less.
    """

    _warns = True
    """Whether there is a ``ResourceWarning`` where connections are left open."""

    def __init__(  # noqa: PLR0913 - each is a keyword, and a setting that users asked for
        self,
        *,
        providers: Mapping[str, Provider | Callable[..., Provider]] | None = None,
        timeout: float | Timeout = 600.0,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        unsupported: Policy = "drop",
        hooks: Iterable[Hook] = (),
        hook_timeout: float = 5.0,
        verify: bool | str | ssl.SSLContext = True,
        proxy: str | None = None,
        trust_env: bool = False,
        limit: int | None = None,
    ) -> None:
        self._registry = Registry(providers)
        self._timeout = as_timeout(timeout)
        self._policy = retry or RetryPolicy()
        if max_retries is not None:
            self._policy = replace(self._policy, max_retries=max_retries)
        self._unsupported: Policy = as_policy(unsupported)
        self._hooks = as_hooks(hooks)
        self._dispatcher = Dispatcher(hook_timeout)
        self._budget = RetryBudget()
        self._http = (verify, proxy, trust_env, limit)
        self._settings: Future[HttpSettings] | None = None
        self._lock = threading.Lock()
        self._pools: Pools = WeakKeyDictionary()
        self._transports: WeakKeyDictionary[Provider, Transport] = WeakKeyDictionary()
        self._closed = False

    # --- calls ---

    @overload
    async def acompletion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: Literal[True],
        **options: Unpack[CallOptions],
    ) -> Stream: ...
    @overload
    async def acompletion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: Literal[False] | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion: ...
    @overload
    async def acompletion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | Stream: ...
    async def acompletion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | Stream:
        """The answer of a model to a conversation, in OpenAI's shape.

        Args:
            model: ``provider/model``, or a bare name that an installed provider claims.
            messages: Dictionaries in OpenAI's format, or messages of earlier answers.
            stream: Whether to answer piece by piece.
            options: OpenAI's parameters, and those of :class:`~llmgate.options.CallOptions`.

        Raises:
            LLMGateError: of one of the kinds in :mod:`llmgate.errors`, and nothing else;
                cancellation passes unchanged.
        """
        hide_credentials(options)
        began = time.monotonic()
        return await self._perform(self._parse(model, messages, stream, options), began)

    @overload
    def completion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: Literal[True],
        **options: Unpack[CallOptions],
    ) -> SyncStream: ...
    @overload
    def completion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: Literal[False] | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion: ...
    @overload
    def completion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | SyncStream: ...
    def completion(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | SyncStream:
        """:meth:`acompletion` for code that is not async; it also works while a loop is running."""
        from llmgate._core.sync import SyncStream, run  # noqa: PLC0415 - a thread, only where asked for

        hide_credentials(options)
        answer = run(lambda: self.acompletion(model, messages, stream=stream, **options))
        return SyncStream(answer) if isinstance(answer, Stream) else answer

    def preview(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Preview:
        """The request that :meth:`acompletion` would send, byte for byte; nothing is sent.

        Raises:
            LLMGateError: what the call would raise before sending, but for a missing key.
        """
        from llmgate._core.preview import preview_of  # noqa: PLC0415 - only where asked for

        hide_credentials(options)
        call = self._parse(model, messages, stream, options)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        return preview_of(fit(call, target, provider), provider, call.extra_headers)

    # --- life ---

    @property
    def lost_events(self) -> int:
        """How many events no hook was given, because hooks were too slow; see ``hook_timeout``."""
        return self._dispatcher.lost

    async def aclose(self) -> None:
        """Close the running loop's connections, and the transports of providers that have their
        own; the client is then used up.

        When it returns, hooks have been called with every event so far. It waits for that at most
        ``hook_timeout`` seconds; then it drops the events that remain, and warns of them.
        """
        self._closed = True
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()
        await self._dispatcher.aclose()

    def close(self) -> None:
        """:meth:`aclose`, for the calls that were made without ``await``."""
        from llmgate._core.sync import run  # noqa: PLC0415 - a thread, only where asked for

        run(self.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        limits = f"timeout={self._timeout.total}, max_retries={self._policy.max_retries}"
        return f"<{type(self).__name__} {limits}, {'closed' if self._closed else 'open'}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # --- inside ---

    def _parse(
        self,
        model: str,
        messages: Iterable[MessageLike],
        stream: bool | None,
        options: CallOptions,
    ) -> ChatCall:
        return parse(
            model,
            messages,
            bool(stream),
            options,
            registry=self._registry,
            unsupported=self._unsupported,
        )

    async def _perform(self, call: ChatCall, began: float) -> Completion | Stream:
        """Ask the provider of a call's model."""
        registry, timeout = self._registry, call.timeout or self._timeout
        if type(call.model) is str and call.model not in registry.at_hand:
            bare = not call.settings
            await load(registry, call.model, bare=bare, timeout=timeout, began=began)
        target = resolve(call, registry)
        provider = provider_of(call, target, registry)
        if self._closed:
            raise ClosedError("the client was closed")
        state = drive.CallState(
            call=fit(call, target, provider),
            provider=provider,
            transport=transport_of(provider, self._transports) or await self._pool(timeout, began),
            timeout=timeout,
            policy=self._policy_of(call),
            budget=self._budget,
            emit=self._emitter(call.hooks),
            extra_headers=call.extra_headers,
        )
        state.deadline.started = began
        try:
            if call.stream:
                opened = await drive.open_stream(state)
                return Stream(LiveSource(opened, bare_chunks=_wants_usage_chunk(call)))
            return await drive.complete(state)
        except MissingKeyError:  # it is looked for again when it may have been set
            registry.forget(target.provider)
            raise

    def _policy_of(self, call: ChatCall) -> RetryPolicy:
        if call.max_retries is None:
            return self._policy
        return replace(self._policy, max_retries=call.max_retries)

    async def _pool(self, timeout: Timeout, began: float) -> Transport:
        """The running loop's connections."""
        pool = self._open_pool()
        if pool is None:
            settings = await self._http_settings(timeout, began)
            pool = self._open_pool() or await self._new_pool(settings)
        return pool

    def _open_pool(self) -> AiohttpTransport | None:
        pool = self._pools.get(asyncio.get_running_loop())
        return None if pool is None or pool.is_closed else pool

    async def _new_pool(self, settings: HttpSettings) -> AiohttpTransport:
        from llmgate.transports.aiohttp import AiohttpTransport  # noqa: PLC0415 - imported by now

        loop = asyncio.get_running_loop()
        forget = partial(_forget, ref(self._pools), ref(loop))
        pool = await AiohttpTransport.start(settings, forget, warns=self._warns)
        with self._lock:
            self._pools[loop] = pool
        return pool

    async def _http_settings(self, timeout: Timeout, began: float) -> HttpSettings:
        """Import the transport and read the certificates, in which the loop is not held up."""
        loading = self._settings
        if loading is None or (loading.done() and loading.exception()):
            loading = self._settings = start_in_thread(lambda: _loaded(*self._http))
        return await in_time(loading, "the transport", timeout, began)

    def _emitter(self, hooks: tuple[Hook, ...]) -> Callable[[Event], None] | None:
        everyone = self._hooks + hooks
        return self._dispatcher.emitter(everyone) if everyone else None


def _wants_usage_chunk(call: ChatCall) -> bool:
    options = call.parameters.get("stream_options") or {}
    return bool(options.get("include_usage", False))


def _loaded(*settings: Any) -> HttpSettings:
    """The settings, with certificates in place of their path, once the transport is imported."""
    import_module(_TRANSPORT)
    from llmgate.transports._settings import HttpSettings  # noqa: PLC0415 - likewise

    given = HttpSettings(*settings)
    return replace(given, verify=given.tls())


def _forget(pools: ReferenceType[Pools], loop: ReferenceType[asyncio.AbstractEventLoop]) -> None:
    """Drop the pool of a loop that has ended, without keeping client or loop alive till then."""
    pool_of, ended = pools(), loop()
    if pool_of is not None and ended is not None:
        pool_of.pop(ended, None)


class _DefaultClient(Client):
    """Nobody can be expected to close it."""

    _warns = False


# --- the module's functions ---------------------------------------------------------------


@cache
def default_client() -> Client:
    """The client of :func:`acompletion` and :func:`completion`, which nobody has to close."""
    return _DefaultClient()


@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[True],
    **options: Unpack[CallOptions],
) -> Stream: ...
@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[False] | None = False,
    **options: Unpack[CallOptions],
) -> Completion: ...
@overload
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | Stream: ...
async def acompletion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | Stream:
    """:meth:`Client.acompletion` of a client with the default settings."""
    hide_credentials(options)
    return await default_client().acompletion(model, messages, stream=stream, **options)


@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[True],
    **options: Unpack[CallOptions],
) -> SyncStream: ...
@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: Literal[False] | None = False,
    **options: Unpack[CallOptions],
) -> Completion: ...
@overload
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | SyncStream: ...
def completion(
    model: str,
    messages: Iterable[MessageLike],
    *,
    stream: bool | None = False,
    **options: Unpack[CallOptions],
) -> Completion | SyncStream:
    """:meth:`Client.completion` of a client with the default settings."""
    hide_credentials(options)
    return default_client().completion(model, messages, stream=stream, **options)
