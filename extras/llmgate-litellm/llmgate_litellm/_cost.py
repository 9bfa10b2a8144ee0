"""Prices: those that code registered, and those of the package genai-prices where it is installed.

A model of unknown price costs nothing that could be said: it is an error, and never zero.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from llmgate_litellm._names import split
from llmgate_litellm._tokens import token_counter

__all__ = ["completion_cost", "cost_or_none", "cost_per_token", "load_prices", "register_model"]

_PER_TOKEN = ("input_cost_per_token", "output_cost_per_token")


def _registered() -> dict[str, dict[str, Any]]:
    return sys.modules["llmgate_litellm"].model_cost  # type: ignore[no-any-return] # a setting


def register_model(model_cost: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Set prices and limits of models: ``{"provider/name": {"input_cost_per_token": …}}``."""
    for name, entry in model_cost.items():
        _registered()[name] = {**_registered().get(name, {}), **entry}
    return _registered()


def entry_of(model: str, provider: str | None = None) -> dict[str, Any] | None:
    """What was registered of a model, under its name with or without the provider's."""
    names = [model, model.partition("/")[2]]
    if provider:
        names.insert(0, f"{provider}/{model}")
    return next((_registered()[name] for name in names if name in _registered()), None)


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
    found = _priced(
        model,
        custom_llm_provider,
        prompt_tokens,
        completion_tokens,
        cache_read_input_tokens or 0,
        cache_creation_input_tokens or 0,
    )
    if found is None:
        raise _unknown(model)
    return found


def _unknown(model: str) -> Exception:
    return Exception(
        f"This model isn't mapped yet. model={model}: register_model() sets a price, and the "
        "package genai-prices knows many"
    )


@cache
def load_prices() -> Any:
    """The module genai_prices, which takes about 200 ms to import; None where it is missing."""
    try:
        return import_module("genai_prices")
    except ImportError:
        return None


def _priced(
    model: str,
    provider: str | None,
    prompt: int,
    completion: int,
    cached: int,
    written: int,
) -> tuple[float, float] | None:
    prices = load_prices()
    if prices is None:
        return None
    try:
        name, own = split(model, provider)
    except Exception:  # noqa: BLE001 - a name without a provider may still have a price
        name, own = "", model
    usage = prices.Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_tokens=cached or None,
        cache_write_tokens=written or None,
    )
    for provider_id in (_PROVIDER_IDS.get(name, name) or None, None):
        try:
            found = prices.calc_price(usage, own, provider_id=provider_id)
        except LookupError:
            continue
        return float(found.input_price), float(found.output_price)
    return None


_PROVIDER_IDS = {
    "bedrock": "aws",
    "gemini": "google",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "vertex_ai": "google",
    "xai": "x-ai",
}


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
    asked = hidden.get("model")
    try:
        return sum(cost_per_token(name, custom_llm_provider=provider, **counted))
    except Exception:
        if not asked or asked == name:
            raise
        return sum(cost_per_token(asked, custom_llm_provider=provider, **counted))


def _count(usage: Any, name: str) -> int:
    value = usage.get(name, 0) if hasattr(usage, "get") else getattr(usage, name, 0)
    return int(value or 0)


def cost_or_none(response: Any, *, model: str, provider: str) -> float | None:
    """The same, None where the price is not known."""
    try:
        return completion_cost(response, custom_llm_provider=provider)
    except Exception:  # noqa: BLE001 - a price that is not known is no error of the call
        try:
            return completion_cost(response, model=model, custom_llm_provider=provider)
        except Exception:  # noqa: BLE001 - likewise
            return None
