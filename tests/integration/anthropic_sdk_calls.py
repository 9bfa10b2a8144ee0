"""Messages and tools as callers of llmgate and of Anthropic's SDK write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
PDF = "JVBERi0xLjQKJSBhIHZlcnkgc2hvcnQgZG9jdW1lbnQ="
HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "name": "weather",
    "description": "Finds the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
THEIR_WEATHER: Any = {
    "name": "weather",
    "description": "Finds the weather.",
    "input_schema": WEATHER["parameters"],
}
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
CALL: Any = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
        }
    ],
}
THEIR_CALL: Any = {
    "role": "assistant",
    "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    ],
}


def user(*parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One message of the user, in parts."""
    return [{"role": "user", "content": list(parts)}]


def ours(messages: Any = HELLO, model: str = "claude-haiku-4-5", **options: Any) -> dict[str, Any]:
    """A call as llmgate is asked; the limit keeps the rows short."""
    return {"model": model, "messages": messages, "max_tokens": 1000} | options


def theirs(messages: Any = HELLO, model: str = "claude-haiku-4-5", **options: Any) -> Any:
    """A call as Anthropic's SDK is asked."""
    return {"model": model, "messages": messages, "max_tokens": 1000} | options


def result(content: Any, **more: Any) -> dict[str, Any]:
    """The turn that answers the call above."""
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
    return {"role": "user", "content": [block | more]}


TEXT: Any = {"type": "text", "text": "See:"}
MARK: Any = {"type": "ephemeral"}
OPUS = "claude-opus-5-5"
BESIDE: Any = {"temperature", "top_p", "top_k"}
"""What the SDK's types lack, since version 2026-10-21 of the API does."""
