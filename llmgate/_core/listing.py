"""Lists of models: of one provider, or of all.

The provider's flow follows pages and reads their format.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, cast

from llmgate._core import drive
from llmgate._core.prepare import new_id, set_call_options, split_options
from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    PluginError,
    ProviderError,
    UnsupportedError,
    describe_value,
    excerpt,
)
from llmgate.models import Model, ModelList
from llmgate.options import ListOptions
from llmgate.provider import MayBeUnconfigured, ModelLister
from llmgate.report import Policy, Report

if TYPE_CHECKING:
    from llmgate._core.state import CallState
    from llmgate.hooks import Hook
    from llmgate.options import Timeout
    from llmgate.provider import Provider


@dataclass(slots=True)
class ListingCall:
    """One checked call for the models of a provider; its fields are those of other calls."""

    operation = "models"
    stream = False

    model: str = ""
    unsupported: Policy = "drop"
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: Timeout | None = None
    max_retries: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    hooks: tuple[Hook, ...] = ()
    labels: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, Any])
    id: str = field(default_factory=new_id)
    report: Report = field(default_factory=Report)
    max_age: float | None = None

    @property
    def is_special(self) -> bool:
        """Whether it has its own settings, so that its list may differ."""
        return bool(self.settings or self.extra_headers or self.extra_body)

    @property
    def parameters(self) -> Mapping[str, object]:
        """No parameters: a list takes none."""
        return {}


def parse_listing(provider: str | None, options: ListOptions) -> ListingCall:
    """The checked call for the models of a provider, or of all providers if it is None.

    Raises:
        InvalidRequestError: naming what is wrong.
    """
    if provider is not None and (type(provider) is not str or not provider.strip()):
        raise InvalidRequestError.expected("a provider's name", provider, "provider")
    if provider is not None and "/" in provider:
        got, name = excerpt(provider, 60), excerpt(provider.partition("/")[0], 60)
        reason = f"expected a provider's name, got {got!r}; {name!r} lists all of its models"
        raise InvalidRequestError(reason, path="provider")
    call = ListingCall(f"{provider or ''}/")
    parameters, own = split_options(options, ListOptions)
    call.max_age = _checked_age(parameters.get("max_age"))
    if own:
        set_call_options(call, own)
    if provider is None and call.settings:
        named = ", ".join(sorted(call.settings))
        raise InvalidRequestError(f"name the provider whose {named} this is", path="provider")
    return call


def _checked_age(given: Any) -> float | None:
    if given is None or (isinstance(given, int | float) and given >= 0):
        return given
    raise InvalidRequestError.expected("a number of seconds", given, "max_age")


async def list_models_of(
    state: CallState, name: str, kept: dict[str, tuple[float, list[Model]]]
) -> list[Model]:
    """The models of the named provider, each once.

    ``kept`` holds the lists of earlier calls without their own settings, each with its time: a call
    that says how old a list may be gets a kept one. All these lists were made with the same key,
    since a client has one key for each provider.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    call = cast("ListingCall", state.call)
    at, known = kept.get(name, (-inf, []))
    if call.max_age is not None and not call.is_special and time.monotonic() - at <= call.max_age:
        state.deadline.close()
        return [copy(model) for model in known]
    models = await drive.run_call(lambda: _list_models(state, name), state)
    state.end("ok")
    for model in models:
        model.provider = name
    if not call.is_special:
        kept[name] = (time.monotonic(), [copy(model) for model in models])
    return models


def is_configured(provider: Provider) -> bool:
    """Whether a provider has its settings, such as a key; True unless it says otherwise."""
    return not isinstance(provider, MayBeUnconfigured) or provider.is_configured()


def merge_lists(names: Iterable[str], results: Iterable[list[Model] | BaseException]) -> ModelList:
    """The lists of several providers as one, with the errors of those that failed.

    Raises:
        BaseException: any exception that is not one of our errors.
    """
    found = ModelList()
    for name, result in zip(names, results, strict=True):
        if isinstance(result, list):
            found += result
        elif not isinstance(result, LLMGateError):
            raise result
        elif not isinstance(result, MissingKeyError | UnsupportedError):
            found.errors[name] = result
    return found


async def _list_models(state: CallState, name: str) -> list[Model]:
    provider = state.provider
    if not isinstance(provider, ModelLister):
        raise UnsupportedError(f"{name} does not list its models", parameter="provider")
    try:
        models = await drive.run_flow(lambda _: provider.list_models(), state)
    except ProviderError as error:
        if error.status not in _NO_SUCH_ROUTE:
            raise
        what = error.message
    else:
        return state.run(_each_once, models)
    raise UnsupportedError(f"no models are listed at this address: {what}", parameter="provider")


_NO_SUCH_ROUTE = (404, 405)


def _each_once(models: Iterable[Model]) -> list[Model]:
    by_id = dict[str, Model]()
    for model in models:
        if not isinstance(model, Model):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PluginError(f"the provider's flow returned {describe_value(model)}, not a model")
        by_id.setdefault(model.id, model)
    return [*by_id.values()]
