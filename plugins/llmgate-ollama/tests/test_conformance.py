"""The conformance kit, over every recording of Ollama's own chat and some written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate.errors import BadRequestError, NotFoundError, OverloadedError, ServerError
from llmgate.provider.http import HttpResponse
from llmgate.testing import CANARY, GoldenCall, ProviderConformance, RecordedExchange
from llmgate.testing.recordings import load_recording
from llmgate_ollama import Ollama

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "ollama"
_HI: list[Any] = [{"role": "user", "content": "Hi"}]
_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"type": "function", "function": {"name": "weather", "parameters": _CITY}}
_CLOCK = {"type": "function", "function": {"name": "clock", "parameters": _CITY}}
_CALL = {"model": "qwen3", "messages": _HI}


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What a response says, read from its texts, calls and reason and from nothing else."""
    body = exchange.replies[-1].body.decode()
    lines = body.splitlines() if exchange.is_stream else [body]
    payloads = [json.loads(line) for line in lines if line.strip()]
    messages = [payload["message"] for payload in payloads]
    calls = [call["function"] for message in messages for call in message.get("tool_calls") or ()]
    last = payloads[-1]
    counts = {"prompt_tokens": "prompt_eval_count", "completion_tokens": "eval_count"}
    return {
        "text": "".join(message["content"] for message in messages),
        "reasoning": "".join(message.get("thinking") or "" for message in messages),
        "tool_calls": [(call["name"], call["arguments"]) for call in calls],
        "finish_reason": "tool_calls" if calls else last["done_reason"],
        "usage": {name: last[native] for name, native in counts.items() if native in last},
    }


def _response(*payloads: Any, status: int = 200) -> HttpResponse:
    lines = b"\n".join(json.dumps(payload).encode() for payload in payloads)
    return HttpResponse(status, {"content-type": "application/x-ndjson"}, lines)


def _line(content: str = "", *, done: bool = False, **message: Any) -> dict[str, Any]:
    line = {
        "model": "qwen3",
        "created_at": "2026-11-30T10:00:00.123456789Z",
        "message": {"role": "assistant", "content": content, **message},
        "done": done,
    }
    counts = {"done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4, "eval_duration": 7}
    return {**line, **counts} if done else line


_ONE = {"id": "call_a1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Bern"}}}
_TWO: Any = {"function": {"name": "clock", "arguments": {}}}
_CHOSEN: list[Any] = [("weather", {"city": "Bern"}), ("clock", {})]
_TOP = [{"token": "Hi", "logprob": -0.5}, {"token": "Ho", "logprob": -1.5}]
_LOGPROBS = [{"token": "Hi", "logprob": -0.5, "top_logprobs": _TOP}]

_WRITTEN = (
    RecordedExchange(
        "text",
        _CALL,
        (_response(_line("Hi there", done=True, thinking="Hm, so")),),
        text="Hi there",
        reasoning="Hm, so",
        finish_reason="stop",
        usage={"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        completion={"created": 1796032800, "model": "qwen3", "eval_duration": 7},
    ),
    RecordedExchange(
        "text",
        {**_CALL, "stream": True},
        (
            _response(
                _line(thinking="Hm, "),
                _line(thinking="so"),
                _line("Hi "),
                _line("there"),
                _line(done=True),
            ),
        ),
        text="Hi there",
        reasoning="Hm, so",
        finish_reason="stop",
    ),
    RecordedExchange(
        "calls",
        {**_CALL, "tools": [_TOOL, _CLOCK]},
        (_response(_line(done=True, tool_calls=[_ONE, _TWO])),),
        tool_calls=_CHOSEN,
        finish_reason="tool_calls",
    ),
    RecordedExchange(
        "calls",
        {**_CALL, "tools": [_TOOL, _CLOCK], "stream": True},
        (_response(_line(tool_calls=[_ONE]), _line(tool_calls=[_TWO]), _line(done=True)),),
        tool_calls=_CHOSEN,
        finish_reason="tool_calls",
    ),
    RecordedExchange(
        "log probabilities",
        {**_CALL, "logprobs": True, "top_logprobs": 2},
        (_response({**_line("Hi", done=True), "logprobs": _LOGPROBS}),),
        completion={"choices": [{"logprobs": {"content": _LOGPROBS}}]},
    ),
    RecordedExchange(
        "log probabilities",
        {**_CALL, "logprobs": True, "top_logprobs": 2, "stream": True},
        (_response({**_line("Hi"), "logprobs": _LOGPROBS}, _line(done=True)),),
        completion={"choices": [{"logprobs": {"content": _LOGPROBS}}]},
    ),
    RecordedExchange(
        "a model that was loaded",
        _CALL,
        (_response({**_line(done=True), "done_reason": "load"}),),
        finish_reason="stop",
        completion={"choices": [{"native_finish_reason": "load"}]},
    ),
    RecordedExchange(
        "an unknown model",
        _CALL,
        (_response({"error": "model 'x' not found, try pulling it first"}, status=404),),
        error=NotFoundError,
    ),
    RecordedExchange(
        "a model that cannot think",
        {**_CALL, "reasoning_effort": "high"},
        (_response({"error": '"gemma3" does not support thinking'}, status=400),),
        error=BadRequestError,
    ),
    RecordedExchange(
        "a full queue",
        _CALL,
        (_response({"error": "server busy, please try again"}, status=503),),
        error=OverloadedError,
    ),
    RecordedExchange(
        "a runner that died",
        {**_CALL, "stream": True},
        (_response(_line("Hi"), {"error": "an error was encountered while running the model"}),),
        error=ServerError,
    ),
)
_EARLIER = [
    *_HI,
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Hm",
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "Rain"},
]

_GOLDEN = (
    GoldenCall(
        "parameters",
        {
            **_CALL,
            "temperature": 0,
            "top_p": 0.5,
            "seed": 7,
            "max_completion_tokens": 20,
            "stop": "END",
            "presence_penalty": 0.5,
            "frequency_penalty": 0.25,
            "extra_body": {"keep_alive": "5m", "options": {"num_ctx": 8192}},
        },
        {
            **_CALL,
            "stream": False,
            "keep_alive": "5m",
            "options": {
                "temperature": 0,
                "top_p": 0.5,
                "seed": 7,
                "num_predict": 20,
                "stop": ["END"],
                "presence_penalty": 0.5,
                "frequency_penalty": 0.25,
                "num_ctx": 8192,
            },
        },
        url="http://127.0.0.1:11434/api/chat",
        headers={"authorization": f"Bearer {CANARY}"},
        report=[],
    ),
    GoldenCall(
        "a history with a call",
        {"model": "qwen3", "messages": _EARLIER, "tools": [_TOOL], "tool_choice": "auto"},
        {
            "model": "qwen3",
            "stream": False,
            "messages": [
                *_HI,
                {
                    "role": "assistant",
                    "content": "",
                    "thinking": "Hm",
                    "tool_calls": [
                        {"id": "a", "function": {"name": "weather", "arguments": {"city": "Bern"}}}
                    ],
                },
                {"role": "tool", "content": "Rain", "tool_name": "weather", "tool_call_id": "a"},
            ],
            "tools": [_TOOL],
        },
        report=["tool_choice converted"],
    ),
)


class TestOllama(ProviderConformance):
    """Ollama keeps the promises of every provider."""

    provider = Ollama(api_key=CANARY)
    model = "qwen3"
    most_splits = most_cuts = 60
    exchanges = (
        *_WRITTEN,
        *(
            load_recording(path, expect=expected)
            for path in sorted(_CORPUS.glob("ollama-api-chat-*.json"))
        ),
    )
    calls = _GOLDEN
