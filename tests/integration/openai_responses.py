"""Whole responses in OpenAI's format, and the completions that are read of them."""

from __future__ import annotations

import json
from typing import Any

from llmgate.provider.http import HttpResponse
from llmgate.types import Completion
from llmgate_openai import decode

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def response_of(message: Any = None, **rest: Any) -> dict[str, Any]:
    """A reply with one choice; ``rest`` overrides parts of the choice, or of the envelope."""
    if message is None:
        message = {"role": "assistant", "content": "Paris"}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    for name in ("index", "finish_reason", "logprobs"):
        if name in rest:
            choice[name] = rest.pop(name)
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1784728648,
        "model": "gpt-5",
        "choices": [choice],
        "usage": USAGE,
    }
    return {**envelope, **rest}


def completion_of(payload: Any) -> Completion:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(HttpResponse(200, {}, body), "7")
