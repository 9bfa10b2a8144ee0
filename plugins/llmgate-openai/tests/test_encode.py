"""Requests: what is sent for a call, and what the report says of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from llmgate.errors import InvalidRequestError
from tests.integration.openai_requests import ELSEWHERE, HELLO, TOOL, sent_request

_CUSTOM_TOOL = {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}
_CALLS = [
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"X"}'}},
    {"id": "b", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
]
_PIXEL = "data:image/png;base64,iVBORw0KGgo="
_PARAMETERS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.2, "top_p": 0.9, "presence_penalty": -1, "frequency_penalty": 0.5},
    {"max_tokens": 5},
    {"max_completion_tokens": 5},
    {"n": 2, "seed": -7, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
    {"stop": "\n"},
    {"stop": ["a", "b", "c", "d"]},
    {"logit_bias": {"50256": -100}},
    {"logprobs": True, "top_logprobs": 20},
    {"response_format": {"type": "json_object"}},
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
        }
    },
    {"tools": [TOOL, _CUSTOM_TOOL], "tool_choice": "required", "parallel_tool_calls": False},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    {"tools": [_CUSTOM_TOOL], "tool_choice": {"type": "custom", "custom": {"name": "sql"}}},
    {
        "tools": [TOOL],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [TOOL]},
        },
    },
    {"functions": [TOOL["function"]], "function_call": {"name": "weather"}},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    {"prediction": {"type": "content", "content": "x"}},
    {"metadata": {"a": "b"}, "store": True, "service_tier": "flex", "verbosity": "low"},
    {"web_search_options": {"search_context_size": "low"}},
    {"prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "explicit"}},
    {"moderation": {"model": "omni-moderation-latest"}},
    {"reasoning_effort": "low"},
]
_HISTORIES: list[list[dict[str, Any]]] = [
    [{"role": "developer", "content": "Be brief", "name": "d"}, *HELLO],
    [{"role": "system", "content": [{"type": "text", "text": "Be brief"}]}, *HELLO],
    [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": _PIXEL, "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    ],
    [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": _CALLS},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "1"}]},
    ],
    [
        *HELLO,
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "weather", "arguments": "{}"},
        },
        {"role": "function", "name": "weather", "content": "sunny"},
    ],
    [*HELLO, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}, *HELLO],
    [*HELLO, {"role": "assistant", "audio": {"id": "audio_1"}, "content": None}, *HELLO],
]


@pytest.mark.parametrize("parameters", _PARAMETERS, ids=lambda given: ",".join(given) or "none")
async def test_parameters_are_sent_as_they_are(parameters: dict[str, Any]) -> None:
    """The format is OpenAI's own: nothing is added, renamed or left out."""
    model = "gpt-4o-search-preview" if "web_search_options" in parameters else "gpt-4o"
    sent, reported = await sent_request(model=model, **parameters)
    assert {"model": model, "messages": HELLO, **parameters} == sent
    assert {} == reported
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)


@pytest.mark.parametrize("history", _HISTORIES)
@pytest.mark.parametrize("base_url", [None, ELSEWHERE])
async def test_messages_are_sent_as_they_are(history: list[Any], base_url: str | None) -> None:
    """Every role and every part, with its unknown fields, goes to OpenAI as it was given.

    Elsewhere the legacy form is said in terms of tools, since few hosts know it.
    """
    sent, reported = await sent_request(messages=history, base_url=base_url)
    if base_url is None or not any(message["role"] == "function" for message in history):
        assert history == sent["messages"]
        assert {} == reported
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(sent)


async def test_fields_that_nobody_knows_are_sent() -> None:
    """A field of tomorrow inside a message or a tool reaches the host."""
    message = {"role": "user", "content": [{"type": "text", "text": "x", "cache": 1}], "y": 2}
    sent, _ = await sent_request(messages=[message], tools=[{**TOOL, "z": 3}])
    assert ([message], [{**TOOL, "z": 3}]) == (sent["messages"], sent["tools"])


async def test_the_extra_body_is_merged_last() -> None:
    """It may add what no argument says, and override what one says."""
    sent, _ = await sent_request(temperature=0.5, extra_body={"temperature": 1, "top_k": 3})
    assert (1, 3) == (sent["temperature"], sent["top_k"])


async def test_objects_of_the_extra_body_are_merged_recursively() -> None:
    """What it does not name stays; lists, and what is not an object on both sides, are replaced."""
    schema = {"name": "a", "schema": {"type": "object", "required": ["b"]}}
    given = {"type": "json_schema", "json_schema": schema}
    extra: dict[str, Any] = {
        "response_format": {"json_schema": {"strict": True, "schema": {"required": []}}},
        "stop": {"tokens": [1]},
    }
    sent, _ = await sent_request(response_format=given, stop=["x"], extra_body=extra)
    merged: dict[str, Any] = {
        "name": "a",
        "schema": {"type": "object", "required": []},
        "strict": True,
    }
    assert {"type": "json_schema", "json_schema": merged} == sent["response_format"]
    assert {"tokens": [1]} == sent["stop"]


# --- streams --------------------------------------------------------------------------------


async def test_a_stream_asks_for_its_usage() -> None:
    """Nobody has to know ``stream_options`` to see what was billed; the report says so."""
    sent, reported = await sent_request(stream=True)
    assert (True, {"include_usage": True}) == (sent["stream"], sent["stream_options"])
    assert {"stream_options.include_usage": "injected"} == reported
    TypeAdapter(CompletionCreateParamsStreaming).validate_python(sent)


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"include_usage": False}, ["stream_options.include_usage"]),
        ({"include_usage": True}, []),
        (
            {"include_obfuscation": False},
            ["stream_options.include_obfuscation", "stream_options.include_usage"],
        ),
    ],
)
async def test_every_stream_asks_for_its_usage(
    options: dict[str, bool], reported: list[str]
) -> None:
    """``stream_options`` only says whether the chunk of the usage is delivered."""
    sent, paths = await sent_request(stream=True, stream_options=options)
    assert {"include_usage": True} == sent["stream_options"]
    assert reported == list(paths)


async def test_further_options_of_a_stream() -> None:
    """They are given in the body, which is merged with what is sent."""
    extra = {"stream_options": {"include_obfuscation": False}}
    sent, _ = await sent_request(stream=True, extra_body=extra)
    assert {"include_usage": True, "include_obfuscation": False} == sent["stream_options"]


async def test_another_host_is_asked_for_usage_where_the_caller_does() -> None:
    """Whoever asks for it knows that host."""
    options = {"include_usage": True}
    sent, reported = await sent_request(stream=True, base_url=ELSEWHERE, stream_options=options)
    assert options == sent["stream_options"]
    assert {} == reported


async def test_another_host_is_asked_for_usage_as_well() -> None:
    """What is done where it refuses that is in ``test_stream_usage``."""
    sent, reported = await sent_request(stream=True, base_url=ELSEWHERE)
    assert {"include_usage": True} == sent["stream_options"]
    assert {"stream_options.include_usage": "injected"} == reported


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_no_limit_is_for_other_hosts_to_read(name: str) -> None:
    """OpenAI's own refuses -1, which some others take for no limit."""
    sent, _ = await sent_request(base_url=ELSEWHERE, **{name: -1})
    assert -1 == sent[name]
    with pytest.raises(InvalidRequestError, match=f"{name}: expected 1 or more, got -1"):
        await sent_request(**{name: -1})
