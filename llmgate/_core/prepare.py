"""Turns a call's arguments into what its provider reads, in three steps: parse, resolve, fit.

``parse`` knows no provider, ``resolve`` chooses one, ``fit`` applies what that one declares. None
of them does any I/O, and the same call can be resolved and fitted again, for another provider.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, cast

from llmgate._core import legacy
from llmgate._core.abilities import abilities_of, apply_abilities
from llmgate._core.check import check_messages, check_name, check_parameters, refuse_one_tool
from llmgate._core.provider_settings import revealed
from llmgate._core.settings import (
    as_extra_body,
    as_headers,
    as_hedge_after,
    as_hooks,
    as_labels,
    as_settings,
    as_timeout,
    as_unsupported,
    is_iterable,
)
from llmgate._text.json import is_object
from llmgate._text.redact import HiddenHeaders, HiddenSettings, hide_address
from llmgate.errors import InvalidRequestError, LLMGateError, describe_value
from llmgate.options import CallOptions, ChatCall, ChatParameters, Output, OwnOptions
from llmgate.provider import Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Secret
from llmgate.report import Deviation, Policy, Report

if TYPE_CHECKING:
    from llmgate._core.registry import Registry, Target
    from llmgate.hooks import Hook
    from llmgate.messages import MessageLike
    from llmgate.options import Timeout


class UnresolvedCall(Protocol):
    """The fields that calls of every operation have before their provider is chosen."""

    model: str
    unsupported: Policy
    extra_body: Mapping[str, Any]
    extra_headers: Mapping[str, str]
    timeout: Timeout | None
    max_retries: int | None
    settings: Mapping[str, Any]
    hooks: tuple[Hook, ...]
    labels: Mapping[str, str | int | float | bool]

    @property
    def parameters(self) -> Mapping[str, object]: ...


# --- parse: checked arguments -------------------------------------------------------------


def parse(
    model: str | Sequence[str],
    messages: Iterable[MessageLike],
    stream: bool | None,
    options: CallOptions,
    *,
    registry: Registry,
    unsupported: Policy,
) -> ChatCall:
    """The checked call that these arguments describe.

    The registry is asked only which names belong to providers.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    if type(stream) is not bool:
        if stream is not None:
            raise InvalidRequestError.expected("True or False", stream, "stream")
        stream = False
    chat, own, switch = _split_options(options, registry)
    changes: list[Deviation] = []
    checked = check_messages(messages, changes, model)
    parameters: ChatParameters = {}
    if chat:
        has_types = "tools" in chat or "response_format" in chat
        parameters = check_parameters(_with_schemas(chat, changes) if has_types else chat, changes)
    if not stream and "stream_options" in parameters:
        reason = "only a stream has options: set stream=True"
        raise InvalidRequestError(reason, path="stream_options")
    first: Any = model
    fallbacks: tuple[str, ...] = ()
    if not isinstance(model, str):
        first, fallbacks = primary_and_fallbacks(model)
    if switch is not None:
        first = legacy.prefixed(first, switch)
    call = ChatCall(first, checked, parameters, stream, unsupported, {}, {}, None, None, {}, (), {})
    if own:  # seldom
        set_call_options(call, own)
        call.hedge_after = as_hedge_after(own.get("hedge_after"))
    if changes:
        call.deviations = tuple(changes)
    if fallbacks:
        call.fallbacks = fallbacks
    if "response_format" in chat or "repair" in own:
        call.output = _output(chat.get("response_format"), own.get("repair", 0))
    return call


def primary_and_fallbacks(model: Any) -> tuple[str, tuple[str, ...]]:
    """The first model of a list, and the others as its fallbacks; anything else unchanged.

    Raises:
        InvalidRequestError: when an item of the list is not a model's name.
    """
    if not isinstance(model, _LISTS):
        return model, ()
    names = tuple(cast("list[Any]", model))
    for name in names:
        if type(name) is not str:
            return _checked_names.__wrapped__(names)
    return _checked_names(names)


@lru_cache(maxsize=256)
def _checked_names(names: tuple[Any, ...]) -> tuple[str, tuple[str, ...]]:
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InvalidRequestError.expected("'provider/model'", name, f"model[{index}]")
    if not names:
        raise InvalidRequestError("expected at least one model", path="model")
    return names[0], tuple(dict.fromkeys(names[1:]))


_LISTS = (list, tuple)


def _output(kind: Any, repair: Any) -> Output | None:
    """The Python type to parse the response as; None if the format is not a Python type."""
    if type(repair) is not int or repair < 0:
        raise InvalidRequestError.expected("0 or more", repair, "repair")
    if _is_type(kind):
        return Output(kind, repair)
    if repair:
        reason = "nothing can be checked: pass a Python type as response_format"
        raise InvalidRequestError(reason, path="repair")
    return None


def _split_options(
    options: CallOptions, registry: Registry
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """The options that are not None: OpenAI's parameters, options of this library, and the provider
    that a call names as ``<name>=True``, as early versions of this API did."""
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


def split_options(options: Mapping[str, Any], known: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that are not None, of an operation beside chat: first its own, then those that
    all operations have. Its ``TypedDict`` says which there are.

    Raises:
        InvalidRequestError: for an option that it does not have.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        check_name(name, known.__annotations__)
    common = {*OwnOptions.__annotations__, "hedge_after"} & given.keys()
    others = {name: given.pop(name) for name in [*given] if name in common}
    return given, others


@cache
def _chat_names() -> frozenset[str]:
    return frozenset(ChatParameters.__annotations__)


def _with_schemas(given: dict[str, Any], changes: list[Deviation]) -> dict[str, Any]:
    """The parameters with JSON schemas in place of Python types and functions."""
    parameters = dict(given)
    kind = parameters.get("response_format")
    if _is_type(kind):
        formats, _, _ = _load_types()
        parameters["response_format"], deviations = formats.format_of(kind)
        changes += deviations
    elif isinstance(kind, str | list):
        expected = 'expected a type, or a dictionary such as {"type": "json_object"}'
        reason = f"{expected}; got {describe_value(cast('object', kind))}"
        raise InvalidRequestError(reason, path="response_format")
    elif is_object(kind) and (
        "properties" in kind and isinstance(kind.get("type"), str) and kind["type"] == "object"
    ):
        reason = (
            'a schema belongs inside the format: write {"type": "json_schema", '
            '"json_schema": {"name": "response", "schema": …}}'
        )
        raise InvalidRequestError(reason, path="response_format")
    tools = parameters.get("tools")
    if tools is None:
        return parameters
    if callable(tools):
        refuse_one_tool(tools)
    if is_iterable(tools) and not isinstance(tools, str | bytes | Mapping):
        parameters["tools"] = _with_definitions([*tools])
    return parameters


def _with_definitions(tools: list[Any]) -> list[Any]:
    """The tools, with definitions in place of Python functions."""
    if not any(map(callable, tools)):
        return tools
    from llmgate.tools import as_tool, check_names  # noqa: PLC0415 - only if functions are given

    own = [as_tool(tool) if callable(tool) else None for tool in tools]
    check_names(mine for mine in own if mine is not None)
    pairs = zip(tools, own, strict=True)
    return [tool if mine is None else mine.definition for tool, mine in pairs]


def _is_type(kind: Any) -> bool:
    """Whether a ``response_format`` is a Python type; nearly all of these are classes."""
    return isinstance(kind, type) or not (kind is None or isinstance(kind, _NOT_TYPES))


_NOT_TYPES = (Mapping, str, bytes, int, float, list, tuple, set)
"""Types of a ``response_format`` that is not a Python type: OpenAI's dictionaries, and mistakes."""


def set_call_options(call: UnresolvedCall, own: Mapping[str, Any]) -> None:
    """Set the options of a call that are not OpenAI's parameters."""
    if not legacy.EARLY_NAMES.isdisjoint(own):
        own = legacy.as_current(own)
    call.settings = as_settings(own)
    call.hooks = as_hooks(own.get("hooks", ()))
    call.extra_headers = as_headers(own.get("extra_headers", {}))
    call.extra_body = as_extra_body(own.get("extra_body", {}))
    call.unsupported = as_unsupported(own.get("unsupported", call.unsupported))
    call.max_retries = own.get("max_retries")
    call.labels = as_labels(own.get("labels", {}))
    if "timeout" in own:
        call.timeout = as_timeout(own["timeout"])


# --- resolve: the provider and its model ---------------------------------------------------------


def resolve(call: UnresolvedCall, registry: Registry) -> Target:
    """The provider that a call names, and the provider's name of the model.

    Raises:
        UnknownProviderError: when no provider has such a model; it says what is installed, and what
            to do.
    """
    return registry.target(call.model)


def provider_of(call: UnresolvedCall, target: Target, registry: Registry) -> Provider:
    """The provider with the call's settings; no frame of a traceback holds the revealed key."""
    settings = call.settings
    try:
        provider = registry.provider(target.provider, revealed(settings) if settings else settings)
    except LLMGateError as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    if not legacy.FUNCTIONS.isdisjoint(call.parameters):  # not only in the history
        provider = legacy.legacy_view(provider)
    if "response_format" in call.parameters and isinstance(call, ChatCall):
        provider = _for_format(provider, target.model, call)
    return provider


def _for_format(provider: Provider, model: str, call: ChatCall) -> Provider:
    """The provider for a call with a response format: views emulate the format if the model has
    none, and unwrap values that were wrapped in an object for it."""
    if call.output is None and not call.deviations:
        return provider
    formats, fallback, unwrapping = _load_types()
    if call.output is not None:
        provider = fallback.fallback_view(provider, model, call)
    is_wrapped = any(each.reason == formats.WRAPPED for each in call.deviations)
    return cast("Provider", unwrapping.unwrapping_view(provider)) if is_wrapped else provider


@cache
def _load_types() -> tuple[Any, Any, Any]:
    """The modules for Python types as formats, imported once: an import statement on each call is
    costly."""
    from llmgate._core import format_fallback, formats, unwrapping  # noqa: PLC0415 - only where given

    return formats, format_fallback, unwrapping


# --- fit: the call as that provider takes it ------------------------------------------------------


def fit(call: ChatCall, target: Target, provider: Provider) -> ProviderCall:
    """The call as its provider reads it, with a report of what was changed.

    Raises:
        UnsupportedError: when the provider lacks something that the call needs.
    """
    fitted = ProviderCall(
        target.model,
        call.messages,
        call.parameters,
        call.stream,
        call.extra_body,
        new_id(),
        Report(call.unsupported, call.deviations),
    )
    has_functions = legacy.uses_functions(call.parameters, call.messages)
    if has_functions and not legacy.takes_functions(provider):
        fitted = legacy.without_functions(fitted)
    if "stream_options" in call.parameters:
        fitted = _without_stream_options(fitted)
    parameters = fitted.parameters
    if not parameters:
        return fitted
    abilities = abilities_of(provider, target.model, parameters)
    if "functions" in call.parameters and "tools" in parameters:
        fitted = legacy.with_one_call_at_a_time(fitted, abilities)
    return apply_abilities(fitted, provider.name, abilities)


def _without_stream_options(call: ProviderCall) -> ProviderCall:
    """The call without ``stream_options``, which no provider reads: every stream reports usage."""
    parameters = call.parameters.copy()
    options = parameters.pop("stream_options")
    for name, value in options.items():
        if name != "include_usage":
            reason = "only include_usage is known: pass the provider's own options in extra_body"
            call.report.drop(f"stream_options.{name}", reason, given=value)
    is_asked = bool(options.get("include_usage"))
    return replace(call, parameters=parameters, include_usage=is_asked)


def new_id() -> str:
    """A unique id of sixteen hexadecimal digits."""
    return _ids.randbytes(8).hex()


_ids = Random()  # noqa: S311 - unique, not secret
os.register_at_fork(after_in_child=_ids.seed)


# --- credentials among the arguments ------------------------------------------------------


def hide_credentials(options: Any) -> None:
    """Wrap keys and passwords before anything can fail: a traceback may show these frames.

    Raises:
        InvalidRequestError: when the key cannot be a valid key; its text is not quoted.
    """
    if _CREDENTIALS.isdisjoint(options):
        return
    given: dict[str, Any] = options
    key = given.pop("api_key", None)
    try:
        if key is not None:
            given["api_key"] = key if isinstance(key, Secret) else Secret(key)
    except InvalidRequestError as error:
        del key
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
    if isinstance(given.get("extra_headers"), Mapping):
        given["extra_headers"] = HiddenHeaders(given["extra_headers"])
    if isinstance(given.get("provider_settings"), Mapping):
        given["provider_settings"] = HiddenSettings(given["provider_settings"])
    for name in ("base_url", "api_base"):
        address = given.get(name)
        if isinstance(address, str):
            given[name] = hide_address(address)


_CREDENTIALS = frozenset({"api_key", "extra_headers", "provider_settings", "base_url", "api_base"})
"""The arguments that may hold credentials."""
