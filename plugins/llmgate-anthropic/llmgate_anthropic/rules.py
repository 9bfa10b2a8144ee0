"""What each generation of models takes, as a table, and the rules that follow from it.

It changes no request. A name that is not in the table is treated as a model of the latest
generation, and ``extra_body`` overrides whatever follows from here.
Source: https://platform.claude.com/docs/en/about-claude/models/overview, and for the columns
/build-with-claude/{thinking,effort,structured-outputs,mid-conversation-system-messages} and
/agents-and-tools/tool-use/define-tools#forcing-tool-use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from llmgate.options import ChatParameters
from llmgate.provider import Rule, Support

__all__ = ["NEWEST", "PARAMETERS", "WITH_SAMPLING", "Traits", "abilities_of", "traits_of"]

WITH_SAMPLING = "2023-06-01"
"""The version that still takes ``temperature`` and ``top_p``, and that all hosts know."""
NEWEST = "2026-10-21"

PARAMETERS: Mapping[str, Support] = {
    **dict.fromkeys(("temperature", "top_p"), Support.NATIVE),
    **dict.fromkeys(
        (
            *("function_call", "functions", "max_completion_tokens", "max_tokens", "modalities"),
            *("parallel_tool_calls", "reasoning_effort", "response_format", "safety_identifier"),
            *("service_tier", "stop", "tool_choice", "tools", "user", "web_search_options"),
        ),
        Support.TRANSLATED,
    ),
}
"""How each parameter is taken where the model has no rule of its own."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes.

    ``thinking`` are the types of ``thinking`` that it accepts, and ``thinks`` whether it thinks
    when none is given. ``efforts`` are those of ``output_config.effort``. ``samples`` is whether it
    takes ``temperature`` and ``top_p``, ``samples_both`` whether both at once. ``forced`` is
    whether it can be made to call a tool, ``structured`` whether its response can be held to a
    schema, ``inner_system`` whether a system message may stand among the others, and ``prefilled``
    whether it continues a response that the caller began. ``signs`` is whether it signs its
    thoughts, and refuses those without a signature.
    """

    max_tokens: int
    thinking: tuple[str, ...] = ()
    thinks: bool = False
    efforts: tuple[str, ...] = ()
    samples: bool = False
    samples_both: bool = False
    forced: bool = True
    structured: bool = True
    inner_system: bool = False
    prefilled: bool = False
    signs: bool = True

    @property
    def off(self) -> str | None:
        """The type of ``thinking`` that comes nearest to none; None where it always thinks."""
        return next((kind for kind in ("disabled", "between_tools") if kind in self.thinking), None)


_UP_TO_HIGH = ("low", "medium", "high")
_WITHOUT_XHIGH = (*_UP_TO_HIGH, "max")
_ALL = (*_UP_TO_HIGH, "xhigh", "max")
_BUDGET = ("enabled", "disabled")
_ADAPTIVE = ("adaptive", "disabled")

_CLAUDE_3 = Traits(4_096, samples=True, samples_both=True, structured=False, prefilled=True)
_CLAUDE_3_5 = replace(_CLAUDE_3, max_tokens=8_192)
_SONNET_3_7 = replace(_CLAUDE_3, max_tokens=64_000, thinking=_BUDGET)
_OPUS_4 = replace(_SONNET_3_7, max_tokens=32_000)
_OPUS_4_1 = replace(_OPUS_4, samples_both=False, structured=True)
_CLAUDE_4_5 = replace(_OPUS_4_1, max_tokens=64_000)
_CLAUDE_4_6 = Traits(128_000, ("adaptive", *_BUDGET), efforts=_WITHOUT_XHIGH, samples=True)
_OPUS_4_7 = Traits(128_000, _ADAPTIVE, efforts=_ALL)
_SONNET_5 = replace(_OPUS_4_7, thinks=True)
_OPUS_5 = replace(_SONNET_5, inner_system=True)
_ALWAYS_THINKS = replace(_OPUS_5, thinking=("adaptive",))
_NEVER_FORCED = replace(_ALWAYS_THINKS, forced=False)

_MODELS: Mapping[str, Traits] = {
    "opus-3": _CLAUDE_3,
    "sonnet-3": _CLAUDE_3,
    "haiku-3": _CLAUDE_3,
    "sonnet-3.5": _CLAUDE_3_5,
    "haiku-3.5": _CLAUDE_3_5,
    "sonnet-3.7": _SONNET_3_7,
    "opus-4": _OPUS_4,
    "sonnet-4": _SONNET_3_7,
    "opus-4.1": _OPUS_4_1,
    "opus-4.5": replace(_CLAUDE_4_5, efforts=_UP_TO_HIGH),
    "sonnet-4.5": _CLAUDE_4_5,
    "haiku-4.5": _CLAUDE_4_5,
    "opus-4.6": _CLAUDE_4_6,
    "sonnet-4.6": _CLAUDE_4_6,
    "opus-4.7": _OPUS_4_7,
    "opus-4.8": replace(_OPUS_4_7, inner_system=True),
    "sonnet-5": _SONNET_5,
    "opus-5": _OPUS_5,
    "haiku-5.5": _OPUS_5,
    "sonnet-5.5": replace(_OPUS_5, thinking=("adaptive", "between_tools"), forced=False),
    "opus-5.5": _NEVER_FORCED,
    "fable-5": _ALWAYS_THINKS,
    "mythos-5": _ALWAYS_THINKS,
    "fable-5.1": _NEVER_FORCED,
    "fable-5.2": _NEVER_FORCED,
    "mythos-5.1": _NEVER_FORCED,
    "mythos-5.2": _NEVER_FORCED,
}

_UNKNOWN_CLAUDE = _ALWAYS_THINKS
"""A model that came out after this table: what all of the latest have in common."""

_FOREIGN = Traits(
    8_192, thinking=_BUDGET, samples=True, samples_both=True, prefilled=True, signs=False
)
"""A model of somebody else behind an endpoint of this format: it is sent what the caller gave."""

_LINE_FIRST = re.compile(r"claude-([a-z]+)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_VERSION_FIRST = re.compile(r"claude-(\d{1,2})(?:[-.](\d{1,2}))?-([a-z]+)")


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """What a model takes, by its name; dates and the prefixes of other clouds do not matter."""
    if found := _LINE_FIRST.search(model):
        line, major, minor = found.groups()
    elif found := _VERSION_FIRST.search(model):
        major, minor, line = found.groups()
    else:
        return _UNKNOWN_CLAUDE if "claude" in model else _FOREIGN
    version = major if minor in (None, "0") else f"{major}.{minor}"
    return _MODELS.get(f"{line}-{version}", _UNKNOWN_CLAUDE)


def abilities_of(
    model: str, parameters: ChatParameters, version: str | None = None
) -> Mapping[str, Support | Rule]:
    """How a model takes the parameters of a call, by that version of the API; None is any."""
    if "temperature" not in parameters and "top_p" not in parameters:
        return PARAMETERS
    has_both = "temperature" in parameters and "top_p" in parameters
    return {**PARAMETERS, **_sampling_rules(model, version, has_both=has_both)}


@lru_cache(maxsize=256)
def _sampling_rules(model: str, version: str | None, *, has_both: bool) -> Mapping[str, Rule]:
    """What is refused of ``temperature`` and ``top_p``: by a version without them, or the model."""
    traits = traits_of(model)
    if version is not None and version >= NEWEST:
        reason = f"version {version} of the API has no such parameter"
    elif not traits.samples:
        reason = f"{model} refuses it"
    elif has_both and not traits.samples_both:
        reason = f"{model} accepts either temperature or top_p"
        return {"top_p": Rule(reason=reason, allowed=())}
    else:
        return {}
    return dict.fromkeys(("temperature", "top_p"), Rule(reason=reason, allowed=()))
