"""Messages as chat templates take them: text alone, and few fields; it reads no parameter."""

from __future__ import annotations

from typing import Any, cast

from llmgate.errors import UnsupportedError
from llmgate.messages import MessageParam
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array

__all__ = ["plain_messages", "without_reasoning"]

_KNOWN = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "reasoning_content", "provider_data"}
)


def plain_messages(call: ProviderCall) -> list[MessageParam]:
    """The messages without what templates have no place for, which is reported.

    Raises:
        UnsupportedError: for a part that is no text.
    """
    return [
        _plain_message(message, f"messages[{index}]", call)
        for index, message in enumerate(call.messages)
    ]


def _plain_message(message: MessageParam, path: str, call: ProviderCall) -> MessageParam:
    sent: dict[str, Any] = {key: value for key, value in message.items() if value is not None}
    sent.setdefault("content", None)
    if sent["role"] == "developer":
        sent["role"] = "system"
        call.report.add("converted", f"{path}.role", "sent as system", given="developer")
    if is_array(sent["content"]):
        sent["content"] = [
            _plain_part(part, f"{path}.content[{place}]", call)
            for place, part in enumerate(sent["content"])
        ]
    refusal = sent.pop("refusal", None)
    if refusal is not None:
        _add_refusal(sent, refusal, f"{path}.refusal", call)
    known = _KNOWN | {"name"} if sent["role"] == "tool" else _KNOWN
    for key in sorted(sent.keys() - known):
        reason = "chat templates have no place for it"
        call.report.drop(f"{path}.{key}", reason, given=sent.pop(key))
    return cast("MessageParam", sent)


def _plain_part(part: Any, path: str, call: ProviderCall) -> Any:
    match part["type"]:
        case "text":
            return part
        case "refusal":
            call.report.add("converted", path, "a refusal, sent as text")
            return {"type": "text", "text": part["refusal"]}
        case kind:
            raise UnsupportedError(f"{path}: a text model cannot read {kind!r}", parameter=path)


def _add_refusal(message: dict[str, Any], refusal: str, path: str, call: ProviderCall) -> None:
    if message["content"]:
        call.report.drop(path, "there is a text beside it", given=refusal)
    else:
        message["content"] = refusal
        call.report.add("converted", path, "sent as the message's text", given=refusal)


def without_reasoning(call: ProviderCall) -> list[MessageParam]:
    """The messages for a template that has no place for earlier reasoning, which is reported."""
    messages: list[Any] = []
    for index, message in enumerate(call.messages):
        if "reasoning_content" in message:
            path = f"messages[{index}].reasoning_content"
            call.report.drop(path, "this model's template has no place for it")
        messages.append({k: v for k, v in message.items() if k != "reasoning_content"})
    return messages
