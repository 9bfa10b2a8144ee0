"""Streams of Anthropic, and what is expected of them."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from tests.testing.mutation.anthropic.values import (
    ASK,
    CITATION,
    CITED,
    COUNTS,
    EMULATED,
    HEAD,
    PAGE,
    REDACTED,
    THOUGHT,
    USAGE,
    WITH_TOOLS,
    text,
    used,
)
from tests.testing.mutation.writing import event_stream

__all__ = ["STREAMS"]


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
