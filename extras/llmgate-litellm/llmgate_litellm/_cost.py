"""Prices: those that code registered, and those of the package genai-prices where it is installed.

A model of unknown price costs nothing that could be said: it is an error, and never zero.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from llmgate.cost import Rates, cost_by, rates_of
from llmgate.types import PromptTokensDetails, Usage
from llmgate_litellm._names import llmgate_name, split
from llmgate_litellm._tokens import token_counter

__all__ = [
    "completion_cost",
    "cost_or_none",
    "cost_per_token",
    "entry_of",
    "public_rates",
    "register_model",
]

_PER_TOKEN = ("input_cost_per_token", "output_cost_per_token")


def _registered() -> dict[str, dict[str, Any]]:
    return sys.modules["llmgate_litellm"].model_cost  # type: ignore[no-any-return] # a setting


def _entry(name: str) -> dict[str, Any] | None:
    """What was registered under a name: not by the table's own ``get``, which asks here."""
    return dict[str, dict[str, Any]].get(_registered(), name)


def register_model(model_cost: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Set prices and limits of models: ``{"provider/name": {"input_cost_per_token": …}}``."""
    for name, entry in model_cost.items():
        _registered()[name] = {**(_entry(name) or {}), **entry}
    return _registered()


def entry_of(model: str, provider: str | None = None) -> dict[str, Any] | None:
    """What was registered of a model, under its name with or without the provider's."""
    names = [model, model.partition("/")[2]]
    if provider:
        names.insert(0, f"{provider}/{model}")
    return next((entry for entry in map(_entry, names) if entry is not None), None)


def cost_per_token(
    model: str = "",
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    custom_llm_provider: str | None = None,
    cache_read_input_tokens: int | None = 0,
    cache_creation_input_tokens: int | None = 0,
    **_: Any,
) -> tuple[float, float]:
    """What a prompt and a completion of so many tokens cost, in US dollars.

    Raises:
        Exception: when the price is not known; it names the model.
    """
    entry = entry_of(model, custom_llm_provider)
    if entry is not None and all(name in entry for name in _PER_TOKEN):
        cached, written = cache_read_input_tokens or 0, cache_creation_input_tokens or 0
        each = float(entry["input_cost_per_token"])
        prompt = (
            (prompt_tokens - cached - written) * each
            + cached * float(entry.get("cache_read_input_token_cost", each))
            + written * float(entry.get("cache_creation_input_token_cost", each))
        )
        return prompt, completion_tokens * float(entry["output_cost_per_token"])
    rates = public_rates(model, custom_llm_provider, prompt_tokens)
    if rates is None:
        raise _unknown(model)
    details = PromptTokensDetails(
        cached_tokens=cache_read_input_tokens, cache_write_tokens=cache_creation_input_tokens
    )
    usage = Usage(prompt_tokens, completion_tokens, prompt_tokens + completion_tokens, details)
    cost = cost_by(rates, usage)
    if cost is None:
        raise _unknown(model)
    output = cost.parts.get("output", Decimal(0))
    return float(cost - output), float(output)


def _unknown(model: str) -> Exception:
    return Exception(
        f"This model isn't mapped yet. model={model}: register_model() sets a price, and the "
        "package genai-prices knows many"
    )


def public_rates(model: str, provider: str | None, prompt_tokens: int = 0) -> Rates | None:
    """The rates of the package genai-prices; None where they are not known."""
    try:
        name, own = split(model, provider)
    except Exception:  # noqa: BLE001 - of a name without a provider nothing is known
        return None
    return rates_of(llmgate_name(name), (own,), tokens=prompt_tokens)


def completion_cost(
    completion_response: Any = None,
    model: str | None = None,
    prompt: str = "",
    messages: Any = None,
    completion: str = "",
    custom_llm_provider: str | None = None,
    **_: Any,
) -> float:
    """What a response cost, in US dollars; or what these texts would, by an estimate of tokens.

    Raises:
        Exception: when the price is not known; it names the model.
    """
    if completion_response is None:
        sent = token_counter(messages=messages) if messages else token_counter(text=prompt)
        return sum(
            cost_per_token(model or "", sent, token_counter(text=completion), custom_llm_provider)
        )
    response = completion_response
    usage = response.get("usage") if hasattr(response, "get") else getattr(response, "usage", None)
    if usage is None:
        raise _unknown(model or "")
    hidden: dict[str, Any] = getattr(response, "_hidden_params", None) or {}
    name = model or (response.get("model") if hasattr(response, "get") else response.model) or ""
    provider = custom_llm_provider or hidden.get("custom_llm_provider")
    counted = {
        "prompt_tokens": _count(usage, "prompt_tokens"),
        "completion_tokens": _count(usage, "completion_tokens"),
        "cache_read_input_tokens": _count(usage, "cache_read_input_tokens"),
        "cache_creation_input_tokens": _count(usage, "cache_creation_input_tokens"),
    }
    names = [each for each in dict.fromkeys((name, hidden.get("model"))) if each]
    names.sort(key=lambda each: entry_of(each, provider) is None)  # what was registered comes first
    for each in names:
        with suppress(Exception):
            return sum(cost_per_token(each, custom_llm_provider=provider, **counted))
    raise _unknown(name)


def _count(usage: Any, name: str) -> int:
    value = usage.get(name, 0) if hasattr(usage, "get") else getattr(usage, name, 0)
    return int(value or 0)


def cost_or_none(response: Any, *, model: str, provider: str) -> float | None:
    """The same, None where the price is not known."""
    response.hide(model=model)
    try:
        return completion_cost(response, custom_llm_provider=provider)
    except Exception:  # noqa: BLE001 - a price that is not known is no error of the call
        return None
