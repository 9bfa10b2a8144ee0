"""The settings that code assigns to the module, and their defaults."""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import Any

__all__ = ["DEFAULTS", "assign", "initial", "value", "warn_of"]

DEFAULTS: dict[str, Any] = {
    "_current_cost": 0.0,
    "api_base": None,
    "api_key": None,
    "api_version": None,
    "cache": None,
    "anthropic_key": None,
    "azure_key": None,
    "cohere_key": None,
    "disable_aiohttp_transport": False,
    "groq_key": None,
    "drop_params": False,
    "enable_json_schema_validation": False,
    "max_budget": None,
    "model_alias_map": {},
    "model_fallbacks": None,
    "modify_params": False,
    "num_retries": None,
    "openai_key": None,
    "openrouter_key": None,
    "organization": None,
    "replicate_key": None,
    "request_timeout": 6000.0,
    "set_verbose": False,
    "ssl_verify": None,
    "suppress_debug_info": False,
    "telemetry": False,
    "use_litellm_proxy": False,
}
_LISTS = ("callbacks", "failure_callback", "input_callback", "success_callback")


def value(name: str) -> Any:
    """What the module says now."""
    return getattr(sys.modules["llmgate_litellm"], name, DEFAULTS.get(name))


def assign(name: str, given: Any) -> None:
    """Have the module say something else."""
    setattr(sys.modules["llmgate_litellm"], name, given)


@cache
def warn_of(name: str, instead: str) -> None:
    """Say once that a setting changes nothing, and what does."""
    logging.getLogger("llmgate.litellm").warning("%s has no effect here: %s", name, instead)


def initial() -> dict[str, Any]:
    """All settings as they are at first; each list and dictionary is a new one."""
    copied = {
        name: dict[str, Any]() if isinstance(default, dict) else default
        for name, default in DEFAULTS.items()
    }
    return {**copied, **{name: list[Any]() for name in _LISTS}}
