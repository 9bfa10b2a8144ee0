"""Messages as callers of litellm write them, in the form that llmgate takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["as_messages"]

_OPTIONAL = frozenset(
    {
        "audio",
        "annotations",
        "function_call",
        "images",
        "reasoning_content",
        "refusal",
        "tool_calls",
    }
)


def as_messages(messages: Iterable[Any]) -> Any:
    """The same messages: objects as dictionaries, without fields that are None.

    What only the model's provider understands comes back under litellm's name for it,
    ``provider_specific_fields``; signed thoughts are part of that.
    """
    if isinstance(messages, str):
        return messages  # which llmgate refuses, saying what to write
    return [_as_message(message) for message in messages]


def _as_message(message: Any) -> Any:
    if hasattr(message, "model_dump"):
        message = message.model_dump(exclude_none=True)
    if not is_object(message):
        return message
    made = {
        name: value
        for name, value in message.items()
        if not (value is None and name in _OPTIONAL) and name not in _OURS
    }
    native = message.get("provider_specific_fields")
    if native:
        made["provider_data"] = native
    elif message.get("thinking_blocks") and is_array(message["thinking_blocks"]):
        made["provider_data"] = {"anthropic": {"content": _with_text(message)}}
    return made


_OURS = frozenset({"provider_specific_fields", "thinking_blocks"})


def _with_text(message: Mapping[str, Any]) -> list[Any]:
    """The blocks of Anthropic's message: the thoughts, then the text and the calls."""
    import json  # noqa: PLC0415 - seldom

    blocks = list(message["thinking_blocks"])
    content = message.get("content")
    if isinstance(content, str) and content:
        blocks.append({"type": "text", "text": content})
    for call in message.get("tool_calls") or ():
        function = call.get("function") if is_object(call) else None
        if not is_object(function):
            continue  # Anthropic made no such call
        try:
            arguments = json.loads(function.get("arguments") or "{}")
        except (TypeError, ValueError):
            arguments = {}
        blocks.append(
            {
                "type": "tool_use",
                "id": call.get("id"),
                "name": function.get("name"),
                "input": arguments,
            }
        )
    return blocks
