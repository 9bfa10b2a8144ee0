"""Whole responses of Anthropic, and what is expected of them."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.anthropic.values import (
    ASK,
    CITATION,
    CITED,
    COUNTS,
    EMULATED,
    PAGE,
    REDACTED,
    SEARCH,
    THOUGHT,
    USAGE,
    WITH_TOOLS,
    answered,
    text,
    used,
)
from tests.testing.mutation.writing import whole

__all__ = ["WHOLE"]


PLAIN = {
    "id": "msg_1",
    "model": "claude-haiku-4-5-2025",
    "object": "chat.completion",
    "service_tier": "standard",
}


def ended(reason: str, finish: str, **expected: Any) -> RecordedExchange:
    """A whole response that stopped for this reason."""
    return whole(reason, ASK, answered(reason, text("Rain.")), finish_reason=finish, **expected)


WHOLE = [
    whole(
        "text",
        ASK,
        answered("end_turn", text("Rain."), container={"id": "c_1"}),
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            **PLAIN,
            "container": {"id": "c_1"},
            "choices": [
                {"index": 0, "native_finish_reason": "end_turn", "message": {"provider_data": None}}
            ],
        },
    ),
    whole(
        "plain",
        ASK,
        answered("end_turn", text("Rain."), usage={**COUNTS, "x_new": 1}),
        text="Rain.",
        finish_reason="stop",
        usage={**USAGE, "x_new": 1},
        completion={**PLAIN, "choices": [{"index": 0, "native_finish_reason": "end_turn"}]},
    ),
    whole(
        "plain calls",
        WITH_TOOLS,
        answered(
            "tool_use", used("toolu_a", "weather", {"city": "A"}), used("toolu_b", "time", {})
        ),
        text=None,
        tool_calls=[("weather", {"city": "A"}), ("time", {})],
        finish_reason="tool_calls",
        usage=USAGE,
        completion={
            **PLAIN,
            "choices": [
                {
                    "native_finish_reason": "tool_use",
                    "message": {"tool_calls": [{"id": "toolu_a"}, {"id": "toolu_b"}]},
                }
            ],
        },
    ),
    whole(
        "tools",
        WITH_TOOLS,
        answered(
            "tool_use",
            text("I look."),
            used("toolu_a", "weather", {"city": "Zürich"}),
            used("toolu_b", "time", {}),
        ),
        text="I look.",
        tool_calls=[("weather", {"city": "Zürich"}), ("time", {})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "message": {
                        "provider_data": None,
                        "tool_calls": [
                            {"id": "toolu_a", "type": "function"},
                            {"id": "toolu_b", "type": "function"},
                        ],
                    }
                }
            ]
        },
    ),
    whole(
        "without id",
        WITH_TOOLS,
        answered("end_turn", used(None, "time", None), usage=None),
        tool_calls=[("time", {})],
        finish_reason="tool_calls",
        completion={
            "usage": None,
            "choices": [{"message": {"tool_calls": [{"id": "call_call_0"}]}}],
        },
    ),
    whole(
        "thinking",
        ASK,
        answered(
            "stop_sequence",
            THOUGHT,
            REDACTED,
            text("Sunny "),
            text("Rain.", citations=[CITATION, PAGE]),
            usage={
                "input_tokens": 4,
                "output_tokens": 5,
                "output_tokens_details": {"thinking_tokens": 3},
            },
            stop_sequence="4711",
            stop_details={"a": 1},
        ),
        text="Sunny Rain.",
        reasoning="Clouds.",
        finish_reason="stop",
        usage={
            "prompt_tokens": 4,
            "completion_tokens": 5,
            "total_tokens": 9,
            "prompt_tokens_details": None,
            "completion_tokens_details": {"reasoning_tokens": 3},
            "output_tokens_details": None,
        },
        completion={
            "choices": [
                {
                    "stop_sequence": "4711",
                    "stop_details": {"a": 1},
                    "message": {
                        "annotations": CITED,
                        "provider_data": {
                            "anthropic": {
                                "content": [
                                    THOUGHT,
                                    REDACTED,
                                    text("Sunny "),
                                    text("Rain.", citations=[CITATION, PAGE]),
                                ]
                            }
                        },
                    },
                }
            ]
        },
    ),
    whole(
        "server tool",
        ASK,
        answered("pause_turn", text("I search."), SEARCH),
        text="I search.",
        finish_reason="other",
        completion={
            "choices": [
                {
                    "native_finish_reason": "pause_turn",
                    "message": {
                        "provider_data": {"anthropic": {"content": [text("I search."), SEARCH]}}
                    },
                }
            ]
        },
    ),
    whole(
        "emulated",
        EMULATED,
        answered("tool_use", used("toolu_a", "the_city", {"city": "Zürich"})),
        text='{"city":"Zürich"}',
        tool_calls=[],
        finish_reason="stop",
    ),
    ended("max_tokens", "length"),
    ended("model_context_window_exceeded", "length"),
    ended("refusal", "content_filter"),
    whole(
        "error in 200",
        ASK,
        {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        error=errors.OverloadedError,
        code="overloaded_error",
    ),
    *[
        whole(
            f"{code} in 200",
            ASK,
            {"type": "error", "error": {"type": code, "message": "x"}},
            error=kind,
            code=code,
            message="x",
            status=status,
            retryable=is_transient,
        )
        for code, kind, status, is_transient in [
            ("invalid_request_error", errors.BadRequestError, 400, None),
            ("authentication_error", errors.AuthenticationError, 401, None),
            ("billing_error", errors.QuotaExceededError, 402, None),
            ("permission_error", errors.PermissionDeniedError, 403, None),
            ("not_found_error", errors.NotFoundError, 404, None),
            ("conflict_error", errors.ProviderError, 409, True),
            ("request_too_large", errors.BadRequestError, 413, None),
            ("rate_limit_error", errors.RateLimitError, 429, None),
            ("api_error", errors.ServerError, 500, None),
            ("timeout_error", errors.ServerError, 504, None),
            ("overloaded_error", errors.OverloadedError, 529, None),
        ]
    ],
    whole("nothing", ASK, answered(None), error=errors.DecodeError),
]
