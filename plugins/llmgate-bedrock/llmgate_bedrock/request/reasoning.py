"""``reasoning_effort`` as each family is asked to reason; it reads and writes these fields only.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import parameter
from llmgate_anthropic import ClaudeTraits
from llmgate_bedrock.rules import Traits

__all__ = ["add_reasoning", "is_reasoning"]

_SCALE = ("low", "medium", "high", "xhigh", "max")
_THREE = ("low", "medium", "high")
_LEAST_BUDGET = 1_024
_BUDGETS: Mapping[str, int] = {
    "minimal": _LEAST_BUDGET,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}


def add_reasoning(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """Put what was asked as ``reasoning_effort`` into the body, in whichever way the model has."""
    given = parameter(call, "reasoning_effort")
    if given is None:
        return
    if given != "none" and given not in _BUDGETS:
        call.report.drop("reasoning_effort", "Bedrock has no such effort", given=given)
        return
    sent: dict[str, Any] = {}
    if traits.claude is not None and traits.reasons == "claude":
        sent = _claude(given, body, call, traits.claude)
    elif traits.reasons == "nova":
        config = {"type": "enabled", "maxReasoningEffort": _nearest(given, _THREE)}
        config = {"type": "disabled"} if given == "none" else config
        sent = {"additionalModelRequestFields": {"reasoningConfig": config}}
        _drop_beside_high(body, call, config)
    elif traits.reasons == "effort":
        effort = _nearest(given, _THREE)
        sent = {"additionalModelRequestFields": {"reasoning_effort": effort}}
    reason = "sent in the model's own words" if sent else "the model does not reason"
    if ("reasoning_effort", "dropped") not in [(each.path, each.kind) for each in call.report]:
        call.report.add("converted", "reasoning_effort", reason, given=given, sent=sent)
    for key, fields in sent.items():
        body[key] = {**body.get(key, {}), **fields}


def is_reasoning(body: Mapping[str, Any], claude: ClaudeTraits) -> bool:
    """Whether a request makes Claude think, by what it says or by the model's habit."""
    thinking = body.get("additionalModelRequestFields", {}).get("thinking")
    return thinking.get("type") != "disabled" if is_object(thinking) else claude.thinks


def _nearest(given: str, efforts: tuple[str, ...]) -> str:
    """The word itself, or the next lower one that the model has."""
    wanted = 0 if given in ("none", "minimal") else _SCALE.index(given)
    return next(word for word in reversed(_SCALE[: wanted + 1]) if word in efforts)


def _claude(
    given: str, body: dict[str, Any], call: ProviderCall, claude: ClaudeTraits
) -> dict[str, Any]:
    """Adaptive thinking and an effort, or a budget of tokens."""
    if given == "none" and claude.off is not None:
        return {"additionalModelRequestFields": {"thinking": {"type": claude.off}}}
    if claude.efforts and "adaptive" in claude.thinking:
        sent: dict[str, Any] = {"outputConfig": {"effort": _nearest(given, claude.efforts)}}
        if not claude.thinks:
            sent["additionalModelRequestFields"] = {"thinking": {"type": "adaptive"}}
        return sent
    config = body.setdefault("inferenceConfig", {})
    limit = config.get("maxTokens", claude.max_tokens)
    reason = _why_no_budget(body, limit)
    if reason is not None:
        call.report.drop("reasoning_effort", reason, given=given)
        return {}
    if "maxTokens" not in config:
        config["maxTokens"] = limit
        reason = "the budget to think with is a part of it: the most that the model can generate"
        call.report.add("defaulted", "max_tokens", reason, sent=limit)
    budget = min(_BUDGETS[given], max(_LEAST_BUDGET, limit // 2))
    thinking = {"type": "enabled", "budget_tokens": budget}
    return {"additionalModelRequestFields": {"thinking": thinking}}


def _why_no_budget(body: Mapping[str, Any], limit: int) -> str | None:
    """Why a budget would be refused; None when it would not."""
    if limit <= _LEAST_BUDGET:
        return f"thinking needs more than {_LEAST_BUDGET} tokens, and max_tokens leaves no room"
    choice = body.get("toolConfig", {}).get("toolChoice", {})
    if "any" in choice or "tool" in choice:
        return "a model that thinks by a budget cannot be made to call a tool"
    for turn in reversed(body["messages"]):
        if turn["role"] == "assistant":
            kinds = {kind for block in turn["content"] for kind in block}
            if "toolUse" in kinds and "reasoningContent" not in kinds:
                return "the calls of this turn were made without thinking, and it goes on so"
            return None
    return None


def _drop_beside_high(
    body: dict[str, Any], call: ProviderCall, config: Mapping[str, Any]
) -> None:
    """Nova refuses limits and sampling beside its highest effort."""
    if config.get("maxReasoningEffort") != "high":
        return
    names = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}
    for key in names.keys() & body.get("inferenceConfig", {}).keys():
        given = body["inferenceConfig"].pop(key)
        name = names[key]
        if name == "max_tokens" and parameter(call, name) is None:
            name = "max_completion_tokens"
        call.report.drop(name, "Nova takes none with its highest effort", given=given)
