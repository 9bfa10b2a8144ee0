"""Whole responses of OpenAI and its imitators, and what is expected of them."""

from __future__ import annotations

from llmgate import errors
from llmgate.provider.http import encode_json
from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.values import (
    ASK,
    CITED,
    COUNTS,
    HEAD,
    LOGPROBS,
    PLAIN,
    SCALARS,
    TWO,
    USAGE,
    WITH_TOOLS,
    answered,
    called,
    choice,
    native,
)
from tests.testing.mutation.writing import whole

__all__ = ["WHOLE"]

_STATUSES: dict[type[errors.LLMGateError], int] = {
    errors.BadRequestError: 400,
    errors.ContentFilterError: 400,
    errors.AuthenticationError: 401,
    errors.PermissionDeniedError: 403,
    errors.NotFoundError: 404,
    errors.RateLimitError: 429,
    errors.QuotaExceededError: 429,
    errors.ServerError: 500,
    errors.OverloadedError: 503,
}
"""With which status these errors are otherwise sent."""

WHOLE: list[RecordedExchange] = [
    whole(
        "text",
        ASK,
        answered(choice("stop", content="Rain.", refusal=None, annotations=CITED), x_new={"a": 1}),
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            **SCALARS,
            "object": "chat.completion",
            "service_tier": "default",
            "choices": [{**native(("stop", "stop"))[0], "message": {"annotations": CITED}}],
            "x_new": {"a": 1},
        },
    ),
    *[
        whole(
            f"plain {reason}",
            ASK,
            {**PLAIN, "choices": [choice(reason, content="Rain.")], "usage": COUNTS},
            text="Rain.",
            finish_reason=reason,
            completion={**PLAIN, "choices": native((reason, reason)), "usage": COUNTS},
        )
        for reason in ("stop", "length", "content_filter")
    ],
    whole(
        "plain with details",
        ASK,
        answered(choice("stop", content="Rain.", refusal=None, annotations=[]), x_new={"a": 1}),
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
    whole(
        "tools",
        WITH_TOOLS,
        answered(choice("tool_calls", content=None, tool_calls=TWO)),
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
    whole(
        "forced",
        WITH_TOOLS,
        answered(choice("stop", content=None, tool_calls=[called(None, "weather", {"city": "A"})])),
        tool_calls=[("weather", {"city": "A"})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "native_finish_reason": "stop",
                    "message": {"tool_calls": [{"id": "call_call_0_0", "type": "function"}]},
                }
            ]
        },
    ),
    whole(
        "without arguments",
        WITH_TOOLS,
        answered(choice("tool_calls", content=None, tool_calls=[called("c", "time", None)])),
        tool_calls=[("time", {})],
    ),
    whole(
        "custom",
        ASK,
        answered(
            choice(
                "tool_calls",
                content=None,
                tool_calls=[{"id": "c", "custom": {"name": "run", "input": "ls"}}],
            )
        ),
        tool_calls=[("run", "ls")],
        completion={"choices": [{"message": {"tool_calls": [{"type": "custom", "id": "c"}]}}]},
    ),
    whole(
        "function",
        ASK,
        answered(choice("stop", content=None, function_call={"name": "time", "arguments": ""})),
        finish_reason="function_call",
        completion={
            "choices": [{"message": {"function_call": {"name": "time", "arguments": "{}"}}}]
        },
    ),
    whole(
        "several",
        {**ASK, "n": 2, "logprobs": True},
        answered(
            {**choice("stop", content="One."), "logprobs": LOGPROBS},
            choice("length", None, content="Two."),
            usage=COUNTS,
            service_tier=None,
        ),
        text="One.",
        completion={
            "choices": [
                {"index": 0, "logprobs": LOGPROBS, "message": {"content": "One."}},
                {"index": 1, "finish_reason": "length", "message": {"content": "Two."}},
            ],
            "usage": COUNTS,
        },
    ),
    whole(
        "reasoning",
        ASK,
        answered(choice("eos", content="Rain.", reasoning="Clouds.")),
        text="Rain.",
        reasoning="Clouds.",
        finish_reason="stop",
        completion={"choices": native(("stop", "eos"))},
    ),
    whole(
        "parts",
        ASK,
        answered(
            choice(
                "model_length",
                content=[
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Clouds."}]},
                    {"type": "text", "text": "Ra"},
                    {"type": "reference", "reference_ids": [1]},
                    "in.",
                ],
            ),
            usage={"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 2},
        ),
        text="Rain.",
        reasoning="Clouds.",
        finish_reason="length",
        completion={
            "usage": {
                "prompt_tokens": 3,
                "total_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 2},
            }
        },
    ),
    whole(
        "refusal",
        ASK,
        answered(
            choice("end_turn", content=None, refusal="No."),
            usage=None,
            created=1700000001.7,
            x_groq={"usage": COUNTS},
        ),
        finish_reason="stop",
        usage=COUNTS,
        completion={"created": 1700000001, "choices": [{"message": {"refusal": "No."}}]},
    ),
    whole(
        "filtered",
        ASK,
        answered({"index": 0, "finish_reason": "content_filter"}, usage={}),
        finish_reason="content_filter",
        completion={"usage": None, "choices": native(("content_filter", "content_filter"))},
    ),
    whole(
        "another reason",
        ASK,
        answered({**choice("max_tokens", content="R"), "native_finish_reason": "MAX"}),
        finish_reason="length",
        completion={"choices": native(("length", "MAX"))},
    ),
    whole("unknown reason", ASK, answered(choice("tired", content="R")), finish_reason="other"),
    whole(
        "half a character",
        ASK,
        b'{"id":"c","choices":[{"index":0,"finish_reason":"stop","message":'
        b'{"role":"assistant","content":"a\\ud83d b\\ud83d\\ude00"}}]}',
        text="a\ufffd b\U0001f600",
    ),
    whole(
        "error in 200",
        ASK,
        {"error": {"message": "Slow down.", "code": "rate_limit_exceeded", "type": "tokens"}},
        error=errors.RateLimitError,
        code="rate_limit_exceeded",
    ),
    whole(
        "error in a choice",
        ASK,
        answered({"index": 0, "error": {"message": "Gone.", "code": 502}}),
        error=errors.ServerError,
    ),
    *[
        whole(
            f"{code} in 200",
            ASK,
            {"error": {"message": "x", "code": code}},
            error=kind,
            code=code,
            status=_STATUSES[kind],
        )
        for code, kind in [
            ("rate_limit_exceeded", errors.RateLimitError),
            ("bio_policy", errors.ContentFilterError),
            ("misalignment_policy_violation", errors.ContentFilterError),
            ("invalid_prompt", errors.BadRequestError),
            ("vector_store_timeout", errors.ServerError),
            ("authentication_error", errors.AuthenticationError),
            ("invalid_api_key", errors.AuthenticationError),
            ("insufficient_quota", errors.QuotaExceededError),
            ("invalid_request_error", errors.BadRequestError),
            ("model_not_found", errors.NotFoundError),
            ("not_found_error", errors.NotFoundError),
            ("permission_error", errors.PermissionDeniedError),
            ("rate_limit_error", errors.RateLimitError),
            ("requests", errors.RateLimitError),
            ("tokens", errors.RateLimitError),
            ("engine_overloaded", errors.OverloadedError),
            ("overloaded_error", errors.OverloadedError),
            ("server_is_overloaded", errors.OverloadedError),
            ("slow_down", errors.OverloadedError),
            ("unavailable_error", errors.OverloadedError),
            ("server_error", errors.ServerError),
            ("internal_error", errors.ServerError),
        ]
    ],
    whole(
        "reasoning alone",
        ASK,
        answered(choice("length", content=None, reasoning="Clouds.")),
        reasoning="Clouds.",
    ),
    whole(
        "a thought of one part",
        ASK,
        answered(
            choice(
                "stop",
                content=[
                    {"type": "thinking", "thinking": "Clouds."},
                    {"type": "text", "text": "R"},
                ],
            )
        ),
        text="R",
        reasoning="Clouds.",
    ),
    whole(
        "parts that are no text",
        ASK,
        answered(choice("stop", content=[{"type": "odd", "text": "no"}, {"text": "Rain."}])),
        text="Rain.",
    ),
    whole(
        "function with an object",
        ASK,
        answered(choice("stop", content=None, function_call={"name": "f", "arguments": {"a": 1}})),
        completion={
            "choices": [{"message": {"function_call": {"name": "f", "arguments": '{"a":1}'}}}]
        },
    ),
    whole(
        "a date",
        ASK,
        answered(choice("stop", content="Rain."), created="2023-11-14T22:13:21Z", x_a=1),
        completion={**SCALARS, "service_tier": "default"},
        report=["response.created converted"],
    ),
    whole(
        "a number as text",
        ASK,
        answered(choice("stop", content="Rain."), created="1700000001", x_a=1),
        completion={"created": 1700000001},
    ),
    whole(
        "events in its place",
        ASK,
        b'data: {"choices":[{"index":0,"delta":{"content":"Rain."},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n",
        text="Rain.",
        report=["response converted"],
    ),
    whole(
        "a terminator behind it",
        ASK,
        encode_json(answered(choice("stop", content="Rain."))) + b"\n\ndata: [DONE]\n\n",
        text="Rain.",
        report=["response converted"],
    ),
    whole("no choices", ASK, {**HEAD, "choices": []}, error=errors.DecodeError),
    whole("no answer", ASK, answered({"index": 0, "message": {}}), error=errors.DecodeError),
]
