"""What is known of a model: its provider, what it can do, its limits and prices.

What nobody knows of is False here, as it is in litellm; ``None`` where a value is asked for.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from typing import Any

import llmgate
from llmgate_litellm import _settings
from llmgate_litellm._arguments import CHAT_PARAMETERS
from llmgate_litellm._cost import entry_of, public_rates
from llmgate_litellm._names import llmgate_model, split

__all__ = [
    "ModelCost",
    "get_llm_provider",
    "get_max_tokens",
    "get_model_info",
    "get_supported_openai_params",
    "supports_audio_input",
    "supports_audio_output",
    "supports_function_calling",
    "supports_parallel_function_calling",
    "supports_pdf_input",
    "supports_prompt_caching",
    "supports_reasoning",
    "supports_response_schema",
    "supports_system_messages",
    "supports_tool_choice",
    "supports_vision",
    "supports_web_search",
    "validate_environment",
]


def get_llm_provider(
    model: str,
    custom_llm_provider: str | None = None,
    api_base: str | None = None,
    api_key: str | None = None,
    **_: Any,
) -> tuple[str, str, str | None, str | None]:
    """The provider's own name of a model, the provider, the key and the address that were given.

    Raises:
        BadRequestError: when no provider can be found in the name.
    """
    provider, own = split(model, custom_llm_provider)
    return own, provider, api_key, api_base


def _declared(provider: str, model: str) -> Any:
    """What the plugin says of each parameter for a model; None where there is no plugin."""
    try:
        name = llmgate_model(provider, model, {}).partition("/")[0]
    except Exception:  # noqa: BLE001 - it is not installed
        return None
    factory = next(iter(entry_points(group="llmgate.providers", name=name))).load()
    return getattr(factory, "parameters", None) or dict.fromkeys(CHAT_PARAMETERS, True)


def get_supported_openai_params(
    model: str, custom_llm_provider: str | None = None, **_: Any
) -> list[str] | None:
    """The parameters that the provider takes; None where the provider is not known."""
    try:
        provider, own = split(model, custom_llm_provider)
    except Exception:  # noqa: BLE001 - litellm says None
        return None
    declared = _declared(provider, own)
    if declared is None:
        return None
    return sorted({*declared, "stream", "extra_headers"})


def _supports(feature: str, model: str, provider: str | None) -> bool:
    """What was registered of the model, what is known of it, or what its provider declares."""
    entry = entry_of(model, provider)
    if entry is not None and f"supports_{feature}" in entry:
        return bool(entry[f"supports_{feature}"])
    try:
        name, own = split(model, provider)
        target = llmgate_model(name, own, {})
    except Exception:  # noqa: BLE001 - of an unknown provider nothing is known
        return False
    known = _ability(target, _ABILITIES[feature]) if feature in _ABILITIES else None
    if known is not None:
        return known
    parameter = _PARAMETERS.get(feature)
    is_claimed = any(fnmatchcase(own, claim.name) for claim in entry_points(group="llmgate.models"))
    return is_claimed and parameter is not None and parameter in (_declared(name, own) or ())


def _ability(target: str, name: str) -> bool | None:
    """What llmgate knows of a model; None where it knows nothing."""
    known: bool | None = getattr(llmgate.model_info(target), name)
    return known


_ABILITIES = {
    "audio_input": "audio",
    "function_calling": "tools",
    "reasoning": "reasoning",
    "response_schema": "schema",
    "vision": "vision",
}
_PARAMETERS = {
    "function_calling": "tools",
    "parallel_function_calling": "parallel_tool_calls",
    "response_schema": "response_format",
    "tool_choice": "tool_choice",
}


def supports_function_calling(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model calls functions; False where that is not known."""
    return _supports("function_calling", model, custom_llm_provider)


def supports_response_schema(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model holds itself to a schema; False where that is not known."""
    return _supports("response_schema", model, custom_llm_provider)


def supports_vision(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model sees images; False where that is not known."""
    return _supports("vision", model, custom_llm_provider)


def supports_audio_input(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model hears; False where that is not known."""
    return _supports("audio_input", model, custom_llm_provider)


def supports_audio_output(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model speaks; False where nobody registered it."""
    return _supports("audio_output", model, custom_llm_provider)


def supports_parallel_function_calling(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model may call several functions at once; False where that is not known."""
    return _supports_with_tools("parallel_function_calling", model, custom_llm_provider)


def supports_pdf_input(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model reads PDFs; False where nobody registered it."""
    return _supports("pdf_input", model, custom_llm_provider)


def supports_prompt_caching(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model has a price for tokens of a cache; False where that is not known."""
    return _supports("prompt_caching", model, custom_llm_provider) or (
        "cache_read_input_token_cost" in _token_prices(model, custom_llm_provider)
    )


def supports_system_messages(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model takes instructions, as those of every installed provider do."""
    entry = entry_of(model, custom_llm_provider) or {}
    try:
        known = bool(llmgate_model(*split(model, custom_llm_provider), {}))
    except Exception:  # noqa: BLE001 - of an unknown provider nothing is known
        known = False
    return bool(entry.get("supports_system_messages", known))


def supports_tool_choice(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether it can be said which function a model calls; False where that is not known."""
    return _supports_with_tools("tool_choice", model, custom_llm_provider)


def supports_web_search(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model searches the web; False where nobody registered it."""
    return _supports("web_search", model, custom_llm_provider)


def _supports_with_tools(feature: str, model: str, provider: str | None) -> bool:
    """Of a model that calls functions, whether its provider takes a parameter about them."""
    entry = entry_of(model, provider) or {}
    if f"supports_{feature}" in entry:
        return bool(entry[f"supports_{feature}"])
    if not _supports("function_calling", model, provider):
        return False
    return _PARAMETERS[feature] in (_declared(*split(model, provider)) or ())


def supports_reasoning(model: str, custom_llm_provider: str | None = None) -> bool:
    """Whether a model thinks before it answers; False where that is not known."""
    return _supports("reasoning", model, custom_llm_provider)


def get_model_info(model: str, custom_llm_provider: str | None = None, **_: Any) -> dict[str, Any]:
    """Limits, prices and abilities; None stands for what is not known.

    Raises:
        Exception: when nothing is known of the model; it names it.
    """
    entry = entry_of(model, custom_llm_provider) or {}
    limits = _limits(model, custom_llm_provider)
    prices = _token_prices(model, custom_llm_provider)
    if not (entry or any(limits.values()) or prices):
        raise Exception(
            f"This model isn't mapped yet. model={model}, "
            f"custom_llm_provider={custom_llm_provider}: register_model() tells of it"
        )
    provider, own = split(model, custom_llm_provider)
    about = {
        "key": own,
        "litellm_provider": provider,
        "mode": "chat",
        **limits,
        **prices,
        **{f"supports_{name}": _supports(name, model, custom_llm_provider) for name in _ABILITIES},
        **entry,
    }
    about.setdefault("max_tokens", about.get("max_output_tokens"))
    if about["max_tokens"] is None:
        about["max_tokens"] = about.get("max_output_tokens") or about.get("max_input_tokens")
    return about


class ModelCost(dict[str, dict[str, Any]]):
    """What was registered of models; ``[]``, ``get`` and ``in`` also find what else is known.

    A loop over it meets what was registered alone: there is no list of all models.
    """

    def __missing__(self, name: str) -> dict[str, Any]:
        """What :func:`get_model_info` says."""
        try:
            return get_model_info(name)
        except Exception as error:
            raise KeyError(name) from error

    def get(self, name: str, default: Any = None, /) -> Any:
        """The entry of a model, or the default."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None


def _limits(model: str, provider: str | None) -> dict[str, Any]:
    try:
        info = llmgate.model_info(llmgate_model(*split(model, provider), {}))
    except Exception:  # noqa: BLE001 - nothing is known of it
        info = None
    return {
        "max_tokens": None,
        "max_input_tokens": getattr(info, "context_window", None),
        "max_output_tokens": getattr(info, "max_output", None),
    }


def _token_prices(model: str, provider: str | None) -> dict[str, float]:
    """Prices for a token, where the package that knows them is installed."""
    rates = public_rates(model, provider)
    known = {} if rates is None else rates.known()
    return {name: float(known[own] / 1_000_000) for own, name in _PRICES.items() if own in known}


_PRICES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}


def get_max_tokens(model: str) -> int | None:
    """How many tokens a model writes at most.

    Raises:
        Exception: when that is not known; it names the model.
    """
    limit: int | None = get_model_info(model)["max_tokens"]
    if limit is None:
        raise Exception(f"This model isn't mapped yet. model={model}")
    return limit


def validate_environment(
    model: str | None = None, api_key: str | None = None, **_: Any
) -> dict[str, Any]:
    """Whether the environment holds a key for a model's provider, and which name is missing."""
    missing: list[str] = []
    try:
        provider, own = split(model or "")
        name = llmgate_model(provider, own, {}).partition("/")[0]
    except Exception:  # noqa: BLE001 - of an unknown provider nothing is known
        return {"keys_in_environment": False, "missing_keys": missing}
    value = next(iter(entry_points(group="llmgate.providers", name=name))).value
    keys = [key.name for key in entry_points(group="llmgate.keys") if key.value == value]
    found = bool(api_key or _settings.value("api_key")) or any(os.environ.get(key) for key in keys)
    if not found:
        missing = keys[:1]
    return {"keys_in_environment": found or not keys, "missing_keys": missing}
