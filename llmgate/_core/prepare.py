"""The check of a call: its arguments sorted into what is for the provider and what is for us.

It decides what a provider's declarations mean for a call, and sends nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from inspect import iscoroutinefunction
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from llmgate._core.check import check_json, check_messages, check_name, check_parameters
from llmgate._text.redact import HiddenHeaders, HiddenUrl, has_credentials
from llmgate.errors import InvalidRequestError, LLMGateError, UnsupportedError, shown
from llmgate.hooks import Hook, LoggingHook, as_dictionary
from llmgate.options import MEANINGFUL, CallOptions, ChatParameters, Timeout
from llmgate.provider import Decoder, LegacyFunctions, Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, Secret
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

if TYPE_CHECKING:
    from llmgate._core.registry import Registry
    from llmgate._core.retry import RetryPolicy
    from llmgate.messages import MessageLike

__all__ = ["Request", "as_hooks", "as_policy", "as_timeout", "hide_credentials"]

_SETTINGS = ("base_url", "api_version")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request:
    """One call's arguments, checked and sorted: what is for the provider, and what is for us."""

    timeout: Timeout | None = None
    hooks: tuple[Hook, ...] = ()
    extra_headers: Mapping[str, str] = _NO_HEADERS
    wants_usage_chunk = False
    _max_retries: int | None = None

    def __init__(
        self,
        registry: Registry,
        unsupported: Policy,
        model: str,
        messages: Iterable[MessageLike],
        stream: bool,
        options: CallOptions,
    ) -> None:
        chat, own, switch = _sorted(options, registry)
        checked = check_messages(messages)
        parameters: ChatParameters = check_parameters(_completed(chat)) if chat else {}
        if "stream_options" in parameters:
            self._check_stream_options(parameters, stream=stream)
        target = registry.target(model, switch)
        provider = _provider(registry, target.provider, _settings(own) if own else {})
        self.provider_name = target.provider
        extra_body: Mapping[str, Any] = {}
        if own:  # seldom
            self.timeout = _call_timeout(own)
            self.hooks = _call_hooks(own)
            self.extra_headers = _headers(own.get("extra_headers", {}))
            self._max_retries = own.get("max_retries")
            extra_body = _extra_body(own.get("extra_body", {}))
            unsupported = as_policy(own.get("unsupported", unsupported))
        call = ProviderCall(
            target.model, checked, parameters, stream, extra_body, new_id(), Report(unsupported)
        )
        if _needs_translation(call, provider):
            if not _LEGACY.isdisjoint(parameters):  # the history alone asks for no such answer
                provider = cast("Provider", _AsLegacy(provider))
            call = without_legacy_functions(call)
        self.call = _within_abilities(call, provider) if parameters else call
        self.provider = provider

    def policy(self, default: RetryPolicy) -> RetryPolicy:
        if self._max_retries is None:
            return default
        return replace(default, max_retries=self._max_retries)

    def _check_stream_options(self, parameters: ChatParameters, *, stream: bool) -> None:
        if not stream:
            raise InvalidRequestError(
                "only a stream has options: set stream=True", path="stream_options"
            )
        options = parameters.get("stream_options") or {}
        self.wants_usage_chunk = bool(options.get("include_usage", False))


def _sorted(
    options: CallOptions, registry: Registry
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """The arguments that have a value: OpenAI's parameters, ours, and the provider that a call
    names as ``<name>=True``, which is an argument of this API's early form."""
    chat: dict[str, Any] = {}
    own: dict[str, Any] = {}
    switch: str | None = None
    for name, value in options.items():
        if value is None:
            continue
        if name in _chat_names():
            chat[name] = value
        elif name in CallOptions.__annotations__:
            own[name] = value
        elif type(value) is bool and registry.knows(name):
            switch = name if value else switch
        else:
            if value is True:
                registry.refuse_switch(name)
            check_name(name)
    return chat, own, switch


@cache
def _chat_names() -> frozenset[str]:
    return frozenset(ChatParameters.__annotations__)


def _completed(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters with schemas in place of the classes and functions that stand for them."""
    parameters = dict(given)
    if isinstance(parameters.get("response_format"), type):
        parameters["response_format"] = response_format_of(parameters["response_format"])
    tools = parameters.get("tools")
    if _is_iterable(tools) and not isinstance(tools, str | bytes | Mapping):
        parameters["tools"] = [function_tool(tool) if callable(tool) else tool for tool in tools]
    return parameters


# --- what a call is known by --------------------------------------------------------------


def new_id() -> str:
    """Sixteen hexadecimal digits that no other call has."""
    return f"{_ids.getrandbits(64):016x}"


_ids = Random()  # noqa: S311 - it is to be unique, not secret
os.register_at_fork(after_in_child=_ids.seed)


# --- what is ours -------------------------------------------------------------------------


def _extra_body(given: Any) -> Mapping[str, Any]:
    if not _is_mapping(given):
        raise InvalidRequestError(
            f"expected a dictionary, got {type(given).__name__}", path="extra_body"
        )
    checked: Mapping[str, Any] = check_json(dict(given), "extra_body")
    return checked


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: given[name] for name in _SETTINGS if name in given}
    if "api_base" in given:
        if "base_url" in settings:
            raise InvalidRequestError(
                "it is base_url under another name: give one", path="api_base"
            )
        settings["base_url"] = given["api_base"]
    for name, value in settings.items():
        if not isinstance(value, str | HiddenUrl):
            reason = f"expected a string, got {type(value).__name__}"
            raise InvalidRequestError(reason, path=name)
    if "api_key" in given:
        settings["api_key"] = given["api_key"]
    return settings


def _provider(registry: Registry, name: str, settings: Mapping[str, Any]) -> Provider:
    """The provider, which is handed the key in clear; no frame that was is shown to anyone."""
    try:
        return registry.provider(
            name,
            {
                setting: value.reveal() if isinstance(value, Secret | HiddenUrl) else value
                for setting, value in settings.items()
            },
        )
    except LLMGateError as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error


def _call_timeout(given: Mapping[str, Any]) -> Timeout | None:
    names = [name for name in ("timeout", "force_timeout", "forceTimeout") if name in given]
    if len(names) > 1:
        raise InvalidRequestError(f"it says the same as {names[0]}: give one", path=names[1])
    return as_timeout(given[names[0]]) if names else None


def as_timeout(timeout: float | Timeout) -> Timeout:
    return timeout if isinstance(timeout, Timeout) else Timeout(total=timeout)


def as_hooks(hooks: Any, path: str = "hooks") -> tuple[Hook, ...]:
    """The hooks, each of which can be called from a thread that has no event loop."""
    if not _is_iterable(hooks):
        raise InvalidRequestError(f"{shown(hooks)} is no list of callables", path=path)
    found = tuple(hooks)
    for hook in found:
        if not callable(hook):
            raise InvalidRequestError(f"{shown(hook)} cannot be called", path=path)
        if iscoroutinefunction(hook) or iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004 - it is callable
            raise InvalidRequestError(
                f"{shown(hook)} is an async function, and hooks are called on a thread without an "
                "event loop: use asyncio.run_coroutine_threadsafe within a plain function",
                path=path,
            )
    return found


def _call_hooks(given: Mapping[str, Any]) -> tuple[Hook, ...]:
    found = as_hooks(given.get("hooks", ()))
    if "logger_fn" in given:
        as_hooks((given["logger_fn"],), "logger_fn")
        found += (_told_as_dictionary(given["logger_fn"]),)
    if given.get("verbose"):
        found += (LoggingHook(_StandardError(), bodies=True),)
    return found


def _told_as_dictionary(logger: Callable[[dict[str, Any]], object]) -> Hook:
    return lambda event: logger(as_dictionary(event))


class _StandardError:
    """The logger of ``verbose=True``: it writes to standard error and configures nothing."""

    def info(self, template: str, *values: object) -> None:
        print(f"llmgate: {template % values}", file=sys.stderr, flush=True)

    warning = info


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


def _headers(headers: Any) -> Mapping[str, str]:
    if not _is_mapping(headers):
        reason = f"expected a dictionary, got {type(headers).__name__}"
        raise InvalidRequestError(reason, path="extra_headers")
    wrong = [name for name in headers if not (_is_name(name) and _is_text(headers[name]))]
    if wrong:  # the value is not shown: it may be a key
        path = f"extra_headers.{shown(wrong[0])}"
        raise InvalidRequestError("expected a header's name and printable ASCII text", path=path)
    return headers


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and name.lower() not in _FRAMING


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def as_policy(value: Any) -> Policy:
    if value not in ("drop", "raise"):
        reason = f"expected 'drop' or 'raise', got {shown(value)}"
        raise InvalidRequestError(reason, path="unsupported")
    return "drop" if value == "drop" else "raise"


_LEGACY = frozenset({"functions", "function_call"})


def _needs_translation(call: ProviderCall, provider: Provider) -> bool:
    if not uses_legacy_functions(call.parameters, call.messages):
        return False  # asked first: the check of a protocol is slow
    return not (isinstance(provider, LegacyFunctions) and provider.takes_legacy_functions())


def _within_abilities(call: ProviderCall, provider: Provider) -> ProviderCall:
    """The call without what its provider declares not to support, reported; or a refusal."""
    abilities = provider.parameters
    if abilities is None:
        return call
    lacking = [
        name
        for name in call.parameters
        if abilities.get(name, Support.UNSUPPORTED) is Support.UNSUPPORTED
    ]
    return _without(lacking, call, provider) if lacking else call


def _without(lacking: list[str], call: ProviderCall, provider: Provider) -> ProviderCall:
    given = cast("dict[str, Any]", call.parameters)
    for name in lacking:
        value = given[name]
        if (name, value) == ("n", 1):
            continue  # one answer is what everybody gives
        if name in MEANINGFUL:
            raise UnsupportedError(
                f"{provider.name} does not support {name}, and without it the answer would mean "
                "something else",
                parameter=name,
            )
        call.report.drop(name, f"{provider.name} has no such parameter", given=value)
    _log_dropped(provider.name, lacking)
    kept = {name: value for name, value in given.items() if name not in lacking}
    return replace(call, parameters=cast("ChatParameters", kept))


def _log_dropped(provider: str, names: list[str]) -> None:
    import logging  # noqa: PLC0415 - rare

    logging.getLogger("llmgate").warning("%s lacks %s; dropped", provider, ", ".join(names))


def _is_iterable(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, Iterable)


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


# --- functions in the legacy form, for providers that have tools only ---------------------


class _AsLegacy:
    """A provider whose answers are told in the form in which the call was made."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """The provider's flow."""
        return answer_as_legacy((yield from self._provider.complete(call)))

    def stream(self, call: ProviderCall) -> Flow[Decoder]:
        """The provider's flow."""
        return LegacyDecoder((yield from self._provider.stream(call)))


# --- credentials among the arguments ------------------------------------------------------


def hide_credentials(options: CallOptions) -> None:
    """Put keys and passwords out of sight before anything can fail: a traceback may show our
    frames.

    Raises:
        InvalidRequestError: when the key cannot be one; its text is not quoted.
    """
    given = cast("dict[str, Any]", options)
    key = given.pop("api_key", None)
    try:
        if key is not None:
            given["api_key"] = key if isinstance(key, Secret) else Secret(key)
    except InvalidRequestError as error:
        del key
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    if isinstance(given.get("extra_headers"), Mapping):
        given["extra_headers"] = HiddenHeaders(given["extra_headers"])
    for name in ("base_url", "api_base"):
        address = given.get(name)
        if isinstance(address, str) and has_credentials(address):
            given[name] = HiddenUrl(address)
