"""Streams of OpenAI and its imitators, and what is expected of them."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.values import (
    ASK,
    COUNTS,
    HEAD,
    SCALARS,
    USAGE,
    WITH_TOOLS,
    choice,
    native,
)
from tests.testing.mutation.writing import event_stream

__all__ = ["CHUNK", "DONE", "STREAMS", "calls", "chunk", "fragment"]

CHUNK = {**HEAD, "object": "chat.completion.chunk"}
DONE = b"data: [DONE]\n\n"


def chunk(reason: str | None = None, index: int = 0, /, **delta: Any) -> dict[str, Any]:
    """An event with one choice."""
    return {**CHUNK, "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def fragment(index: int | None, arguments: Any, name: str | None = None, **fields: Any) -> Any:
    """A piece of a call."""
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    found = {"index": index, **fields, "function": function}
    return {key: value for key, value in found.items() if value is not None}


def calls(*fragments: Any) -> dict[str, Any]:
    """An event with pieces of calls."""
    return chunk(tool_calls=list(fragments))


COUNTED: dict[str, Any] = {**CHUNK, "choices": [], "usage": USAGE}
STREAMS: list[RecordedExchange] = [
    event_stream(
        "text",
        ASK,
        chunk(role="assistant", content="", refusal=None),
        chunk(content="Ra"),
        chunk(content="i"),
        chunk(content="n"),
        chunk(content="."),
        {**chunk("stop"), "obfuscation": "xyz", "x_new": {"a": 1}},
        COUNTED,
        done=DONE,
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            **SCALARS,
            "object": "chat.completion",
            "service_tier": "default",
            "choices": native(("stop", "stop")),
            "x_new": {"a": 1},
        },
    ),
    event_stream(
        "tools",
        WITH_TOOLS,
        chunk(role="assistant", content=None),
        calls(fragment(0, "", "weather", id="call_a", type="function")),
        calls(fragment(0, '{"city":')),
        calls(fragment(0, ' "Zürich"}')),
        calls(fragment(1, "{}", "time", id="call_b", type="function")),
        chunk("tool_calls"),
        COUNTED,
        done=DONE,
        tool_calls=[("weather", {"city": "Zürich"}), ("time", {})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "message": {
                        "tool_calls": [{"id": "call_a", "type": "function"}, {"id": "call_b"}]
                    }
                }
            ]
        },
    ),
    event_stream(
        "without index",
        WITH_TOOLS,
        calls(fragment(None, '{"city":', "weather", id="a"), fragment(None, "{", "time", id="b")),
        calls(fragment(None, ' "A"}'), fragment(None, "}")),
        chunk("stop"),
        done=DONE,
        tool_calls=[("weather", {"city": "A"}), ("time", {})],
        finish_reason="tool_calls",
    ),
    event_stream(
        "without ids",
        WITH_TOOLS,
        calls(fragment(0, {"city": "A"}, "weather")),
        calls(fragment(0, "{}", "time")),
        chunk("stop"),
        tool_calls=[("weather", {"city": "A"}), ("time", {})],
        completion={
            "choices": [
                {"message": {"tool_calls": [{"id": "call_call_0_0"}, {"id": "call_call_0_1"}]}}
            ]
        },
    ),
    event_stream(
        "several",
        {**ASK, "n": 2},
        b": a comment\n\n",
        chunk(None, 0, content="One."),
        chunk(None, 1, content="Two."),
        chunk("stop", 0),
        chunk("length", 1),
        text="One.",
        completion={
            "choices": [
                {"index": 0, "finish_reason": "stop"},
                {"index": 1, "finish_reason": "length", "message": {"content": "Two."}},
            ]
        },
    ),
    event_stream(
        "reasoning",
        ASK,
        chunk(reasoning_content="Clo"),
        chunk(reasoning="uds."),
        chunk(content=[{"type": "text", "text": "Rain."}]),
        {**chunk("stop"), "usage": None, "x_groq": {"usage": COUNTS}},
        text="Rain.",
        reasoning="Clouds.",
        usage=COUNTS,
    ),
    event_stream(
        "custom",
        ASK,
        calls({"index": 0, "id": "c", "custom": {"name": "run", "input": "l"}}),
        calls({"index": 0, "custom": {"input": "s"}}),
        chunk("tool_calls"),
        tool_calls=[("run", "ls")],
        completion={"choices": [{"message": {"tool_calls": [{"type": "custom"}]}}]},
    ),
    event_stream(
        "function",
        ASK,
        chunk(role="assistant", function_call={"name": "time", "arguments": ""}),
        chunk(function_call={"arguments": "{}"}),
        chunk("stop"),
        finish_reason="function_call",
        completion={"choices": [{"message": {"function_call": {"name": "time"}}}]},
    ),
    event_stream(
        "late name and id",
        WITH_TOOLS,
        calls(fragment(0, "", id="a")),
        calls(fragment(0, "{}", "time", id="a")),
        calls(fragment(0, "{}", "weather", id="b")),
        calls(fragment(1, '{"city": "A"}', "weather", id="c")),
        calls(fragment(0, "", id="b")),
        chunk("tool_calls"),
        tool_calls=[("time", {}), ("weather", {}), ("weather", {"city": "A"})],
    ),
    event_stream(
        "names alone",
        WITH_TOOLS,
        calls(fragment(None, '{"city":', "weather"), fragment(None, "{", "time")),
        calls(fragment(None, ' "A"}'), fragment(None, "}")),
        calls(fragment(None, "{}", "time")),
        calls(fragment(None, '{"a":', "time")),
        calls(fragment(None, " 1}")),
        chunk("tool_calls"),
        tool_calls=[("weather", {"city": "A"}), ("time", {}), ("time", {}), ("time", {"a": 1})],
    ),
    event_stream(
        "one of two",
        {**ASK, "n": 2},
        chunk(None, 0, content="One."),
        chunk("stop", 0),
        error=errors.StreamTruncatedError,
    ),
    event_stream(
        "another second",
        ASK,
        {**chunk(content="Ra"), "created": 1700000001.5},
        {**chunk(content="in."), "created": 1700000001.5},
        {**chunk("stop"), "created": 1700000001.5},
        b"data: \n\n",
        text="Rain.",
        completion={"created": 1700000001},
    ),
    event_stream(
        "message so far",
        ASK,
        {**CHUNK, "choices": [{**choice(None, content="Ra"), "delta": {"content": "Ra"}}]},
        {**CHUNK, "choices": [{**choice("stop", content="Rain."), "delta": {"content": "in."}}]},
        text="Rain.",
        finish_reason="stop",
    ),
    event_stream(
        "surrogates of a character",
        ASK,
        b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"},"finish_reason":"stop"}]}\n\n',
        done=DONE,
        text="a\U0001f600b\ufffd",
    ),
    *[
        event_stream(f"error {code}", ASK, chunk(content="Ra"), event, error=kind, code=code)
        for kind, code, event in [
            (
                errors.ServerError,
                "server_error",
                {"error": {"message": "x", "code": "server_error"}},
            ),
            (
                errors.RateLimitError,
                "tokens",
                b'event: error\ndata: {"type": "tokens", "message": "x"}\n\n',
            ),
            (errors.ProviderError, None, b"data: upstream failed\n\n"),
            (errors.OverloadedError, None, {"message": "busy", "status": 503}),
            (errors.LLMGateError, None, {"error": "boom"}),
            (errors.DecodeError, None, b"data: [1]\n\n"),
        ]
    ],
]
