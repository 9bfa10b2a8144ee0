"""A server on loopback that vendors' own packages talk to, and the calls of OpenAI's format.

It answers every request with the same bytes, and keeps what it was asked; it checks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import LoopbackServer

__all__ = ["LEGACY_CALLS", "OPENAI_ANSWER", "OPENAI_CALLS", "Asked", "SdkServer"]


@dataclass(frozen=True)
class Asked:
    """One request; the names of its headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    json: Any


@dataclass
class SdkServer(LoopbackServer):
    """Lasts as long as its ``with`` block. ``answer`` is the body, or what gives it for a path."""

    answer: bytes | Callable[[str], bytes] = b"{}"
    status: int = 200
    asked: list[Asked] = field(default_factory=list[Asked])

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The class that answers requests."""
        return _Handler


class _Handler(BaseHTTPRequestHandler):
    owner: SdkServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, json.loads(body) if body else None)
        self.owner.asked.append(asked)
        answer = self.owner.answer
        data = answer if isinstance(answer, bytes) else answer(self.path)
        is_json = data.lstrip()[:1] == b"{"
        self.send_response(self.owner.status)
        self.send_header("content-type", "application/json" if is_json else "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


# --- OpenAI's format ----------------------------------------------------------------------

OPENAI_ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()
_HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
_FUNCTION = {
    "name": "weather",
    "description": "Of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
_TOOLS = [{"type": "function", "function": _FUNCTION}]
_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
_CALL = {"name": "weather", "arguments": "{}"}
_CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": _CALL}],
}
_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
_AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
_FILE = {"type": "file", "file": {"file_id": "f1"}}

OPENAI_CALLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, *_HELLO]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, *_HELLO]},
    "name": {"messages": [{"role": "user", "content": "Hello", "name": "ann"}]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
    "image": {"messages": [{"role": "user", "content": [_IMAGE]}]},
    "audio part": {"messages": [{"role": "user", "content": [_AUDIO]}]},
    "file": {"messages": [{"role": "user", "content": [_FILE]}]},
    "assistant": {"messages": [*_HELLO, {"role": "assistant", "content": "Hi"}, *_HELLO]},
    "refusal": {
        "messages": [*_HELLO, {"role": "assistant", "content": None, "refusal": "No"}, *_HELLO]
    },
    "tool result": {
        "messages": [*_HELLO, _CALLED, {"role": "tool", "tool_call_id": "c1", "content": "5"}],
        "tools": _TOOLS,
    },
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": -0.5},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "max_tokens": {"max_tokens": 7},
    "max_completion_tokens": {"max_completion_tokens": 7},
    "metadata": {"metadata": {"a": "b"}, "store": True},
    "modalities": {"modalities": ["text"]},
    "audio": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    "n": {"n": 2},
    "parallel_tool_calls": {"tools": _TOOLS, "parallel_tool_calls": False},
    "prediction": {"prediction": {"type": "content", "content": "Hi"}},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "json_schema": {"response_format": _SCHEMA},
    "json_object": {"response_format": {"type": "json_object"}},
    "safety_identifier": {"safety_identifier": "s"},
    "seed": {"seed": 7},
    "service_tier": {"service_tier": "auto"},
    "stop": {"stop": "END"},
    "stops": {"stop": ["a", "b", "c", "d"]},
    "temperature": {"temperature": 0},
    "tools": {"tools": _TOOLS},
    "tool_choice none": {"tools": _TOOLS, "tool_choice": "none"},
    "tool_choice required": {"tools": _TOOLS, "tool_choice": "required"},
    "tool_choice named": {
        "tools": _TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "top_p": {"top_p": 0.25},
    "user": {"user": "u"},
    "verbosity": {"verbosity": "low"},
}
"""Calls that OpenAI's package makes as well; ``messages`` are a greeting unless they are given."""
LEGACY_CALLS: dict[str, dict[str, Any]] = {
    "functions": {"functions": [_FUNCTION]},
    "function_call": {"functions": [_FUNCTION], "function_call": {"name": "weather"}},
    "function result": {
        "messages": [
            *_HELLO,
            {"role": "assistant", "content": None, "function_call": _CALL},
            {"role": "function", "name": "weather", "content": "5"},
        ],
        "functions": [_FUNCTION],
    },
}
"""The same in the legacy form."""
