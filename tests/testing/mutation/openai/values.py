"""What exchanges with OpenAI are made of: a call, choices, counts and completions.

They were made up after the public reference: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Any

from tests.testing.mutation.writing import tool

__all__ = [
    "ASK",
    "CITED",
    "COUNTS",
    "HEAD",
    "LOGPROBS",
    "PLAIN",
    "SCALARS",
    "TWO",
    "USAGE",
    "USER",
    "WITH_TOOLS",
    "answered",
    "called",
    "choice",
    "native",
]

USER = [{"role": "user", "content": "Weather in Zürich?"}]
TOOLS = [tool("weather", city={"type": "string"}), tool("time")]
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": USER}
WITH_TOOLS = {**ASK, "tools": TOOLS}
HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000001,
    "model": "gpt-4o-2024",
    "system_fingerprint": "fp_1",
    "service_tier": "default",
}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 1},
}
PLAIN = {"id": "chatcmpl-2", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
COUNTS = {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
SCALARS = {name: HEAD[name] for name in ("id", "created", "model", "system_fingerprint")}


def choice(reason: str | None, index: int | None = 0, **message: Any) -> dict[str, Any]:
    """A choice with this message."""
    return {"index": index, "message": {"role": "assistant", **message}, "finish_reason": reason}


def answered(*choices: Any, usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    """A chat completion."""
    return {**HEAD, "choices": list(choices), "usage": usage, **fields}


def called(identifier: str | None, name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    """A call."""
    function = {"name": name, "arguments": arguments}
    call = {"id": identifier, "type": "function", "function": function, **fields}
    return {key: value for key, value in call.items() if value is not None}


def native(*reasons: tuple[str, str | None]) -> list[dict[str, Any]]:
    """Choices that ended so, in OpenAI's word and the host's."""
    return [
        {"index": i, "finish_reason": r, "native_finish_reason": n}
        for i, (r, n) in enumerate(reasons)
    ]


LOGPROBS: dict[str, Any] = {
    "content": [{"token": "Rain", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
}
CITED = [{"type": "url_citation", "url_citation": {"url": "https://a.invalid", "title": "A"}}]
TWO = [called("call_a", "weather", '{"city": "Zürich"}'), called("call_b", "time", "{}")]
