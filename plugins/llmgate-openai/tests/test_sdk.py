"""OpenAI's own package, pointed at a loopback server, sends what this plugin sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from openai import OpenAI as TheirClient
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from llmgate import completion

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
FUNCTION = {
    "name": "weather",
    "description": "Of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOLS = [{"type": "function", "function": FUNCTION}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    ],
}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "f1"}}

CALLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, *HELLO]},
    "name": {"messages": [{"role": "user", "content": "Hello", "name": "ann"}]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
    "image": {"messages": [{"role": "user", "content": [IMAGE]}]},
    "audio part": {"messages": [{"role": "user", "content": [AUDIO]}]},
    "file": {"messages": [{"role": "user", "content": [FILE]}]},
    "assistant": {"messages": [*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO]},
    "refusal": {
        "messages": [*HELLO, {"role": "assistant", "content": None, "refusal": "No"}, *HELLO]
    },
    "tool result": {
        "messages": [*HELLO, CALLED, {"role": "tool", "tool_call_id": "c1", "content": "5"}],
        "tools": TOOLS,
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
    "parallel_tool_calls": {"tools": TOOLS, "parallel_tool_calls": False},
    "prediction": {"prediction": {"type": "content", "content": "Hi"}},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "json_schema": {"response_format": SCHEMA},
    "json_object": {"response_format": {"type": "json_object"}},
    "safety_identifier": {"safety_identifier": "s"},
    "seed": {"seed": 7},
    "service_tier": {"service_tier": "auto"},
    "stop": {"stop": "END"},
    "stops": {"stop": ["a", "b", "c", "d"]},
    "temperature": {"temperature": 0},
    "tools": {"tools": TOOLS},
    "tool_choice none": {"tools": TOOLS, "tool_choice": "none"},
    "tool_choice required": {"tools": TOOLS, "tool_choice": "required"},
    "tool_choice named": {
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "top_p": {"top_p": 0.25},
    "user": {"user": "u"},
    "verbosity": {"verbosity": "low"},
}


class _Recorder(BaseHTTPRequestHandler):
    """Answers everything in the same way, and keeps what was asked."""

    seen: ClassVar[list[tuple[str, str | None, Any]]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers["authorization"], body))
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", CALLS)
def test_both_send_the_same(name: str, address: str) -> None:
    """The address, the key's header and the body are those of the vendor's own client."""
    arguments: dict[str, Any] = {"messages": HELLO, **CALLS[name]}
    messages = arguments.pop("messages")
    _Recorder.seen.clear()
    answer = completion(
        "openai/gpt-4o",
        messages,
        stream=False,
        api_key="key-1234567890",
        base_url=f"{address}/v1",
        max_retries=0,
        **arguments,
    )
    with TheirClient(api_key="key-1234567890", base_url=f"{address}/v1", max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o", messages=messages, **arguments)
    ours, theirs = _Recorder.seen
    assert theirs == ours
    assert [] == list(answer.report)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(ours[2])
