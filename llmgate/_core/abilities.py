"""Applies a model's abilities to a call: parameters are dropped, renamed or refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from llmgate._core.failures import plugin_error
from llmgate.errors import LLMGateError, PluginError, UnsupportedError, describe_value
from llmgate.options import MEANINGFUL
from llmgate.provider import Rule, Support

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.options import ChatParameters
    from llmgate.provider import Provider, ProviderCall
    from llmgate.reranking import RerankCall

Abilities: TypeAlias = Mapping[str, Support | Rule] | None
Fitted = TypeVar("Fitted", "ProviderCall", "EmbeddingCall", "RerankCall")
Declared = TypeVar("Declared")


def abilities_of(provider: Provider, model: str, parameters: ChatParameters) -> Abilities:
    """What a provider declares of these parameters for a model.

    Raises:
        PluginError: when the provider's code fails, or says something else.
    """
    return declaration_of(provider, provider.abilities, (model, parameters), Mapping | None)


def declaration_of(
    provider: Any, declare: Callable[..., Declared], arguments: tuple[Any, ...], kind: Any
) -> Declared:
    """What a provider declares for a model, checked to be of this kind. The model's name is the
    first of these arguments.

    Raises:
        PluginError: when the provider's code fails, or says something else.
    """
    try:
        abilities = declare(*arguments)
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - third-party code may raise anything
        action = f"say what {describe_value(arguments[0])} supports"
        failure = plugin_error(error, provider, action)
    else:
        if isinstance(abilities, kind):
            return abilities
        expected = getattr(kind, "__name__", "a mapping")
        given = describe_value(abilities)
        failure = PluginError(f"the provider's abilities are {given}, not {expected}")
    raise failure


def apply_abilities(
    call: Fitted,
    provider: str,
    abilities: Abilities,
    meaningful: Container[str] = MEANINGFUL,
) -> Fitted:
    """The call as the model takes it; changes are recorded in its report.

    ``meaningful`` are the parameters whose absence would change the meaning of the result.

    Raises:
        UnsupportedError: for what the model cannot take, if the caller wants nothing dropped, or if
            dropping it would change the meaning of the result.
    """
    if abilities is None:
        return call
    given = cast("Mapping[str, Any]", call.parameters)
    for name in given:  # not a generator: this runs in every call with parameters
        if not _is_sent_unchanged(abilities.get(name)):
            return _fitted(call, provider, abilities, meaningful)
    return call


def _fitted(
    call: Fitted, provider: str, abilities: Mapping[str, Support | Rule], meaningful: Container[str]
) -> Fitted:
    given = cast("Mapping[str, Any]", call.parameters)
    fitted, dropped = dict[str, Any](), list[str]()
    for name, value in given.items():
        ability = abilities.get(name, Support.UNSUPPORTED)
        reason = _refusal(value, ability, provider)
        if reason is not None:
            if (name, value) != ("n", 1):  # every provider returns one choice
                if name in meaningful:
                    raise _unsupported(name, reason)
                call.report.drop(name, reason, given=value)
                dropped.append(name)
        elif isinstance(ability, Rule) and ability.to is not None and ability.to not in given:
            fitted[ability.to] = value
            reason = f"sent as {ability.to}: {ability.reason}"
            call.report.add("renamed", name, reason, given=value, sent=value)
        else:
            fitted[name] = value
    if dropped:
        _log_dropped(provider, dropped)
    return replace(call, parameters=cast("Any", fitted))


def _is_sent_unchanged(ability: Support | Rule | None) -> bool:
    return isinstance(ability, Support) and ability is not Support.UNSUPPORTED


def _refusal(value: Any, ability: Support | Rule, provider: str) -> str | None:
    """Why a value cannot be sent; None if it can."""
    if isinstance(ability, Rule):
        is_allowed = ability.allowed is None or any(value == other for other in ability.allowed)
        return None if is_allowed else ability.reason
    if ability is Support.UNSUPPORTED:
        return f"{provider} has no such parameter"
    return None


def _unsupported(name: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} is not supported: {reason}, and without it the result would mean something else",
        parameter=name,
    )


def _log_dropped(provider: str, names: list[str]) -> None:
    """Log what a provider does not support."""
    import logging  # noqa: PLC0415 - rare

    message = "provider %r does not support %s; dropped"
    logging.getLogger("llmgate").warning(message, provider, ", ".join(map(repr, names)))
