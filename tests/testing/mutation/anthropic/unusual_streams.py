"""Streams of Anthropic's imitators, in forms that are not quite its own."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.provider.http import encode_json
from tests.testing.mutation.anthropic.streams import begun, block, over, spoken, typed
from tests.testing.mutation.anthropic.values import (
    ASK,
    COUNTS,
    HEAD,
    THOUGHT,
    USAGE,
    WITH_TOOLS,
    text,
    used,
)
from tests.testing.mutation.writing import event_stream

__all__ = ["UNUSUAL_STREAMS"]


def native(*blocks: Any) -> dict[str, Any]:
    """A completion whose message holds these blocks for the way back."""
    data = {"anthropic": {"content": list(blocks)}}
    return {"choices": [{"message": {"provider_data": data}}]}


def with_input(name: str, start: Any, *pieces: Any, **expected: Any) -> Any:
    """A stream of a call whose input came so."""
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    call = block(0, used("toolu_a", "time", start), *deltas)
    return event_stream(name, WITH_TOOLS, *begun(), *call, *over("tool_use"), **expected)


PLAIN = [*begun(), *block(0, text(""), *spoken("Ra", "in.")), *over("end_turn")]
WHOLE_MESSAGE = {**HEAD, "content": [text("Rain."), used("toolu_a", "time", {"a": 1})]}
FORMS = [
    event_stream(
        "a terminator of others",
        ASK,
        *PLAIN[:-1],
        b"data: [DONE]\n\n",
        text="Rain.",
        finish_reason="stop",
        report=["response converted"],
    ),
    event_stream("no terminator", ASK, *PLAIN[:-1], text="Rain.", finish_reason="stop", report=[]),
    event_stream(
        "nothing between its events",
        ASK,
        b"".join(b"data: " + encode_json(event) + b"\n" for event in PLAIN),
        text="Rain.",
        report=["response converted"],
    ),
    event_stream(
        "signs of life",
        ASK,
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b"data: null\n\n",
        b"data: \n\n",
        *PLAIN,
        text="Rain.",
        report=[],
        completion={"events": None},
    ),
    event_stream(
        "a whole message",
        WITH_TOOLS,
        {**WHOLE_MESSAGE, "stop_reason": "tool_use", "stop_sequence": "x", "usage": COUNTS},
        text="Rain.",
        tool_calls=[("time", {"a": 1})],
        finish_reason="tool_calls",
        usage=USAGE,
        report=["response converted"],
        completion={"id": "msg_1", "choices": [{"stop_sequence": "x"}]},
    ),
    event_stream(
        "counts that end with zeros",
        ASK,
        *PLAIN[:-2],
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 0, "output_tokens": 7, "cache_read_input_tokens": None},
        },
        {"type": "message_stop"},
        usage=USAGE,
    ),
    event_stream(
        "names of the shape",
        ASK,
        *begun(choices=[1]),
        *PLAIN[1:-2],
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "object": "x"},
            "usage": {"output_tokens": 7},
            "created": 5,
        },
        {"type": "message_stop"},
        text="Rain.",
        completion={"anthropic": {"choices": [1], "object": "x", "created": 5}},
    ),
    event_stream(
        "indexes that are text",
        ASK,
        *begun(),
        *[
            {**event, "index": "1"} if "index" in event else event
            for event in block(1, text(""), *spoken("Rain."))
        ],
        *over("end_turn"),
        text="Rain.",
    ),
    event_stream(
        "indexes that are missing",
        ASK,
        *begun(),
        *[
            {key: value for key, value in event.items() if key != "index"}
            for event in block(0, text(""), *spoken("Rain."))
        ],
        *over("end_turn"),
        text="Rain.",
    ),
    event_stream(
        "blocks that are not ended",
        WITH_TOOLS,
        *begun(),
        *block(0, THOUGHT)[:-1],
        *block(1, text("I look. "))[:-1],
        *block(2, used("toolu_a", "time", {}), *typed('{"a": 1}'))[:-1],
        *over("tool_use"),
        reasoning="Clouds.",
        text="I look. ",
        tool_calls=[("time", {"a": 1})],
        completion=native(THOUGHT, text("I look. "), used("toolu_a", "time", {"a": 1})),
    ),
]

ODD_VALUES = [
    event_stream(
        "citations that are text",
        ASK,
        *begun(),
        *block(0, text(""), *spoken("Rain."), {"type": "citations_delta", "citation": "x"}),
        *over("end_turn"),
        text="Rain.",
        report=["response.content[0].citations dropped"],
    ),
    event_stream(
        "thoughts that are numbers",
        ASK,
        *begun(),
        *block(0, {"type": "thinking", "thinking": 5}),
        *block(1, text("Rain.")),
        *over("end_turn"),
        reasoning="5",
        report=["response.content[0].thinking converted"],
    ),
]

INPUTS = [
    *[
        event_stream(
            f"an input with {name}",
            WITH_TOOLS,
            *begun(),
            *block(0, THOUGHT),
            *block(1, used("toolu_a", "time", {}), *typed(written)),
            *over("tool_use"),
            completion=native(THOUGHT, used("toolu_a", "time", kept)),
        )
        for name, written, kept in [
            ("infinity", '{"a": Infinity}', '{"a": Infinity}'),
            ("no number", '{"a": NaN}', '{"a": NaN}'),
            ("the words", '{"a": "NaN Infinity"}', {"a": "NaN Infinity"}),
            ("no end", '{"a": 1', '{"a": 1'),
        ]
    ],
    with_input(
        "an input that came as text",
        '{"a": 1}',
        tool_calls=[("time", {"a": 1})],
        report=["response.content[0].input converted"],
    ),
    with_input(
        "an input whose piece is an object",
        {},
        {"a": 1},
        tool_calls=[("time", {"a": 1})],
    ),
]

FAILURES = [
    event_stream("no content", ASK, *begun(), {"type": "message_stop"}, error=errors.DecodeError),
    event_stream("no beginning", ASK, *PLAIN[1:], error=errors.DecodeError),
    event_stream("a list", ASK, *begun(), b"data: [1]\n\n", error=errors.LLMGateError),
    event_stream(
        "no delta",
        ASK,
        *PLAIN[:2],
        {"type": "content_block_delta", "index": 0, "delta": 5},
        error=errors.DecodeError,
    ),
    event_stream(
        "an error as a list",
        ASK,
        *begun(),
        {"error": [{"type": "api_error", "message": "x"}]},
        error=errors.ServerError,
        code="api_error",
        message="x",
        status=500,
    ),
    event_stream(
        "an error named by its event",
        ASK,
        *begun(),
        b'event: error\ndata: {"type": "message_stop", "message": "x", "status": 503}\n\n',
        error=errors.OverloadedError,
        message="x",
        status=503,
    ),
]

UNUSUAL_STREAMS = [*FORMS, *ODD_VALUES, *INPUTS, *FAILURES]
