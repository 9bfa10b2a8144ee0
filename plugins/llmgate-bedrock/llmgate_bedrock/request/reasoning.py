"""``reasoning_effort`` as each family is asked to reason; it reads and writes these fields only.

Claude's thinking is llmgate-anthropic's, in the fields that Converse hands on.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import merge_body, parameter, token_limit
from llmgate_anthropic import ClaudeTraits, add_thinking, is_thinking
from llmgate_bedrock.rules import Traits

__all__ = ["add_reasoning", "thinks"]

_EFFORTS: Mapping[str, str] = {
    **dict.fromkeys(("none", "minimal", "low"), "low"),
    "medium": "medium",
    **dict.fromkeys(("high", "xhigh", "max"), "high"),
}
_KINDS = {"reasoningContent": "thinking", "toolUse": "tool_use"}


def add_reasoning(body: dict[str, Any], call: ProviderCall, traits: Traits) -> dict[str, Any]:
    """The body with what was asked as ``reasoning_effort``, in whichever way the model has."""
    given = parameter(call, "reasoning_effort")
    if given is None or traits.reasons is None:
        return body
    if traits.claude is not None:
        return _with_thinking(body, call, traits.claude)
    effort = _EFFORTS.get(given)
    if effort is None:
        call.report.drop("reasoning_effort", "Bedrock has no such effort", given=given)
        return body
    sent: dict[str, Any] = {"reasoning_effort": effort}
    if traits.reasons == "nova":
        config = {"type": "enabled", "maxReasoningEffort": effort}
        sent = {"reasoningConfig": {"type": "disabled"} if given == "none" else config}
        if config == sent["reasoningConfig"] and effort == "high":
            _drop_beside_high(body["inferenceConfig"], call)
    reason = "sent in the model's own words"
    call.report.add("converted", "reasoning_effort", reason, given=given, sent=sent)
    return merge_body(body, {"additionalModelRequestFields": sent})


def thinks(body: Mapping[str, Any], claude: ClaudeTraits) -> bool:
    """Whether a request makes Claude think, by what it says or by the model's habit."""
    fields = body.get("additionalModelRequestFields")
    return is_thinking(fields if is_object(fields) else {}, claude)


def _with_thinking(
    body: dict[str, Any], call: ProviderCall, claude: ClaudeTraits
) -> dict[str, Any]:
    """Adaptive thinking and an effort, or a budget of tokens, which is a part of the limit."""
    config = body["inferenceConfig"]
    choice = body.get("toolConfig", {}).get("toolChoice", {})
    asked: dict[str, Any] = {
        "max_tokens": config.get("maxTokens", claude.max_tokens),
        "tool_choice": {"type": next(iter(choice), "auto")},
        "messages": [
            {**turn, "content": [{"type": _kind_of(block)} for block in turn["content"]]}
            for turn in body["messages"]
        ],
    }
    add_thinking(asked, call, claude)
    if "output_config" in asked:
        body = merge_body(body, {"outputConfig": asked["output_config"]})
    thinking = asked.get("thinking")
    if thinking is None:
        return body
    if "budget_tokens" in thinking and "maxTokens" not in config:
        config["maxTokens"] = asked["max_tokens"]
        reason = "the budget to think with is a part of it: the most that the model can generate"
        call.report.add("defaulted", "max_tokens", reason, sent=config["maxTokens"])
    return merge_body(body, {"additionalModelRequestFields": {"thinking": thinking}})


def _kind_of(block: Mapping[str, Any]) -> str:
    return _KINDS.get(next(iter(block)), "text")


def _drop_beside_high(config: dict[str, Any], call: ProviderCall) -> None:
    """Nova refuses limits and sampling beside its highest effort."""
    limit = token_limit(call)
    names = {"temperature": "temperature", "topP": "top_p"}
    names |= {} if limit is None else {"maxTokens": limit[0]}
    for key, name in names.items():
        if key in config:
            reason = "Nova takes none with its highest effort"
            call.report.drop(name, reason, given=config.pop(key))
