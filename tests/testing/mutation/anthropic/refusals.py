"""Calls that Anthropic cannot take, and that are refused before anything is sent."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import GoldenCall
from tests.testing.mutation.anthropic.sent import MARK
from tests.testing.mutation.anthropic.values import ASK, TOOLS, USER, WITH_TOOLS

__all__ = ["REFUSALS"]


def refused(name: str, error: type[errors.LLMGateError], **options: Any) -> GoldenCall:
    """A call with these options, which is refused so."""
    return GoldenCall(f"refused: {name}", {**ASK, **options}, error=error)


def said(name: str, *messages: Any) -> GoldenCall:
    """A call with these messages, which Anthropic has no way to say."""
    return refused(name, errors.UnsupportedError, messages=list(messages))


CALLED = {
    "role": "assistant",
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    ],
}


VALUES: dict[str, Any] = {
    "image_url": {"url": "https://a.invalid/b.png"},
    "file": {"file_id": "file_1"},
    "input_audio": {"data": "UklG", "format": "wav"},
}


def with_part(role: str, kind: str) -> GoldenCall:
    """A call with a part of this kind in a message of this role."""
    part = {"type": kind, kind: VALUES.get(kind, "a"), "text": "a", "cache_control": MARK}
    name = f"{kind} of the {role}"
    if role == "tool":
        return said(name, *USER, CALLED, {"role": "tool", "tool_call_id": "a", "content": [part]})
    return said(name, *USER, {"role": role, "content": [part]}, *USER)


def in_a_file(name: str, data: str, error: type[errors.LLMGateError]) -> GoldenCall:
    """A call with these data as a file."""
    part = {"type": "file", "file": {"file_data": data}}
    return refused(name, error, messages=[{"role": "user", "content": [part]}])


OTHER_FORMATS = (
    *("input_text", "output_text", "input_image", "input_file", "input_video", "audio"),
    *("audio_url", "video", "video_url", "tool_use", "tool_result", "a_tool_use"),
    *("a_tool_result", "thinking", "redacted_thinking", "compaction", "fallback"),
    *("tool_reference", "input_audio"),
)
OPEN = {"type": "object", "additionalProperties": True}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": OPEN}}

REFUSALS = [
    *[with_part("user", kind) for kind in OTHER_FORMATS],
    *[
        with_part("assistant", kind)
        for kind in ("image_url", "file", "image", "search_result", "tool_reference", "tool_use")
    ],
    *[
        with_part("system", kind)
        for kind in ("image_url", "file", "refusal", "image", "document", "container_upload")
    ],
    *[with_part("tool", kind) for kind in ("container_upload", "thinking", "input_text")],
    said("sound", *USER, {"role": "assistant", "content": "a", "audio": {"id": "a"}}, *USER),
    said(
        "custom call",
        *USER,
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "a", "input": ""}}],
        },
        *USER,
    ),
    refused(
        "a beginning",
        errors.UnsupportedError,
        model="claude-opus-5",
        messages=[*USER, {"role": "assistant", "content": "It"}],
    ),
    refused("nothing", errors.InvalidRequestError, messages=[{"role": "user", "content": " "}]),
    refused(
        "instructions alone",
        errors.InvalidRequestError,
        messages=[{"role": "system", "content": "Brief."}],
    ),
    in_a_file("bitmap", "data:image/bmp;base64,aW1h", errors.UnsupportedError),
    in_a_file("no base64", "data:text/plain;base64,a%b=", errors.InvalidRequestError),
    in_a_file("no text", "data:text/plain;base64,/w==", errors.InvalidRequestError),
    in_a_file("no data URL", "data:text/plain,abc", errors.InvalidRequestError),
    refused(
        "own data",
        errors.InvalidRequestError,
        messages=[
            *USER,
            {"role": "assistant", "content": "a", "provider_data": {"anthropic": {"content": 1}}},
            *USER,
        ],
    ),
    refused(
        "own blocks",
        errors.InvalidRequestError,
        messages=[
            *USER,
            {"role": "assistant", "content": "a", "provider_data": {"anthropic": {"content": [1]}}},
            *USER,
        ],
    ),
    refused(
        "custom tool", errors.UnsupportedError, tools=[{"type": "custom", "custom": {"name": "a"}}]
    ),
    refused("a dated custom tool", errors.UnsupportedError, tools=[{"type": "a_2025"}]),
    *[
        refused(
            f"forced by {choice}",
            errors.UnsupportedError,
            model="claude-opus-5-5",
            tools=TOOLS,
            tool_choice=choice,
        )
        for choice in ("required", {"type": "function", "function": {"name": "time"}})
    ],
    refused(
        "open schema beside tools", errors.UnsupportedError, tools=TOOLS, response_format=SCHEMA
    ),
    refused(
        "open schema beside own tools",
        errors.UnsupportedError,
        extra_body={"tools": [{"name": "a"}]},
        response_format=SCHEMA,
    ),
    refused(
        "open schema of a model that cannot be forced",
        errors.UnsupportedError,
        model="claude-opus-5-5",
        response_format=SCHEMA,
    ),
    refused("no format", errors.InvalidRequestError, response_format={"type": "json_schema"}),
    refused("several", errors.UnsupportedError, n=2),
    GoldenCall(
        "refused: an unknown choice",
        {**WITH_TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}},
        error=errors.InvalidRequestError,
    ),
]
