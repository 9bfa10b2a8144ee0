"""Calls for Cohere, and the bodies that they are encoded as."""

from __future__ import annotations

from typing import Any

from llmgate.testing.driving import call_of
from llmgate_cohere import Cohere, encode

PROVIDER = Cohere(api_key="co-test")
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "Finds the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
CALL = {"id": "w1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "w1", "content": "Sunny"}


def tool(function: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": function | more}


TOOLS = [tool(WEATHER)]


def encoded(messages: Any = HELLO, model: str = "command-a-03-2025", **options: Any) -> Any:
    """The body of a call, and the deviations as (kind, path)."""
    call = call_of(PROVIDER, {"model": model, "messages": messages, **options})
    body = encode(call).body
    return body, [(deviation.kind, deviation.path) for deviation in call.report]


TEXT = {"type": "text", "text": "Hi"}
