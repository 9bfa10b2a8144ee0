"""The client: settings that many calls share, and the calls for chat.

``prepare`` parses a call's arguments; ``drive`` and ``send`` make its requests.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, Unpack

from llmgate._core import drive
from llmgate._core.arguments import described
from llmgate._core.connections import Connections
from llmgate._core.dispatch import Dispatcher
from llmgate._core.live import LiveSource
from llmgate._core.loading import check_loop, in_time, load
from llmgate._core.media import FilesToRead, read_files
from llmgate._core.operations import Operations, load_layers
from llmgate._core.prepare import fit, hide_credentials, parse, provider_of, resolve
from llmgate._core.prices import as_prices
from llmgate._core.registry import Registry
from llmgate._core.retry import RetryBudget, RetryPolicy, policy_of_call
from llmgate._core.settings import (
    HeaderSource,
    as_header_source,
    as_hooks,
    as_policy,
    as_providers,
    as_retry,
    as_timeout,
    as_transport,
    explained,
)
from llmgate._core.signing import TokenCache
from llmgate._core.state import FittedCall
from llmgate._core.stream import Stream
from llmgate._text.hints import Live
from llmgate._text.redact import hide_address
from llmgate.errors import ClosedError, InvalidRequestError, MissingKeyError
from llmgate.hooks import Event, Hook
from llmgate.options import CallOptions, ChatCall, Timeout
from llmgate.provider import Provider
from llmgate.provider.http import Transport
from llmgate.provider.threads import start_in_thread
from llmgate.report import Policy
from llmgate.types import Completion

if TYPE_CHECKING:
    import ssl
    from os import PathLike

    from llmgate._core.prepare import UnresolvedCall
    from llmgate._core.preview import Preview
    from llmgate._core.sync import SyncStream
    from llmgate.messages import MessageLike
    from llmgate.middleware import Middleware
    from llmgate.middlewares.routing import Models

__all__ = ["Client"]

Headers: TypeAlias = Mapping[str, str] | HeaderSource


class Client(Operations, Live):
    """Providers, limits and hooks that many calls share.

    One client serves any number of tasks, threads and event loops; it keeps a connection pool for
    each loop. ``async with`` or :meth:`aclose` closes the pool of the running loop; a pool is also
    closed when its loop ends.

    Requests take a faster path than aiohttp's public API where the installed version allows it, but
    not if ``LLMGATE_FAST_PATH=0`` is set when a pool is opened.

    Args:
        providers: Providers by name, ready-made or callables that make them; beside these, all
            installed ones are known.
        timeout: Seconds for a whole call, or a :class:`~llmgate.options.Timeout`.
        max_retries: How often a call is retried; short for ``retry``.
        retry: The whole policy.
        unsupported: ``"drop"`` drops and reports a parameter that a provider lacks,
            ``"raise"`` refuses the call.
        hooks: Callables that are given each event of each call, on one thread of the client.
        hook_timeout: Seconds that :meth:`aclose`, and the end of the process, wait for hooks that
            are not done; a ``RuntimeWarning`` says how many events are lost then.
        verify: True, False, a CA bundle's path, or an ``ssl.SSLContext``.
        proxy: The URL of an HTTP proxy.
        trust_env: Whether the environment may name proxies.
        limit: Connections to one host at a time; None stands for 1,000, or for half of the files
            that the process may open (``ulimit -n``) if that is less.
        transport: What carries all requests in place of connections of the client's own: an object
            with ``open`` and ``aclose``, see :class:`~llmgate.provider.http.Transport`. The client
            closes it. A provider that has a transport of its own keeps that.
        headers: Headers of every request, or a callable that gives them. It is called on each
            attempt, on the task of the call, with the :class:`~llmgate.hooks.AttemptStarted` of it.
        middleware: Wraps each call, outermost first; see :mod:`llmgate.middleware`.
            A text names an installed one.
        prices: Your own prices by model; see docs/cost.md.
        models: Your own model names, and the targets of each; see ``middlewares.routing``.
    """

    # A traceback may show the repr of a client whose constructor failed.
    _closed = False
    _policy = RetryPolicy()
    _timeout = Timeout()
    _warns = True
    """Whether there is a ``ResourceWarning`` where connections are left open."""

    @explained
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
        verify: bool | str | PathLike[str] | ssl.SSLContext = True,
        proxy: str | None = None,
        trust_env: bool = False,
        limit: int | None = None,
        transport: Transport | None = None,
        headers: Headers = MappingProxyType({}),
        middleware: Iterable[Middleware | str] = (),
        models: Models | None = None,
        prices: Mapping[str, Any] | None = None,
    ) -> None:
        address = hide_address(proxy) if isinstance(proxy, str) else proxy
        del proxy  # no traceback shows its password
        self._registry = Registry(as_providers(providers))
        self._timeout = as_timeout(timeout)
        self._policy = as_retry(retry)
        if max_retries is not None:
            self._policy = replace(self._policy, max_retries=max_retries)
        self._unsupported: Policy = as_policy(unsupported)
        self._hooks = as_hooks(hooks)
        self._dispatcher = Dispatcher(hook_timeout)
        self._budget = RetryBudget()
        self._tokens = TokenCache()
        http = (verify, address, trust_env, limit)
        given = as_transport(transport)
        if given is not None and http != (True, None, False, None):
            reason = "verify, proxy, trust_env and limit are for a client's own connections"
            raise InvalidRequestError(reason, path="transport")
        self._connections = Connections(http, transport=given, warns=self._warns)
        self._headers = as_header_source(headers)
        self._lists = dict[str, tuple[float, list[Any]]]()
        self._prices = as_prices(prices)
        self._middleware: tuple[Middleware, ...] = ()
        if middleware or models:
            self._middleware = load_layers().as_middleware(middleware, models)
            for each in self._middleware:
                each.used_by(self._shared())

    # --- calls ---

    @described(CallOptions)
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | Stream:
        """A model's completion of a conversation, in OpenAI's shape.

        An argument that is None counts as absent.

        Raises:
            LLMGateError: of one of the kinds in :mod:`llmgate.errors`, and nothing else;
                cancellation passes unchanged.
        """
        began = time.monotonic()
        try:
            try:
                call = self._parse(model, messages, stream, options)
            except FilesToRead as found:
                messages = await self._read_files(found, options, began)
                call = self._parse(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error, which says where
        if (
            self._middleware
            or call.fallbacks
            or call.output is not None
            or call.hedge_after is not None
        ):
            return await self._run(call, began)
        return await self._perform(call, began)

    @described(CallOptions)
    def completion(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Completion | SyncStream:
        """:meth:`acompletion` for code that is not async; it also works while a loop is running.

        An argument that is None counts as absent.

        Raises:
            LLMGateError: of one of the kinds in :mod:`llmgate.errors`.
        """
        from llmgate._core.sync import SyncStream, run  # noqa: PLC0415 - a thread, only where asked for

        began = time.monotonic()
        try:
            call = self._parse_blocking(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        result = run(lambda: self._run(call, began))
        return SyncStream(result) if isinstance(result, Stream) else result

    @described(CallOptions)
    def preview(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        *,
        stream: bool | None = False,
        **options: Unpack[CallOptions],
    ) -> Preview:
        """The request that :meth:`acompletion` would send without middleware, byte for byte;
        nothing is sent.

        Raises:
            LLMGateError: what the call would raise before sending, but for a missing key.
        """
        from llmgate._core.preview import preview_of  # noqa: PLC0415 - only where asked for

        try:
            call = self._parse_blocking(model, messages, stream, options)
        except InvalidRequestError as error:
            raise error.with_traceback(None)  # noqa: B904 - likewise
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        return preview_of(fit(call, target, provider), provider, call, self._headers)

    # --- life ---

    @property
    def lost_events(self) -> int:
        """How many events were dropped because hooks were too slow; see ``hook_timeout``."""
        return self._dispatcher.lost

    async def aclose(self) -> None:
        """Close the running loop's connections, and the transports of providers that have their
        own. The client cannot be used again.

        When it returns, hooks have been called with every event so far. It waits for that at most
        ``hook_timeout`` seconds; then it drops the events that remain, and warns of them.
        """
        self._closed = True
        await self._connections.aclose()
        await self._dispatcher.aclose()

    def close(self) -> None:
        """:meth:`aclose`, for the calls that were made without ``await``."""
        from llmgate._core.sync import run  # noqa: PLC0415 - a thread, only where asked for

        run(self.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        limits = f"timeout={self._timeout.total}, max_retries={self._policy.max_retries}"
        return f"<{type(self).__name__} {limits}, {'closed' if self._closed else 'open'}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- inside ---

    def _parse(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        stream: bool | None,
        options: CallOptions,
    ) -> ChatCall:
        """The call that these arguments ask for, checked; its credentials are hidden first."""
        hide_credentials(options)
        registry, unsupported = self._registry, self._unsupported
        return parse(model, messages, stream, options, registry=registry, unsupported=unsupported)

    def _parse_blocking(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        stream: bool | None,
        options: CallOptions,
    ) -> ChatCall:
        """The same call, for code without ``await``: files are read on this thread."""
        try:
            return self._parse(model, messages, stream, options)
        except FilesToRead as found:
            waiting = found.messages
        return self._parse(model, read_files(waiting), stream, options)

    async def _read_files(
        self, found: FilesToRead, options: CallOptions, began: float
    ) -> list[Any]:
        """The messages with the contents of files, which are read on a thread."""
        given = options.get("timeout")
        timeout = self._timeout if given is None else as_timeout(given)
        reading = start_in_thread(lambda: read_files(found.messages))
        return await in_time(reading, "a file of the messages", timeout, began)

    async def _run(self, call: ChatCall, began: float) -> Completion | Stream:
        """Perform a call with the middleware around it, and the parsing of its output outermost."""
        middleware = self._middleware_of(call)
        if call.output is None:
            return await (
                self._run_chat(middleware, call, began)
                if middleware
                else self._perform(call, began)
            )
        from llmgate._core.parsing import perform_parsed  # noqa: PLC0415 - only for those who want it

        perform = partial(self._run_chat, middleware) if middleware else self._perform
        return await perform_parsed(perform, call, began, is_own=not middleware)

    def _run_chat(
        self, middleware: tuple[Middleware, ...], call: ChatCall, began: float
    ) -> Awaitable[Completion | Stream]:
        perform, kind = self._perform, Stream if call.stream else Completion
        shared = self._registry, self._timeout
        result: Awaitable[Completion | Stream] = load_layers().run_chat(
            middleware, call, perform, kind, *shared, began
        )
        return result

    async def _perform(self, call: ChatCall, began: float) -> Completion | Stream:
        """Ask the provider of a call's model."""
        ready = self._registry.ready_models
        if call.settings or type(call.model) is not str or call.model not in ready:  # seldom
            await self._load_provider(call, began)
        target = resolve(call, self._registry)
        provider = provider_of(call, target, self._registry)
        state = await self._new_state(call, fit(call, target, provider), provider, began)
        try:
            if call.stream:
                opened = await drive.open_stream(state)
                return Stream(LiveSource(opened, bare_chunks=call.wants_usage_chunk))
            return await drive.complete(state)
        except MissingKeyError:  # the next call reads the environment again
            self._registry.forget(target.provider)
            raise

    async def _load_provider(self, call: UnresolvedCall, began: float) -> None:
        """Import and make the provider of a call's model, unless that is done."""
        check_loop()
        await load(self._registry, call, call.timeout or self._timeout, began)

    async def _new_state(
        self, call: UnresolvedCall, fitted: FittedCall, provider: Provider, began: float
    ) -> drive.CallState:
        """The state of a call that begins now."""
        check_loop()
        if self._closed:
            raise ClosedError("the client was closed")
        timeout = call.timeout or self._timeout
        state = drive.CallState(  # by place: a dictionary of names costs as much again
            fitted,
            provider,
            await self._connections.transport_for(provider, timeout, began),
            timeout,
            policy_of_call(self._policy, call.max_retries),
            self._budget,
            self._emitter(call.hooks),
            call.extra_headers,
            self._tokens,
            self._headers,
            call.labels,
            self._prices,
        )
        state.deadline.started = began
        return state

    def _emitter(self, hooks: tuple[Hook, ...]) -> Callable[[Event], None] | None:
        everyone = self._hooks + hooks
        return self._dispatcher.emitter(everyone) if everyone else None
