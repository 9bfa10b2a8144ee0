"""What is to be sent to OpenAI: bodies, headers and reports."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import CANARY, GoldenCall
from tests.testing.mutation.openai.values import ASK, TOOLS, TWO, USER, WITH_TOOLS

__all__ = ["ASK", "HEADERS", "SENT", "URL"]

URL = "https://api.openai.com/v1/chat/completions"
HEADERS = {"authorization": f"Bearer {CANARY}", "content-type": "application/json"}


def golden(
    name: str, call: dict[str, Any], report: list[str] | None = None, **body: Any
) -> GoldenCall:
    """A call that is sent as it is, but for this."""
    sent = {key: value for key, value in {**call, **body}.items() if value is not ...}
    return GoldenCall(name, call, sent, URL, HEADERS, report or [])


MARK = {"type": "ephemeral"}
PART = {"type": "text", "text": "Weather?"}
REASONING = {**ASK, "model": "o3"}
SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logit_bias": {"1": 1},
    "logprobs": True,
    "top_logprobs": 2,
}
INJECTED = "stream_options.include_usage injected"


def earlier(name: str, report: list[str], sent: dict[str, Any], **fields: Any) -> GoldenCall:
    """A call with an earlier message of the assistant."""
    message = {"role": "assistant", "content": "Rain.", **fields}
    message = {key: value for key, value in message.items() if value is not ...}
    call = {"model": "gpt-4o", "messages": [*USER, message, *USER]}
    kept = {key: value for key, value in {**message, **sent}.items() if value is not ...}
    return golden(name, call, report, messages=[*USER, kept, *USER])


SENT = (
    golden("plain", ASK),
    golden("functions", {**ASK, "functions": [{"name": "f"}], "function_call": "auto"}),
    golden(
        "functions in a stream",
        {**WITH_TOOLS, "stream": True},
        [INJECTED],
        stream_options={"include_usage": True},
    ),
    earlier("a refusal", [], {"content": None}, content=..., refusal="No."),
    earlier("nothing", ["messages[1].content converted"], {"content": ""}, content=None),
    golden("sampling", {**ASK, **SAMPLING, "max_tokens": 5}),
    golden("stream", {**ASK, "stream": True}, [INJECTED], stream_options={"include_usage": True}),
    golden(
        "stream with options",
        {**ASK, "stream": True, "stream_options": {"include_obfuscation": False}},
        [INJECTED, "stream_options.include_obfuscation dropped"],
        stream_options={"include_usage": True},
    ),
    golden("extra", {**ASK, "extra_body": {"top_k": 3}}, extra_body=..., top_k=3),
    golden(
        "limit while reasoning",
        {**REASONING, "max_tokens": 5},
        ["max_tokens renamed"],
        max_tokens=...,
        max_completion_tokens=5,
    ),
    golden("two limits", {**REASONING, "max_tokens": 5, "max_completion_tokens": 6}),
    golden(
        "sampling while reasoning",
        {**REASONING, **SAMPLING},
        [f"{name} dropped" for name in SAMPLING],
        **dict.fromkeys(SAMPLING, ...),
    ),
    golden(
        "allowed while reasoning",
        {**REASONING, "temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0},
    ),
    golden("no reasoning", {**REASONING, "model": "gpt-5", "reasoning_effort": "none", **SAMPLING}),
    golden("not asked to reason", {**ASK, "model": "gpt-5.1", **SAMPLING}),
    earlier(
        "own data",
        ["messages[1].provider_data.acme dropped"],
        {"provider_data": ..., "x_kept": 1},
        provider_data={"openai": {"x_kept": 1}, "acme": {"a": 1}},
    ),
    earlier(
        "reasoning",
        ["messages[1].reasoning_content dropped", "messages[1].reasoning dropped"],
        {"reasoning_content": ..., "reasoning": ...},
        reasoning_content="Clouds.",
        reasoning="Clouds.",
    ),
    earlier(
        "parts",
        ["messages[1].content_parts dropped", "messages[1].reasoning_details dropped"],
        {"content_parts": ..., "reasoning_details": ...},
        content_parts=[{"type": "text", "text": "Rain."}],
        reasoning_details=[{"type": "a"}],
    ),
    earlier(
        "images",
        ["messages[1].images dropped"],
        {"images": ...},
        images=[{"type": "image_url"}],
    ),
    earlier(
        "items of the Responses API",
        ["messages[1].provider_data.openai.items dropped"],
        {"provider_data": ...},
        provider_data={"openai": {"items": [{"type": "reasoning"}]}},
    ),
    earlier(
        "calls beside no text",
        [],
        {"content": None, "x_a": 1, "provider_data": ...},
        content=None,
        tool_calls=TWO,
        provider_data={"openai": {"x_a": 1}},
    ),
    golden(
        "plain calls",
        {
            **WITH_TOOLS,
            "messages": [
                *USER,
                {"role": "assistant", "content": None, "tool_calls": TWO},
                {"role": "tool", "tool_call_id": "call_a", "content": "Rain"},
                {"role": "tool", "tool_call_id": "call_b", "content": "Noon"},
            ],
        },
    ),
    golden(
        "marks",
        {
            **ASK,
            "messages": [
                {"role": "system", "content": "Brief.", "cache_control": MARK},
                {"role": "user", "content": [{**PART, "cache_control": MARK}, PART]},
            ],
            "tools": [{**TOOLS[0], "cache_control": MARK}, TOOLS[1]],
        },
        [
            "tools[0].cache_control dropped",
            "messages[0].cache_control dropped",
            "messages[1].content[0].cache_control dropped",
        ],
        messages=[
            {"role": "system", "content": "Brief."},
            {"role": "user", "content": [PART, PART]},
        ],
        tools=TOOLS,
    ),
    golden(
        "a mark of a part alone",
        {**ASK, "messages": [{"role": "user", "content": [{**PART, "cache_control": MARK}]}]},
        ["messages[0].content[0].cache_control dropped"],
        messages=[{"role": "user", "content": [PART]}],
    ),
    *[
        GoldenCall(f"no limit of {name}", {**ASK, name: -1}, error=errors.InvalidRequestError)
        for name in ("max_tokens", "max_completion_tokens")
    ],
    earlier(
        "audio by its id",
        [],
        {},
        audio={"id": "audio_1"},
    ),
    earlier(
        "audio",
        ["messages[1].audio converted"],
        {"audio": {"id": "audio_1"}},
        audio={"id": "audio_1", "data": "UklG", "transcript": "Rain."},
    ),
)
