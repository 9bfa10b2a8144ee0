"""The client: settings, the check of a call, and the two functions that everybody uses.

It decides what a provider's declarations mean for a call; how requests are made is the engine's.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, cast, overload
from weakref import WeakKeyDictionary

from llmgate import _engine
from llmgate._registry import Registry
from llmgate._retry import RetryBudget, RetryPolicy
from llmgate._stream import Stream
from llmgate._validate import check_json, check_messages, check_name, check_parameters
from llmgate.errors import ClosedError, InvalidRequestError, MissingKeyError, UnsupportedError
from llmgate.hooks import Dispatcher, Event, Hook, LoggingHook, as_dictionary
from llmgate.options import MEANINGFUL, Call, CallOptions, ChatParameters, Timeout
from llmgate.provider import LegacyFunctions, Provider, Support
from llmgate.report import Policy, Report
from llmgate.tools import (
    LegacyDecoder,
    answer_as_legacy,
    function_tool,
    response_format_of,
    uses_legacy_functions,
    without_legacy_functions,
)
from llmgate.types import Completion
from llmgate.wire import Transport

if TYPE_CHECKING:
    import ssl

    from llmgate._sync import SyncStream
    from llmgate.messages import MessageLike
    from llmgate.transports.aiohttp import AiohttpTransport

__all__ = ["Client", "acompletion", "completion", "default_client"]

_SETTINGS = ("api_key", "base_url", "api_version")
_PATIENCE_WITH_HOOKS = 0.003


class Client:
    """Providers, limits and hooks that many calls share.

    One client serves any number of tasks, threads and event loops; it keeps a connection pool for
    each loop. ``async with`` or :meth:`aclose` closes the pool of the running loop; a pool is also
    closed when its loop ends.

    Args:
        providers: Providers by name, ready-made or callables that make them; beside these, all
            installed ones are known.
        timeout: Seconds for a whole call, or a :class:`~llmgate.options.Timeout`.
        max_retries: How often a call is tried again; short for ``retry``.
        retry: The whole policy.
        unsupported: ``"drop"`` leaves out and reports a tuning knob that a provider lacks,
            ``"raise"`` refuses the call.
        hooks: Callables that are handed each event of each call.
        verify: True, False, a CA bundle's path, or an ``ssl.SSLContext``.
        proxy: The URL of an HTTP proxy.
        trust_env: Whether the environment may name proxies.
        limit: Connections to one host at a time.
    """

    def __init__(  # noqa: PLR0913 - each is a keyword, and a setting that users asked for
        self,
        *,
        providers: Mapping[str, Provider | Callable[..., Provider]] | None = None,
        timeout: float | Timeout = 600.0,
        max_retries: int | None = None,
        retry: RetryPolicy | None = None,
        unsupported: Policy = "drop",
        hooks: Iterable[Hook] = (),
        verify: bool | str | ssl.SSLContext = True,
        proxy: str | None = None,
        trust_env: bool = False,
        limit: int = 100,
    ) -> None:
        self._registry = Registry(providers)
        self._timeout = _as_timeout(timeout)
        self._policy = retry or RetryPolicy()
        if max_retries is not None:
            self._policy = replace(self._policy, max_retries=max_retries)
        self._unsupported: Policy = unsupported
        self._hooks = tuple(hooks)
        self._dispatcher = Dispatcher()
        self._budget = RetryBudget()
        self._http = (verify, proxy, trust_env, limit)
        self._lock = threading.Lock()
        self._transports: WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport]
        self._transports = WeakKeyDictionary()
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
        request = _Request(
            self._registry, self._unsupported, model, messages, bool(stream), options
        )
        context = await self._context(request)
        try:
            if stream:
                opened = await _engine.open_stream(context)
                if request.is_legacy:
                    opened.decoder = LegacyDecoder(opened.decoder)
                return Stream(opened, bare_chunks=request.wants_usage_chunk)
            answer = await _engine.complete(context)
        except MissingKeyError:
            self._registry.forget(request.provider.name)
            raise
        finally:
            if context.emit is not None:
                await self._let_hooks_catch_up()
        return answer_as_legacy(answer) if request.is_legacy else answer

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
        from llmgate._sync import SyncStream, run  # noqa: PLC0415 - a thread, only where asked for

        answer = run(lambda: self.acompletion(model, messages, stream=stream, **options))
        return SyncStream(answer) if isinstance(answer, Stream) else answer

    # --- life ---

    async def aclose(self) -> None:
        """Close the running loop's connections and let hooks finish; the client is then used up."""
        self._closed = True
        transport = self._transports.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()
        if self._hooks:
            await asyncio.to_thread(self._dispatcher.flush, 1.0)

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

    async def _context(self, request: _Request) -> _engine.Context:
        if self._closed:
            raise ClosedError("the client was closed")
        provider = request.provider
        return _engine.Context(
            call=request.call,
            provider=provider,
            transport=provider.transport or await self._pool(),
            timeout=request.timeout or self._timeout,
            policy=request.policy(self._policy),
            budget=self._budget,
            emit=self._emitter(request.hooks),
            extra_headers=request.extra_headers,
        )

    async def _pool(self) -> Transport:
        loop = asyncio.get_running_loop()
        transport = self._transports.get(loop)
        if transport is None:
            from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings  # noqa: PLC0415

            transport = await AiohttpTransport.start(HttpSettings(*self._http))
            with self._lock:
                self._transports[loop] = transport
        return transport

    def _emitter(self, hooks: tuple[Hook, ...]) -> Callable[[Event], None] | None:
        everyone = self._hooks + hooks
        if not everyone:
            return None
        return lambda event: self._dispatcher.emit(everyone, event)

    async def _let_hooks_catch_up(self) -> None:
        """Quick hooks have been called when a call returns; slow ones are not waited for."""
        loop, delivered = asyncio.get_running_loop(), asyncio.Event()
        self._dispatcher.when_delivered(lambda: loop.call_soon_threadsafe(delivered.set))
        try:
            async with asyncio.timeout(_PATIENCE_WITH_HOOKS):
                await delivered.wait()
        except TimeoutError:
            pass


class _Request:
    """One call's arguments, checked and sorted: what is for the provider, and what is for us."""

    def __init__(
        self,
        registry: Registry,
        unsupported: Policy,
        model: str,
        messages: Iterable[MessageLike],
        stream: bool,
        options: CallOptions,
    ) -> None:
        given: dict[str, Any] = {k: value for k, value in options.items() if value is not None}
        switch = _provider_switch(given, registry)
        for name in given:
            check_name(name)
        checked = check_messages(messages)
        parameters = check_parameters(_chat_parameters(given))
        if "stream_options" in parameters and not stream:
            raise InvalidRequestError(
                "only a stream has options: set stream=True", path="stream_options"
            )
        target = registry.target(model, switch)
        self.provider = registry.provider(target.provider, _settings(given))
        self.timeout = _call_timeout(given)
        self.hooks = _call_hooks(given)
        self.extra_headers = _headers(given.get("extra_headers", {}))
        self._max_retries = given.get("max_retries")
        self.wants_usage_chunk = bool(
            (parameters.get("stream_options") or {}).get("include_usage", False)
        )
        call = Call(
            model=target.model,
            messages=checked,
            parameters=parameters,
            stream=stream,
            extra_body=check_json(given.get("extra_body", {}), "extra_body"),
            id=secrets.token_hex(8),
            report=Report(_policy(given.get("unsupported", unsupported))),
        )
        self.is_legacy = _needs_translation(call, self.provider)
        if self.is_legacy:
            call = without_legacy_functions(call)
        self.call = _within_abilities(call, self.provider)

    def policy(self, default: RetryPolicy) -> RetryPolicy:
        if self._max_retries is None:
            return default
        return replace(default, max_retries=self._max_retries)


def _provider_switch(given: dict[str, Any], registry: Registry) -> str | None:
    """The provider that a call names as ``<name>=True``, an argument of this API's early form."""
    for name, value in list(given.items()):
        if value is True and name not in CallOptions.__annotations__ and name not in _chat_names():
            if registry.knows(name):
                del given[name]
                return name
            registry.refuse_switch(name)
    return None


@cache
def _chat_names() -> frozenset[str]:
    return frozenset(ChatParameters.__annotations__)


def _chat_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {name: value for name, value in given.items() if name in _chat_names()}
    if isinstance(parameters.get("response_format"), type):
        parameters["response_format"] = response_format_of(parameters["response_format"])
    if any(callable(tool) for tool in parameters.get("tools", ())):
        parameters["tools"] = [
            function_tool(tool) if callable(tool) else tool for tool in parameters["tools"]
        ]
    return parameters


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: given[name] for name in _SETTINGS if name in given}
    if "api_base" in given:
        if "base_url" in settings:
            raise InvalidRequestError(
                "it is base_url under another name: give one", path="api_base"
            )
        settings["base_url"] = given["api_base"]
    return settings


def _call_timeout(given: Mapping[str, Any]) -> Timeout | None:
    names = [name for name in ("timeout", "force_timeout", "forceTimeout") if name in given]
    if len(names) > 1:
        raise InvalidRequestError(f"it says the same as {names[0]}: give one", path=names[1])
    return _as_timeout(given[names[0]]) if names else None


def _as_timeout(timeout: float | Timeout) -> Timeout:
    return timeout if isinstance(timeout, Timeout) else Timeout(total=timeout)


def _call_hooks(given: Mapping[str, Any]) -> tuple[Hook, ...]:
    hooks: list[Any] = list(given.get("hooks", ()))
    logger = given.get("logger_fn")
    for hook in (*hooks, *([] if logger is None else [logger])):
        if not callable(hook):
            raise InvalidRequestError(f"{hook!r:.60} cannot be called", path="hooks")
    if logger is not None:
        hooks.append(lambda event: logger(as_dictionary(event)))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] # a hook
    if given.get("verbose"):
        hooks.append(LoggingHook(_StandardError(), bodies=True))
    return tuple(hooks)


class _StandardError:
    """The logger of ``verbose=True``: it writes to standard error and configures nothing."""

    def info(self, template: str, *values: object) -> None:
        print(f"llmgate: {template % values}", file=sys.stderr, flush=True)

    warning = info


def _headers(headers: Mapping[str, Any]) -> Mapping[str, str]:
    for name, value in headers.items():
        text = f"{name}{value}" if isinstance(value, str) else ""
        if not (text and text.isprintable() and text.isascii()):
            raise InvalidRequestError(
                "expected printable ASCII text", path=f"extra_headers.{name!r}"
            )
    return headers


def _policy(value: Any) -> Policy:
    if value not in ("drop", "raise"):
        reason = f"expected 'drop' or 'raise', got {value!r:.60}"
        raise InvalidRequestError(reason, path="unsupported")
    return "drop" if value == "drop" else "raise"


def _needs_translation(call: Call, provider: Provider) -> bool:
    if isinstance(provider, LegacyFunctions) and provider.takes_legacy_functions():
        return False
    return uses_legacy_functions(call.parameters, call.messages)


def _within_abilities(call: Call, provider: Provider) -> Call:
    """The call without what its provider declares not to support, reported; or a refusal."""
    abilities = provider.parameters
    if abilities is None:
        return call
    lacking = [
        name
        for name in call.parameters
        if abilities.get(name, Support.UNSUPPORTED) is Support.UNSUPPORTED
    ]
    for name in lacking:
        value = cast("dict[str, Any]", call.parameters)[name]
        if name in MEANINGFUL and not (name == "n" and value == 1):
            raise UnsupportedError(
                f"{provider.name} does not support {name}, and without it the answer would mean "
                "something else",
                parameter=name,
            )
        call.report.drop(name, f"{provider.name} has no such parameter", given=value)
    if lacking:
        _log_dropped(provider.name, lacking)
    kept = {name: value for name, value in call.parameters.items() if name not in lacking}
    return replace(call, parameters=cast("ChatParameters", kept))


def _log_dropped(provider: str, names: list[str]) -> None:
    import logging  # noqa: PLC0415 - rare

    logging.getLogger("llmgate").warning("%s lacks %s; dropped", provider, ", ".join(names))


# --- the module's functions ---------------------------------------------------------------


@cache
def default_client() -> Client:
    """The client of :func:`acompletion` and :func:`completion`."""
    return Client()


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
    return default_client().completion(model, messages, stream=stream, **options)
