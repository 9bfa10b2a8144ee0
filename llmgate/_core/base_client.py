"""What all calls of a client share: its settings and connections, and the steps every call starts
with.

``client`` and ``operations`` make the calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from llmgate._core.connections import Connections
from llmgate._core.dispatch import Dispatcher
from llmgate._core.loading import check_loop, in_time, load
from llmgate._core.media import FilesToRead, read_files
from llmgate._core.prepare import hide_credentials, parse
from llmgate._core.registry import Registry
from llmgate._core.retry import RetryBudget, RetryPolicy, policy_of_call
from llmgate._core.settings import (
    HeaderSource,
    as_header_source,
    as_hooks,
    as_prices,
    as_providers,
    as_retry,
    as_timeout,
    as_transport,
    as_unsupported,
    explain_unknown_arguments,
)
from llmgate._core.state import CallState, FittedCall
from llmgate._core.token_cache import TokenCache
from llmgate._core.wanted_events import kinds_wanted
from llmgate._text.hints import HoldsConnections
from llmgate._text.redact import hide_address
from llmgate.errors import ClosedError, InvalidRequestError
from llmgate.hooks import Event, Hook
from llmgate.options import CallOptions, ChatCall, Timeout
from llmgate.provider import Provider
from llmgate.provider.http import Transport
from llmgate.provider.threads import start_in_thread
from llmgate.report import Policy

if TYPE_CHECKING:
    import ssl
    from os import PathLike

    from llmgate._core.middleware_chain import Call, Link
    from llmgate._core.prepare import UnresolvedCall
    from llmgate.embeddings import EmbeddingCall
    from llmgate.messages import MessageLike
    from llmgate.middleware import Middleware, Shared
    from llmgate.middlewares.routing import Models, Router

Result = TypeVar("Result")
Headers: TypeAlias = Mapping[str, str] | HeaderSource


@cache
def load_middleware_chain() -> Any:
    """The module that runs calls through middleware, for clients that have any."""
    from llmgate._core import middleware_chain  # noqa: PLC0415 - a statement costs much on each call

    return middleware_chain


@cache
def load_parsing() -> Any:
    """The module that parses responses as Python types, for calls that ask for one."""
    from llmgate._core import parsing  # noqa: PLC0415 - likewise

    return parsing


def run_blocking(work: Callable[[], Awaitable[Result]]) -> Result:
    """Await what ``work`` returns on the background loop, for code that is not async."""
    from llmgate._core.sync import run  # noqa: PLC0415 - a thread, only where asked for

    return run(work)


class BaseClient(HoldsConnections):
    """The settings and connections of a client, and what its calls have in common."""

    # A traceback may show the repr of a client whose constructor failed.
    _closed = False
    _retry_policy = RetryPolicy()
    _timeout = Timeout()
    _warns = True
    """Whether there is a ``ResourceWarning`` where connections are left open."""
    _router: Router | None = None
    """The router that tries a list of models in turn, once a call has given a list."""
    _with_router: tuple[Middleware, ...] = ()
    """The client's middleware, with that router."""

    @explain_unknown_arguments
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
        self._retry_policy = as_retry(retry)
        if max_retries is not None:
            self._retry_policy = replace(self._retry_policy, max_retries=max_retries)
        self._unsupported: Policy = as_unsupported(unsupported)
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
            self._middleware = load_middleware_chain().as_middleware(middleware, models)
            for each in self._middleware:
                each.used_by(self._shared())

    # --- life ---

    @property
    def lost_events(self) -> int:
        """How many events were dropped because hooks were too slow; see ``hook_timeout``."""
        return self._dispatcher.lost

    async def aclose(self) -> None:
        """Close the running loop's connections, and the transports of providers that have their
        own. The client cannot be used afterwards.

        Before it returns, hooks are called with every event so far. It waits at most
        ``hook_timeout`` seconds for that; then it discards the remaining events, with a warning.
        """
        self._closed = True
        try:
            await self._connections.aclose()
        finally:
            await self._dispatcher.aclose()

    def close(self) -> None:
        """:meth:`aclose`, for the calls that were made without ``await``."""
        run_blocking(self.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        limits = f"timeout={self._timeout.total}, max_retries={self._retry_policy.max_retries}"
        return f"<{type(self).__name__} {limits}, {'closed' if self._closed else 'open'}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- arguments ---

    def _parse(
        self,
        model: str | Sequence[str],
        messages: Iterable[MessageLike],
        stream: bool | None,
        options: CallOptions,
    ) -> ChatCall:
        """The checked call that these arguments describe; its credentials are hidden first."""
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
        """The same for code without ``await``: files are read on this thread."""
        try:
            return self._parse(model, messages, stream, options)
        except FilesToRead as found:
            waiting = found.messages
        return self._parse(model, read_files(waiting), stream, options)

    async def _read_files(
        self, found: FilesToRead, options: CallOptions, began: float
    ) -> list[Any]:
        """The messages with the contents of their files, which are read on a thread."""
        given = options.get("timeout")
        timeout = self._timeout if given is None else as_timeout(given)
        reading = start_in_thread(lambda: read_files(found.messages))
        return await in_time(reading, "a file in the messages", timeout, began)

    # --- middleware ---

    async def _run_middleware(
        self,
        links: Sequence[Link[Call, Result]],
        call: Call,
        perform: Callable[[Call, float], Coroutine[Any, Any, Result]],
        kind: type[Any],
        began: float,
    ) -> Result:
        """The result of a call that passes this middleware, outermost first."""
        given = links, call, perform, kind, self._registry, self._timeout, began
        result: Result = await load_middleware_chain().run_middleware(*given)
        return result

    def _middleware_of(self, call: ChatCall | EmbeddingCall) -> tuple[Middleware, ...]:
        """The client's middleware; if the call has fallbacks or a hedge, with a router: its
        own, where it stands, or else a new one innermost."""
        if not call.fallbacks and call.hedge_after is None:
            return self._middleware
        if not self._with_router:
            self._with_router = self._add_router()
        return self._with_router

    def _add_router(self) -> tuple[Middleware, ...]:
        from llmgate.middlewares.routing import Router  # noqa: PLC0415 - only where asked for

        self._router = next((each for each in self._middleware if isinstance(each, Router)), None)
        if self._router is not None:
            return self._middleware
        self._router = Router()
        self._router.used_by(self._shared())
        return (*self._middleware, self._router)

    def _surround(self, middleware: Middleware) -> None:
        """Put this middleware around all others, for the calls from now on."""
        self._middleware = (middleware, *self._middleware)
        if self._with_router:
            self._with_router = (middleware, *self._with_router)

    def _shared(self) -> Shared:
        """What the client shares with its middleware: retry policy and budget, prices, targets."""
        from llmgate.middleware import Shared  # noqa: PLC0415 - only for those who have it

        return Shared(self._retry_policy, self._budget, self._prices, self._registry.target)

    # --- the state of a call ---

    async def _load_provider(self, call: UnresolvedCall, began: float) -> None:
        """Import and make the provider of a call's model, unless that is done."""
        check_loop()
        await load(self._registry, call, call.timeout or self._timeout, began)

    async def _new_state(
        self, call: UnresolvedCall, fitted: FittedCall, provider: Provider, began: float
    ) -> CallState:
        """The state of a call that begins now."""
        check_loop()
        if self._closed:
            raise ClosedError("the client was closed")
        timeout = call.timeout or self._timeout
        state = CallState(  # positional: keywords double the cost
            fitted,
            provider,
            await self._connections.transport_for(provider, timeout, began),
            timeout,
            policy_of_call(self._retry_policy, call.max_retries),
            self._budget,
            self._emitter(call.hooks),
            call.extra_headers,
            self._tokens,
            self._headers,
            call.labels,
            self._prices,
        )
        state.deadline.started = began
        if state.emit is not None:
            state.wants = kinds_wanted(self._hooks + call.hooks)
        return state

    def _emitter(self, hooks: tuple[Hook, ...]) -> Callable[[Event], None] | None:
        everyone = self._hooks + hooks
        return self._dispatcher.emitter(everyone) if everyone else None
