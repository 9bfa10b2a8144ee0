"""``reasoning_effort`` as Anthropic's ``thinking`` and ``output_config.effort``, by model.

It reads and writes these fields only, and reports what it makes of the word that was given.
Source: https://platform.claude.com/docs/en/build-with-claude/{thinking,effort,extended-thinking}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import parameter
from llmgate_anthropic.rules import Traits

__all__ = ["add_thinking", "is_thinking"]

_SCALE = ("low", "medium", "high", "xhigh", "max")
_LEAST_BUDGET = 1024
_BUDGETS: Mapping[str, int] = {
    "minimal": _LEAST_BUDGET,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}


def add_thinking(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """Put what was asked as ``reasoning_effort`` into the body, in whichever way the model has."""
    given = parameter(call, "reasoning_effort")
    if given is None:
        return
    sent: dict[str, Any] | None
    if given == "none":
        sent = _off(traits)
    elif given not in _BUDGETS:
        call.report.drop("reasoning_effort", "Anthropic has no such effort", given=given)
        return
    elif traits.efforts and "adaptive" in traits.thinking:
        sent = _adaptive(given, traits)
    elif "enabled" in traits.thinking:
        sent = _budget(given, body, call)
    else:
        call.report.drop("reasoning_effort", f"{call.model} does not think", given=given)
        return
    if sent is None:
        return
    before = body.get("output_config", {})
    body |= sent
    if "output_config" in sent:
        body["output_config"] = before | sent["output_config"]
    call.report.add("converted", "reasoning_effort", _reason(given, sent), given=given, sent=sent)


def is_thinking(body: Mapping[str, Any], traits: Traits) -> bool:
    """Whether a request makes the model think, by what it says or by the model's habit."""
    thinking = body.get("thinking")
    if not is_object(thinking):
        return traits.thinks
    return thinking.get("type") in ("enabled", "adaptive")


def _is_forced(body: Mapping[str, Any]) -> bool:
    """Whether a request leaves the model no choice but to call a tool."""
    choice = body.get("tool_choice")
    return is_object(choice) and choice.get("type") in ("any", "tool")


def _off(traits: Traits) -> dict[str, Any]:
    """As little thinking as the model can do."""
    if traits.off is not None:
        return {"thinking": {"type": traits.off}}
    if "adaptive" in traits.thinking:
        return {"output_config": {"effort": "low"}}
    return {}


def _adaptive(given: str, traits: Traits) -> dict[str, Any]:
    sent: dict[str, Any] = {"output_config": {"effort": _nearest(given, traits.efforts)}}
    return sent if traits.thinks else {"thinking": {"type": "adaptive"}, **sent}


def _nearest(given: str, efforts: tuple[str, ...]) -> str:
    """The word itself, or the next lower one that the model has."""
    wanted = _SCALE.index("low" if given == "minimal" else given)
    return next(word for word in reversed(_SCALE[: wanted + 1]) if word in efforts)


def _budget(given: str, body: Mapping[str, Any], call: ProviderCall) -> dict[str, Any] | None:
    """A budget, which is a part of ``max_tokens`` and must leave room for the response."""
    reason = _why_not(body)
    if reason is not None:
        call.report.drop("reasoning_effort", reason, given=given)
        return None
    budget = min(_BUDGETS[given], max(_LEAST_BUDGET, body["max_tokens"] // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _why_not(body: Mapping[str, Any]) -> str | None:
    """Why a budget would be refused; None when it would not."""
    if body["max_tokens"] <= _LEAST_BUDGET:
        return f"thinking needs more than {_LEAST_BUDGET} tokens, and max_tokens leaves no room"
    if _is_forced(body):
        return "a model that thinks by a budget cannot be made to call a tool"
    for turn in reversed(body["messages"]):
        kinds = [block["type"] for block in turn["content"]]
        if turn["role"] == "assistant" and "tool_use" in kinds and "thinking" not in kinds[0]:
            return "the calls of this turn were made without thinking, and it goes on so"
        if turn["role"] == "assistant":
            return None
    return None


def _reason(given: str, sent: Mapping[str, Any]) -> str:
    if given == "none" and "output_config" in sent:
        return "the model always thinks: sent as the lowest effort"
    if given == "none":
        return "no thinking" if sent else "the model does not think"
    if "output_config" in sent:
        return "sent as output_config.effort, with adaptive thinking"
    return "sent as a budget of tokens to think with"
