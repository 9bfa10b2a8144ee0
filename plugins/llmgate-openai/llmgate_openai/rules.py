"""What OpenAI's own host refuses of each of its models, as rules; it changes no request.

A model that is not listed is sent what was asked.
Sources: https://platform.openai.com/docs/guides/reasoning; what the API answered in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache

from llmgate.options import ChatParameters
from llmgate.provider import Rule, Support

__all__ = [
    "EVERYTHING",
    "abilities_of",
    "is_unreasoning_with_tools",
    "may_reason",
    "refuses_tools",
]


EVERYTHING: Mapping[str, Support] = dict.fromkeys(ChatParameters.__annotations__, Support.NATIVE)
"""What a model takes of which nothing is known."""


class _Reasoning(Enum):
    """When a model reasons."""

    NEVER = "never"
    ON_REQUEST = "when reasoning_effort is given"
    BY_DEFAULT = "unless reasoning_effort is none"


_REASONING: Mapping[str, _Reasoning] = {
    "o1": _Reasoning.BY_DEFAULT,
    "o3": _Reasoning.BY_DEFAULT,
    "o4": _Reasoning.BY_DEFAULT,
    "gpt-5": _Reasoning.BY_DEFAULT,
    "gpt-5-chat": _Reasoning.NEVER,
    "gpt-5.1": _Reasoning.ON_REQUEST,
    "gpt-5.1-chat": _Reasoning.BY_DEFAULT,
    "gpt-5.1-codex": _Reasoning.BY_DEFAULT,
    "gpt-5.2": _Reasoning.ON_REQUEST,
    "gpt-5.2-chat": _Reasoning.BY_DEFAULT,
    "gpt-5.2-pro": _Reasoning.BY_DEFAULT,
    "gpt-5.3": _Reasoning.ON_REQUEST,
    "gpt-5.3-chat": _Reasoning.BY_DEFAULT,
    "gpt-5.4": _Reasoning.ON_REQUEST,
    "gpt-5.4-pro": _Reasoning.BY_DEFAULT,
    "gpt-5.5": _Reasoning.BY_DEFAULT,
    "gpt-6": _Reasoning.BY_DEFAULT,
}
"""By the beginnings of names, of which the longest counts."""

_WHILE_REASONING: Mapping[str, tuple[float, ...]] = {
    "temperature": (1,),
    "top_p": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": (),
    "logprobs": (),
    "top_logprobs": (),
}
"""The parameters that a model refuses while it reasons, each with the values that it accepts."""

_WITHOUT_STOP = (
    *("o3", "o3-2025*", "o4-mini*", "gpt-5", "gpt-5-2025*", "gpt-5-mini*", "gpt-5-nano*"),
)
_WITHOUT_PARALLEL_CALLS = ("o1*", "o3*", "o4-mini*")
_EFFORTS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("gpt-5.1", "gpt-5.1-2025*"): ("none", "low", "medium", "high"),
    ("gpt-5.6*",): ("none", "low", "medium", "high", "xhigh"),
}
_NO_EFFORT_WITH_TOOLS = ("gpt-5.2*", "gpt-5.4*")
_NO_REASONING_WITH_TOOLS = (
    *("gpt-5.5*", "gpt-5.6*", "gpt-6-sol*", "gpt-6-luna*", "gpt-6.1-terra*"),
)
"""The models that refuse tools while they reason: those that reason when asked to, and those that
have to be told not to."""
_SEARCHING = ("*-search-preview*", "gpt-5-search-api*")
_NOT_WHILE_SEARCHING = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("n", "parallel_tool_calls", "seed", "logprobs"),
)
_OPENAIS = ("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*")


@lru_cache(maxsize=256)
def abilities_of(
    model: str, effort: str | None, has_tools: bool = False
) -> Mapping[str, Support | Rule]:
    """How a model takes each parameter when it is asked with that ``reasoning_effort``, and with
    tools or without."""
    return {**EVERYTHING, **_rules_of(model, effort, has_tools)}


@lru_cache(maxsize=256)
def is_unreasoning_with_tools(model: str) -> bool:
    """Whether a model takes tools only with a ``reasoning_effort`` of ``none``."""
    return _is_one(model.removeprefix("ft:"), _NO_REASONING_WITH_TOOLS)


@lru_cache(maxsize=256)
def refuses_tools(name: str, effort: str | None) -> bool:
    """Whether chat completions refuse functions of a call with that ``reasoning_effort``."""
    if effort is None:
        return _is_one(name, _NO_REASONING_WITH_TOOLS)
    return effort != "none" and _is_one(name, (*_NO_EFFORT_WITH_TOOLS, *_NO_REASONING_WITH_TOOLS))


def may_reason(model: str) -> bool:
    """Whether a model is known to reason, by itself or when it is asked to."""
    name = model.removeprefix("ft:")
    return name.startswith("codex-mini") or _reasoning_of(name) is not _Reasoning.NEVER


def _rules_of(model: str, effort: str | None, has_tools: bool) -> Mapping[str, Rule]:
    name = model.removeprefix("ft:")
    rules = _rules_of_kind(model, name)
    if has_tools and _is_one(name, (*_NO_EFFORT_WITH_TOOLS, *_NO_REASONING_WITH_TOOLS)):
        reason = f"{model} takes tools only while it does not reason"
        rules["reasoning_effort"] = Rule(reason=reason, allowed=("none",))
        return rules | _limit_of(name)
    efforts = next((given for globs, given in _EFFORTS.items() if _is_one(name, globs)), None)
    if efforts is not None:
        reason = f"{model} accepts {', '.join(efforts)}"
        rules["reasoning_effort"] = Rule(reason=reason, allowed=efforts)
    if effort not in (efforts or (effort,)):
        effort = None  # it is dropped
    reasoning = _reasoning_of(name)
    is_asked = effort != "none" and (effort or reasoning is _Reasoning.BY_DEFAULT)
    if is_asked and reasoning is not _Reasoning.NEVER:
        reason = f"{model} refuses it while it reasons"
        for parameter, allowed in _WHILE_REASONING.items():
            rules.setdefault(parameter, Rule(reason=reason, allowed=allowed))
    return rules | _limit_of(name)


def _limit_of(name: str) -> dict[str, Rule]:
    """How a model that can reason takes the limit of its tokens."""
    if _reasoning_of(name) is _Reasoning.NEVER:
        return {}
    reason = "the limit of this model also counts its reasoning"
    return {"max_tokens": Rule(reason=reason, to="max_completion_tokens")}


def _rules_of_kind(model: str, name: str) -> dict[str, Rule]:
    """The rules that hold whether or not the model reasons."""
    rules = dict[str, Rule]()
    refused = Rule(reason=f"{model} refuses it", allowed=())
    if _is_one(name, _SEARCHING):
        rules |= dict.fromkeys(_NOT_WHILE_SEARCHING, refused)
    elif _is_one(name, _OPENAIS) and "-search-" not in name:
        reason = "only models with -search- in their names take it"
        rules["web_search_options"] = Rule(reason=reason, allowed=())
    if _is_one(name, _WITHOUT_STOP):
        rules["stop"] = refused
    if _is_one(name, _WITHOUT_PARALLEL_CALLS):
        rules["parallel_tool_calls"] = refused
    return rules


def _is_one(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _reasoning_of(name: str) -> _Reasoning:
    known = [start for start in _REASONING if name.startswith(start)]
    return _REASONING[max(known, key=len)] if known else _Reasoning.NEVER
