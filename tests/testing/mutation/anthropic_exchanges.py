"""Exchanges with Anthropic, and what is to be sent, as the author of its plugin writes them.

They were made up after the public reference: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.writing import event_stream, refused, tool, whole

__all__ = ["ASK", "EXCHANGES", "TOOLS", "USER", "WITH_TOOLS"]

USER = [{"role": "user", "content": "Weather in Zürich?"}]
TOOLS = [tool("weather", city={"type": "string"}), tool("time")]
ASK: dict[str, Any] = {"model": "claude-haiku-4-5", "messages": USER, "max_tokens": 2000}
WITH_TOOLS = {**ASK, "tools": TOOLS}
COUNTS = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 3,
    "service_tier": "standard",
}
USAGE = {
    "prompt_tokens": 16,
    "completion_tokens": 7,
    "total_tokens": 23,
    "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "input_tokens": None,
    "output_tokens": None,
}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-2025"}
CITATION = {"type": "char_location", "cited_text": "Rain", "document_index": 0}
PAGE = {"type": "web_search_result_location", "url": "https://a.invalid", "title": "A"}
CITED = [
    {
        "type": "char_location",
        "char_location": {
            "cited_text": "Rain",
            "document_index": 0,
            "start_index": 6,
            "end_index": 11,
        },
    },
    {
        "type": "url_citation",
        "url_citation": {
            "url": "https://a.invalid",
            "title": "A",
            "start_index": 6,
            "end_index": 11,
        },
    },
]


def text(said: str, **fields: Any) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said, **fields}


def used(identifier: str | None, name: str, given: Any) -> dict[str, Any]:
    """A block that calls a tool."""
    block = {"type": "tool_use", "id": identifier, "name": name, "input": given}
    return {key: value for key, value in block.items() if value is not None}


def answered(
    reason: str | None, *blocks: Any, usage: Any = COUNTS, **fields: Any
) -> dict[str, Any]:
    """A message."""
    ended = {"stop_reason": reason, "stop_sequence": None}
    return {**HEAD, "content": list(blocks), **ended, "usage": usage, **fields}


THOUGHT = {"type": "thinking", "thinking": "Clouds.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a"}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "the city",
        "description": "Where.",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
EMULATED = {**ASK, "model": "claude-3-haiku-20240307", "response_format": SCHEMA}


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
            "id": "msg_1",
            "model": "claude-haiku-4-5-2025",
            "object": "chat.completion",
            "service_tier": "standard",
            "container": {"id": "c_1"},
            "choices": [
                {"index": 0, "native_finish_reason": "end_turn", "message": {"provider_data": None}}
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
        )
        for code, kind in [
            ("invalid_request_error", errors.BadRequestError),
            ("authentication_error", errors.AuthenticationError),
            ("billing_error", errors.QuotaExceededError),
            ("permission_error", errors.PermissionDeniedError),
            ("not_found_error", errors.NotFoundError),
            ("request_too_large", errors.BadRequestError),
            ("rate_limit_error", errors.RateLimitError),
            ("api_error", errors.ServerError),
        ]
    ],
    whole("nothing", ASK, answered(None), error=errors.DecodeError),
]

# --- streams ------------------------------------------------------------------------------


def begun(**fields: Any) -> list[Any]:
    """The event that begins a message."""
    usage = {**COUNTS, "output_tokens": 1}
    return [{"type": "message_start", "message": {**HEAD, "content": [], "usage": usage, **fields}}]


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[Any]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def spoken(*pieces: str) -> list[dict[str, Any]]:
    """Pieces of text."""
    return [{"type": "text_delta", "text": piece} for piece in pieces]


def typed(*pieces: str) -> list[dict[str, Any]]:
    """Pieces of an input."""
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def over(reason: str, **fields: Any) -> list[Any]:
    """The events that end a message."""
    delta = {"stop_reason": reason, "stop_sequence": None, **fields}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]


STREAMS = [
    event_stream(
        "text",
        ASK,
        *begun(container={"id": "c_1"}),
        {"type": "ping"},
        *block(0, text(""), *spoken("Ra", "i", "n", ".")),
        *over("end_turn"),
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            "id": "msg_1",
            "model": "claude-haiku-4-5-2025",
            "service_tier": "standard",
            "container": {"id": "c_1"},
            "choices": [{"native_finish_reason": "end_turn", "message": {"provider_data": None}}],
        },
    ),
    event_stream(
        "tools",
        WITH_TOOLS,
        *begun(),
        *block(0, text("I "), *spoken("look.")),
        *block(1, used("toolu_a", "weather", {}), *typed("", '{"city": ', '"Zürich"}')),
        *block(2, used("toolu_b", "time", {})),
        *over("tool_use"),
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
    event_stream(
        "whole input",
        WITH_TOOLS,
        *begun(id=None),
        *block(0, used(None, "time", {"zone": "CET"})),
        *over("end_turn"),
        tool_calls=[("time", {"zone": "CET"})],
        finish_reason="tool_calls",
        completion={
            "id": "msg_call",
            "choices": [{"message": {"tool_calls": [{"id": "call_call_0"}]}}],
        },
    ),
    event_stream(
        "thinking",
        ASK,
        *begun(),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Clo"},
            {"type": "thinking_delta", "thinking": "uds."},
            {"type": "signature_delta", "signature": "c2lnbmVk"},
        ),
        *block(1, REDACTED),
        *block(2, text(""), *spoken("Sunny ")),
        *block(
            3,
            text(""),
            *spoken("Rain."),
            {"type": "citations_delta", "citation": CITATION},
            {"type": "citations_delta", "citation": PAGE},
        ),
        *block(4, {"type": "compaction", "content": "a"}, {"type": "new", "content": "b", "n": 1}),
        {"type": "new_event", "value": 1},
        *over("stop_sequence", stop_sequence="4711", x_new=2),
        text="Sunny Rain.",
        reasoning="Clouds.",
        finish_reason="stop",
        completion={
            "x_new": 2,
            "events": [{"type": "new_event", "value": 1}],
            "choices": [
                {
                    "stop_sequence": "4711",
                    "message": {
                        "annotations": CITED,
                        "provider_data": {
                            "anthropic": {
                                "content": [
                                    THOUGHT,
                                    REDACTED,
                                    text("Sunny "),
                                    text("Rain.", citations=[CITATION, PAGE]),
                                    {"type": "compaction", "content": "ab", "n": 1},
                                ]
                            }
                        },
                    },
                }
            ],
        },
    ),
    event_stream(
        "with further fields",
        WITH_TOOLS,
        *begun(),
        *block(
            0,
            {"type": "thinking", "thinking": "Clo"},
            {"type": "thinking_delta", "thinking": "uds."},
            {"type": "signature_delta", "signature": "c2lnbmVk"},
        ),
        *block(
            1,
            used("toolu_a", "weather", {}),
            {"type": "input_json_delta", "partial_json": '{"city": "A"}', "x_new": 1},
        ),
        *over("tool_use"),
        reasoning="Clouds.",
        tool_calls=[("weather", {"city": "A"})],
    ),
    event_stream(
        "emulated",
        EMULATED,
        *begun(),
        *block(0, used("toolu_a", "the_city", {}), *typed('{"city":', '"Zürich"}')),
        *over("tool_use"),
        text='{"city":"Zürich"}',
        tool_calls=[],
        finish_reason="stop",
    ),
    event_stream(
        "broken input",
        WITH_TOOLS,
        *begun(),
        *block(0, used("toolu_a", "weather", {}), *typed('{"city": "Zü')),
        *over("max_tokens"),
        tool_calls=[("weather", '{"city": "Zü')],
        finish_reason="length",
    ),
    *[
        event_stream(f"error {name}", ASK, *begun(), event, error=kind, code=code)
        for name, kind, code, event in [
            (
                "named",
                errors.OverloadedError,
                "overloaded_error",
                {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
            ),
            ("text", errors.ProviderError, None, b"data: upstream failed\n\n"),
            ("bare", errors.ProviderError, None, b'event: error\ndata: "boom"\n\n'),
            ("proxy", errors.ProviderError, None, b'data: {"detail": "boom"}\n\n'),
            ("unknown block", errors.DecodeError, None, {"type": "content_block_stop", "index": 9}),
        ]
    ],
]

# --- errors -------------------------------------------------------------------------------


def failed(
    status: int, kind: type[errors.LLMGateError], told: str, detail: Any = None, **more: Any
) -> RecordedExchange:
    """A refusal with Anthropic's error object."""
    fields = {"type": told, "message": "It is so.", "details": {"error_code": detail}}
    payload = {"type": "error", "error": fields, "request_id": "req_1"}
    return refused(ASK, status, payload, kind, code=detail or told, message="It is so.", **more)


ERRORS = [
    failed(400, errors.BadRequestError, "invalid_request_error"),
    failed(400, errors.QuotaExceededError, "billing_error"),
    failed(400, errors.QuotaExceededError, "invalid_request_error", "enforced_spend_limit_reached"),
    failed(401, errors.AuthenticationError, "authentication_error"),
    failed(402, errors.QuotaExceededError, "payment"),
    failed(403, errors.PermissionDeniedError, "permission_error"),
    failed(404, errors.NotFoundError, "not_found_error"),
    failed(409, errors.ProviderError, "conflict_error", retryable=True),
    failed(429, errors.RateLimitError, "rate_limit_error"),
    failed(500, errors.ServerError, "api_error"),
    failed(529, errors.OverloadedError, "overloaded_error"),
    refused(ASK, 402, [], errors.QuotaExceededError),
    refused(ASK, 408, [], errors.ProviderError, retryable=True),
    refused(ASK, 429, {"error": "slow"}, errors.RateLimitError, message="slow"),
    *[
        refused(ASK, 400, payload, errors.BadRequestError, code=code, message="No.")
        for code, payload in [
            ("odd_error", {"type": "odd_error", "error": "No."}),
            ("odd_error", {"type": "odd_error", "detail": "No."}),
            ("odd_error", [{"error": {"type": "odd_error", "message": "No."}}]),
            ("1004", {"base_resp": {"status_code": 1004, "status_msg": "No."}}),
        ]
    ],
]

EXCHANGES = (*WHOLE, *STREAMS, *ERRORS)
