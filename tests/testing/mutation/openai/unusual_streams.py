"""Streams of OpenAI's imitators, in forms that are not quite its own."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.provider.http import encode_json
from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.streams import CHUNK, DONE, calls, chunk, fragment
from tests.testing.mutation.openai.unusual_calls import CALLS
from tests.testing.mutation.openai.values import ASK, COUNTS, LOGPROBS, choice
from tests.testing.mutation.writing import event_stream

__all__ = ["UNUSUAL_STREAMS"]


def streamed(name: str, *events: Any, done: bytes = DONE, **expected: Any) -> RecordedExchange:
    """A stream of these events, with a terminator."""
    return event_stream(name, ASK, *events, done=done, **expected)


def half(name: str, field: str, before: str, after: str, **expected: Any) -> RecordedExchange:
    """A stream with a character that is cut in two, in this field of a delta."""
    events = [
        b'data: {"choices":[{"index":0,"delta":{%s}}]}\n\n' % (field % text).encode()
        for text in (before, after)
    ]
    return streamed(f"half of {name}", *events, chunk("stop"), **expected)


def in_choice(**fields: Any) -> dict[str, Any]:
    """A completion whose choice has these."""
    return {"choices": [fields]}


def in_message(**fields: Any) -> dict[str, Any]:
    """A completion whose message has these."""
    return in_choice(message=fields)


SMILE = "\U0001f600"
PLAIN = (chunk(role="assistant", content=""), chunk(content="Rain."), chunk("stop"))
MESSAGE: dict[str, Any] = choice("stop", content="Rain.")

FORMS = [
    streamed(
        "another terminator",
        *PLAIN,
        done=b"data: [done]\n\n",
        text="Rain.",
        report=["response converted", "stream_options.include_usage injected"],
    ),
    streamed(
        "events that are null",
        b"data: null\n\n",
        *PLAIN,
        b"data: null\n\n",
        text="Rain.",
        report=["response converted", "stream_options.include_usage injected"],
    ),
    streamed("empty events", b"data: \n\n", *PLAIN, text="Rain."),
    streamed(
        "nothing between its events",
        b"".join(b"data: " + encode_json(event) + b"\n" for event in PLAIN),
        text="Rain.",
        report=["response converted", "stream_options.include_usage injected"],
    ),
    streamed(
        "a whole completion",
        {**CHUNK, "choices": [MESSAGE]},
        text="Rain.",
        finish_reason="stop",
        report=["response converted", "stream_options.include_usage injected"],
    ),
    streamed(
        "calls in a message at the end",
        chunk(content="I look."),
        {
            **CHUNK,
            "choices": [
                {
                    "index": 0,
                    "delta": {},
                    "message": {"tool_calls": [fragment(0, "{}", "time", id="a")]},
                    "finish_reason": "tool_calls",
                }
            ],
        },
        text="I look.",
        tool_calls=[("time", {})],
    ),
    streamed(
        "calls in both",
        calls(fragment(0, "{}", "time", id="a")),
        {
            **CHUNK,
            "choices": [
                {
                    "index": 0,
                    "delta": {},
                    "message": {"tool_calls": [fragment(0, "{}", "time", id="a")]},
                    "finish_reason": "tool_calls",
                }
            ],
        },
        tool_calls=[("time", {})],
    ),
    streamed(
        "choices without an index",
        *[
            {**event, "choices": [{**event["choices"][0], "index": None}]}
            for event in (chunk(content="Rain."), chunk("stop"))
        ],
        text="Rain.",
    ),
    streamed(
        "odd fields of choices",
        chunk(content="Rain."),
        {
            **CHUNK,
            "choices": [
                {"index": "0", "delta": {"role": ["x"]}, "finish_reason": "stop", "logprobs": "x"}
            ],
        },
        text="Rain.",
        report=[
            "response.choices.delta.role dropped",
            "response.choices.index converted",
            "response.choices.logprobs dropped",
            "stream_options.include_usage injected",
        ],
    ),
    streamed(
        "fields beside the delta",
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "Ra"}, "x_a": 1}]},
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "in.", "x_b": 2}, "x_a": 1}]},
        {**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "x_c": 3}]},
        text="Rain.",
        completion=in_choice(x_a=1, x_c=3, message={"x_b": 2}),
    ),
    streamed(
        "log probabilities",
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "Rain"}, "logprobs": LOGPROBS}]},
        {
            **CHUNK,
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": "."},
                    "finish_reason": "stop",
                    "logprobs": LOGPROBS,
                }
            ],
        },
        text="Rain.",
        completion=in_choice(logprobs={"content": LOGPROBS["content"] * 2}),
    ),
    streamed(
        "a reason of the host's own",
        chunk(content="Rain."),
        {
            **CHUNK,
            "choices": [
                {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "END"}
            ],
        },
        completion=in_choice(finish_reason="stop", native_finish_reason="END"),
    ),
    streamed(
        "a reason of the host's own before the end",
        {
            **CHUNK,
            "choices": [{"index": 0, "delta": {"content": "R"}, "native_finish_reason": "SO_FAR"}],
        },
        chunk("stop"),
        text="R",
    ),
    streamed(
        "a refusal",
        chunk(role="assistant", refusal="N"),
        chunk(refusal="o."),
        chunk("stop"),
        completion=in_message(refusal="No.", content=None),
    ),
    streamed(
        "reasoning, a refusal, a role and an odd field",
        chunk(role="assistant", reasoning_content="Clouds.", refusal="No.", audio={"id": "a"}),
        chunk("stop"),
        reasoning="Clouds.",
        completion=in_message(refusal="No.", audio={"id": "a"}, role="assistant"),
    ),
    streamed(
        "a function whose arguments are an object",
        chunk(role="assistant", function_call={"name": "f", "arguments": {"a": 1}}),
        chunk("stop"),
        completion=in_message(function_call={"name": "f", "arguments": '{"a":1}'}),
    ),
    streamed(
        "heads that change",
        {**chunk(content="Ra"), "id": "", "model": "a", "service_tier": None},
        {**chunk(content="in."), "id": "c_2", "model": "b", "service_tier": "flex"},
        {**chunk("stop"), "x_a": 1},
        text="Rain.",
        completion={"id": "c_2", "model": "a", "service_tier": "default", "x_a": 1},
    ),
    streamed(
        "heads that are odd",
        {**chunk(content="Ra"), "id": 7, "x_a": 1},
        {**chunk(content="in."), "model": ["m"]},
        chunk("stop"),
        text="Rain.",
        completion={"id": "7", "x_a": 1},
        report=[
            "response.id converted",
            "response.model dropped",
            "stream_options.include_usage injected",
        ],
    ),
    streamed(
        "heads that are missing",
        {"choices": [{"index": 0, "delta": {"content": "Rain."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        completion={"id": "", "created": 0, "model": "", "object": "chat.completion"},
        text="Rain.",
    ),
    streamed(
        "usage with each event",
        {**chunk(content="Ra"), "usage": {**COUNTS, "completion_tokens": 1, "total_tokens": 5}},
        {**chunk(content="in."), "usage": None},
        {**chunk("stop"), "usage": COUNTS},
        text="Rain.",
        usage=COUNTS,
    ),
]

HALVES = [
    half("reasoning", '"reasoning_content":"%s"', "\\ud83d", "\\ude00", reasoning=SMILE),
    half("the other reasoning", '"reasoning":"%s"', "\\ud83d", "\\ude00", reasoning=SMILE),
    half(
        "a refusal",
        '"refusal":"%s"',
        "\\ud83d",
        "\\ude00",
        completion=in_message(refusal=SMILE),
    ),
    half("a text that never ends", '"content":"%s"', "a", "\\ud83d", text="a\ufffd"),
    half(
        "a refusal that never ends",
        '"refusal":"%s"',
        "a",
        "\\ud83d",
        completion=in_message(refusal="a\ufffd"),
    ),
    half("reasoning that never ends", '"reasoning":"%s"', "a", "\\ud83d", reasoning="a\ufffd"),
    half("a last surrogate", '"content":"%s"', "\\udbff", "\\udfff", text="\U0010ffff"),
    half("a low one", '"content":"%s"', "a\\ude00", "b", text="a\ufffdb"),
    half(
        "arguments",
        '"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"%s"}}]',
        '{\\"a\\": \\"\\ud83d',
        '\\ude00\\"}',
        tool_calls=[("f", {"a": SMILE})],
    ),
    half(
        "an input",
        '"tool_calls":[{"index":0,"id":"a","custom":{"name":"f","input":"%s"}}]',
        "\\ud83d",
        "\\ude00",
    ),
    half(
        "a transcript",
        '"audio":{"id":"a","transcript":"%s"}',
        "\\ud83d",
        "\\ude00",
        completion=in_message(audio={"transcript": SMILE}),
    ),
]

_FAILED: list[tuple[str, type[errors.LLMGateError], str | None, Any]] = [
    ("a text", errors.ProviderError, "x", {"error": "x"}),
    (
        "an error beside choices",
        errors.ServerError,
        "x",
        {**chunk(content="x"), "error": {"message": "x", "code": 500}},
    ),
    ("a message", errors.ProviderError, "x", {"message": "x"}),
    ("no success", errors.ProviderError, None, {"success": False}),
    (
        "an error of a choice",
        errors.ServerError,
        "x",
        {**CHUNK, "choices": [{"index": 0, "error": {"message": "x", "code": 502}}]},
    ),
    ("choices that are text", errors.DecodeError, None, {**CHUNK, "choices": "x"}),
    ("a choice that is text", errors.DecodeError, None, {**CHUNK, "choices": ["x"]}),
    (
        "a named error",
        errors.OverloadedError,
        "x",
        b'event: error\ndata: {"message": "x", "status": 503}\n\n',
    ),
    ("a null error", errors.ProviderError, None, b"event: error\ndata: null\n\n"),
]

FAILURES = [
    streamed(f"{name} in place of an event", chunk(content="R"), event, error=kind, message=message)
    for name, kind, message, event in _FAILED
] + [streamed("a terminator alone", error=errors.DecodeError)]

UNUSUAL_STREAMS = [*FORMS, *CALLS, *HALVES, *FAILURES]
