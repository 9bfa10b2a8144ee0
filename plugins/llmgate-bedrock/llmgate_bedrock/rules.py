"""What each family of models takes of Converse, as a table, and the rules that follow from it.

It changes no request. A name that is not in the table is sent what the caller gave, and
``extra_body`` overrides whatever follows from here. Claude's generations are llmgate-anthropic's.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/{conversation-inference-supported-
models-features,structured-output,prompt-caching}.html; what the API answered in 2025 and 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from llmgate.options import ChatParameters
from llmgate.provider import Rule, Support
from llmgate_anthropic import ClaudeTraits, claude_abilities, claude_traits

__all__ = ["PARAMETERS", "Traits", "abilities_of", "traits_of"]

PARAMETERS: Mapping[str, Support] = {
    **dict.fromkeys(("temperature", "top_p"), Support.NATIVE),
    **dict.fromkeys(
        (
            *("function_call", "functions", "max_completion_tokens", "max_tokens", "metadata"),
            *("modalities", "parallel_tool_calls", "reasoning_effort", "response_format"),
            *("service_tier", "stop", "tool_choice", "tools"),
        ),
        Support.TRANSLATED,
    ),
}
"""How each parameter is taken where the model has no rule of its own."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes.

    ``tools`` is whether it calls any, ``streams_tools`` whether also in a stream, and ``choices``
    are the kinds of ``toolChoice`` that it accepts. ``structured`` is whether its response and its
    calls can be held to a schema. ``reasons`` says in which way it is told how much to reason.
    ``caches`` are the places where a cache point may stand. ``system`` is whether it has a system
    prompt, ``status`` whether a tool's result may say that it is an error, and ``user_first``
    whether the first turn must be one of the user.
    """

    tools: bool = True
    streams_tools: bool = True
    choices: tuple[str, ...] = ("auto", "any", "tool")
    structured: bool = False
    reasons: Literal["claude", "nova", "effort"] | None = None
    caches: tuple[str, ...] = ()
    system: bool = True
    status: bool = False
    user_first: bool = True
    claude: ClaudeTraits | None = None


_EVERYWHERE = ("messages", "system", "tools")
_UNKNOWN = Traits(caches=_EVERYWHERE, status=True, user_first=False)
"""An imported model, or an ARN that does not say what is behind it."""
_CLAUDE = Traits(reasons="claude", caches=_EVERYWHERE, status=True, user_first=False)
_NOVA = Traits(caches=("messages", "system"), status=True)
_ONLY_AUTO = Traits(choices=("auto",))
_UNSTREAMED = replace(_ONLY_AUTO, streams_tools=False)
_TEXT_ONLY = Traits(tools=False)
_PROMPT_ONLY = Traits(tools=False, system=False)
_OPEN = Traits(structured=True)

_FAMILIES: tuple[tuple[str, Traits], ...] = (
    (r"amazon\.nova-2", replace(_NOVA, reasons="nova")),
    (r"amazon\.nova", _NOVA),
    (r"amazon\.titan-text", _PROMPT_ONLY),
    (r"meta\.llama(?:2|3-8b|3-70b|3-2-(?:1|3|11)b)", _TEXT_ONLY),
    (r"meta\.llama|ai21\.jamba", _UNSTREAMED),
    (r"mistral\.(?:mistral-7b|mixtral)", _PROMPT_ONLY),
    (r"mistral\.(?:mistral-large-240|mistral-small|pixtral)", Traits(choices=("auto", "any"))),
    (r"mistral\.", _OPEN),
    (r"cohere\.command-(?:text|light)|ai21\.j2", _PROMPT_ONLY),
    (r"cohere\.command|writer\.palmyra", _ONLY_AUTO),
    (r"deepseek\.r1", _TEXT_ONLY),
    (r"openai\.gpt-oss", replace(_OPEN, reasons="effort")),
    (r"qwen\.", replace(_OPEN, user_first=False)),
    (r"(?:deepseek|google|minimax|moonshot(?:ai)?|nvidia|zai)\.", _OPEN),
)
_OLD_CLAUDE = re.compile(r"claude-(?:instant|v1|v2)")
_UNSTRUCTURED = re.compile(r"opus-4-1")
"""Claude that answers in a schema on Anthropic's own API, and not here."""


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """What a model takes, by its name; regions before it, and what is around it in an ARN, do not
    matter."""
    if "claude" in model:
        if _OLD_CLAUDE.search(model):
            return replace(_CLAUDE, tools=False, reasons=None, caches=())
        claude = claude_traits(model)
        choices = ("auto", "any", "tool") if claude.forced else ("auto",)
        structured = claude.structured and not _UNSTRUCTURED.search(model)
        found = replace(_CLAUDE, choices=choices, structured=structured, claude=claude)
        return found if claude.thinking else replace(found, reasons=None)
    known = (traits for pattern, traits in _FAMILIES if re.search(pattern, model))
    return next(known, _UNKNOWN)


def abilities_of(model: str, parameters: ChatParameters) -> Mapping[str, Support | Rule]:
    """How a model takes the parameters of a call."""
    traits, rules = traits_of(model), dict[str, Support | Rule]()
    if traits.claude is not None:
        claude = claude_abilities(model, parameters)
        rules |= {name: claude[name] for name in ("temperature", "top_p")}
    else:
        reason = f"{model} allows no choice here"
        rules["parallel_tool_calls"] = Rule(reason, allowed=(True,))
    if traits.reasons is None:
        reason = f"nothing is known of how {model} is asked to reason"
        rules["reasoning_effort"] = Rule(reason, allowed=("none",))
    if not traits.tools:
        rules |= dict.fromkeys(("tools", "tool_choice"), Support.EMULATED)
    return {**PARAMETERS, **rules}
