"""What each generation of Gemini models takes, as a table and as rules; it changes no request.

A model that is not known is treated as one of the latest generation, and ``extra_body`` overrides
whatever follows from here.
Source: https://ai.google.dev/gemini-api/docs/{models,thinking,structured-output,function-calling};
what the API answered in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from llmgate.provider import Rule, Support

__all__ = ["PARAMETERS", "Traits", "abilities_of", "traits_of"]

PARAMETERS: Mapping[str, Support] = {
    **dict.fromkeys(
        ("frequency_penalty", "presence_penalty", "seed", "temperature", "top_p"), Support.NATIVE
    ),
    **dict.fromkeys(
        (
            *("audio", "function_call", "functions", "logprobs", "max_completion_tokens"),
            *("max_tokens", "modalities", "n", "reasoning_effort", "response_format"),
            *("service_tier", "stop", "tool_choice", "tools", "top_logprobs"),
            "web_search_options",
        ),
        Support.TRANSLATED,
    ),
}
"""What a model takes of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes.

    ``levels`` are its thinking levels, from the lowest; ``budgets`` are the least and the most
    tokens that it thinks with, where it is told in tokens. A model with neither does not think on
    request. ``json_schema`` is whether it takes JSON Schema, and not only Gemini's own subset;
    ``validated`` whether calls can be held to their schemas without being forced. ``is_third`` is
    whether it is of the third generation or later: it checks thought signatures, takes media in
    results of tools, and a resolution for each part.
    """

    levels: tuple[str, ...] = ()
    budgets: tuple[int, int] | None = None
    json_schema: bool = True
    validated: bool = True
    is_third: bool = False


_THREE = ("LOW", "MEDIUM", "HIGH")
_ALL = ("MINIMAL", *_THREE)
_PRO_BUDGETS, _FLASH_BUDGETS = (128, 32_768), (0, 24_576)
_FIRST = Traits(json_schema=False, validated=False)
_WITHOUT_THOUGHT = Traits()
_LATEST = Traits(levels=_THREE, is_third=True)
_WITH_MINIMAL = ("gemini-3-flash", "gemini-3.1-flash", "gemini-3.5-flash", "gemini-3.6-flash")
_VERSION = re.compile(r"gemini-(\d+)(?:\.\d+)?")


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """What a model takes, by its name."""
    name = model.rpartition("/")[2]
    found = _VERSION.match(name)
    if name.startswith(("gemma", "learnlm")) or (found is not None and int(found[1]) < 2):
        return _FIRST
    if found is None or int(found[1]) > 2:
        return _third(name)
    if not name.startswith("gemini-2.5"):
        return _FIRST
    if "-image" in name or "-tts" in name:
        return _WITHOUT_THOUGHT
    return Traits(budgets=_PRO_BUDGETS if "-pro" in name else _FLASH_BUDGETS)


def _third(name: str) -> Traits:
    if name.startswith("gemini-3-pro"):
        return Traits(levels=("LOW", "HIGH"), is_third=True)
    return Traits(levels=_ALL, is_third=True) if name.startswith(_WITH_MINIMAL) else _LATEST


_WITHOUT_SAMPLING = (
    *("gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash"),
)
_IGNORED = ("temperature", "top_p")


@lru_cache(maxsize=256)
def abilities_of(model: str) -> Mapping[str, Support | Rule]:
    """How a model takes each parameter."""
    name, rules = model.rpartition("/")[2], dict[str, Rule]()
    traits = traits_of(model)
    if name.startswith("gemini-2.5-"):
        refused = Rule(f"{name} has no penalties", allowed=(0,))
        rules |= dict.fromkeys(("presence_penalty", "frequency_penalty"), refused)
    if name.startswith(_WITHOUT_SAMPLING):
        rules |= dict.fromkeys(_IGNORED, Rule(f"{name} ignores it", allowed=()))
    if not traits.levels and traits.budgets is None:
        reason = f"{name} does not think on request"
        rules["reasoning_effort"] = Rule(reason, allowed=("none",))
    return {**PARAMETERS, **rules}
