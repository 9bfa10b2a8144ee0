"""Responses of Anthropic's imitators, in forms that are not quite its own."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.provider.http import encode_json
from tests.testing.mutation.anthropic.values import (
    ASK,
    EMULATED,
    HEAD,
    WITH_TOOLS,
    answered,
    text,
    used,
)
from tests.testing.mutation.writing import whole

__all__ = ["UNUSUAL"]


def events(*values: dict[str, Any]) -> bytes:
    """Server-sent events."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (value["type"].encode(), encode_json(value))
        for value in values
    )


def streamed(block: dict[str, Any], delta: dict[str, Any], reason: str) -> bytes:
    """A stream of one block, whose usage is written as text."""
    message: dict[str, Any] = {**HEAD, "content": [], "usage": {"input_tokens": "3"}}
    return events(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {}},
        {"type": "message_stop"},
    )


STREAM = streamed(text(""), {"type": "text_delta", "text": "Rain."}, "end_turn")
EMULATED_STREAM = streamed(
    used("toolu_a", "the_city", {}),
    {"type": "input_json_delta", "partial_json": '{"a":1}'},
    "tool_use",
)
FOUR = [text("a"), text("b"), used("toolu_a", "time", {}), text("c")]
KEPT = {"choices": [{"message": {"provider_data": {"anthropic": {"content": FOUR}}}}]}

_FAILED: list[tuple[str, type[errors.LLMGateError], int | None, Any]] = [
    ("a status", errors.NotFoundError, 404, {"status": 404, "message": "x"}),
    ("a status as text", errors.ServerError, 500, {"code": "500", "detail": "x"}),
    ("the last status", errors.ServerError, 599, {"code": 599, "message": "x"}),
    ("no status", errors.ProviderError, None, {"code": 600, "title": "x"}),
    ("a long code", errors.ProviderError, None, {"code": "4040", "title": "x"}),
    ("a list", errors.ProviderError, None, [{"message": "x"}]),
    ("errors", errors.ProviderError, None, {"errors": ["x"]}),
    ("an error as text", errors.ProviderError, None, {"error": "x", "content": []}),
    (
        "a failure of MiniMax",
        errors.ProviderError,
        None,
        {"base_resp": {"status_code": 1004, "status_msg": "x"}},
    ),
]

FAILURES = [
    *[
        whole(f"{name} in 200", ASK, payload, error=kind, status=status, message="x")
        for name, kind, status, payload in _FAILED
    ],
    whole(
        "named by its request",
        ASK,
        {"type": "error", "error": {"type": "x", "message": "x"}, "request_id": "req_1"},
        error=errors.ProviderError,
        request_id="req_1",
    ),
    whole(
        "an error without fields",
        ASK,
        {"type": "error"},
        error=errors.ProviderError,
        message="{'type': 'error'}",
    ),
]

COUNTS = [
    whole(f"usage of {name}", ASK, answered("end_turn", text("Rain."), usage=usage), usage=expected)
    for name, usage, expected in [
        (
            "OpenAI's names",
            {"prompt_tokens": 3, "completion_tokens": 4, "x_new": 5},
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "x_new": 5},
        ),
        (
            "the prompt alone",
            {"input_tokens": 3},
            {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
        ),
        (
            "the cache alone",
            {"cache_read_input_tokens": 3, "output_tokens": 1},
            {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        ),
        (
            "further details",
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "output_tokens_details": {"thinking_tokens": 2, "x_new": 1},
            },
            {"completion_tokens_details": {"reasoning_tokens": 2, "x_new": 1}},
        ),
        (
            "names of the shape",
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 99},
            {"total_tokens": 7, "anthropic": {"total_tokens": 99}},
        ),
        (
            "names of details",
            {"input_tokens": 3, "output_tokens_details": {"audio_tokens": 99}},
            {"completion_tokens_details": {"anthropic": {"audio_tokens": 99}}},
        ),
    ]
]

UNUSUAL = [
    *FAILURES,
    *COUNTS,
    whole(
        "success of MiniMax",
        ASK,
        answered("end_turn", text("Rain."), base_resp={"status_code": 0, "status_msg": "ok"}),
        text="Rain.",
    ),
    whole(
        "uncounted usage",
        ASK,
        answered("end_turn", text("Rain."), usage={"service_tier": "batch"}),
        completion={"usage": None, "service_tier": "batch"},
    ),
    whole(
        "a name of the shape",
        ASK,
        answered("end_turn", text("Rain."), choices=[1]),
        completion={"anthropic": {"choices": [1]}},
    ),
    *[
        whole(
            f"an input that is {name}",
            WITH_TOOLS,
            answered("tool_use", used("toolu_a", "weather", given)),
            tool_calls=[("weather", expected)],
            report=["response.content[0].input converted"],
        )
        for name, given, expected in [
            ("a text", '{"city": "A"}', {"city": "A"}),
            ("a list", [1], [1]),
        ]
    ],
    whole(
        "a stream in its place",
        ASK,
        STREAM,
        text="Rain.",
        finish_reason="stop",
        report=["response converted", "response.usage.input_tokens converted"],
    ),
    whole(
        "half a stream in its place",
        ASK,
        STREAM[: STREAM.index(b"event: message_delta")],
        error=errors.StreamTruncatedError,
    ),
    whole(
        "a stream for what is long",
        {**ASK, "max_tokens": 30_000},
        STREAM,
        text="Rain.",
        report=["stream injected", "response.usage.input_tokens converted"],
    ),
    whole(
        "an emulated stream in its place",
        EMULATED,
        EMULATED_STREAM,
        text='{"a":1}',
        tool_calls=[],
    ),
    whole("three texts", ASK, answered("end_turn", *FOUR), text="abc", completion=KEPT),
]
