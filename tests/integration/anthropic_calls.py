"""Calls for Anthropic, and the bodies that they are encoded as."""

from __future__ import annotations

from typing import Any

from llmgate.testing.driving import call_of
from llmgate_anthropic import Anthropic, encode

HELLO: Any = [{"role": "user", "content": "Hello"}]
HAIKU, OPUS, OLD = "claude-haiku-4-5", "claude-opus-5-5", "claude-3-5-haiku-latest"


def encoded(
    provider: Anthropic, messages: Any = HELLO, model: str = HAIKU, **options: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the kind and path of each deviation."""
    asked = {"model": model, "messages": messages, "max_tokens": 1000} | options
    call = call_of(provider, {key: value for key, value in asked.items() if value is not None})
    body = encode(call).body
    return body, [(deviation.kind, deviation.path) for deviation in call.report]
