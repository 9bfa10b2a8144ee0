"""Chat parameters as the Messages API takes them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, RequestError, UnsupportedError
from llmgate.testing.driving import call_of
from llmgate_anthropic import Anthropic, encode
from tests.integration.anthropic_calls import HAIKU, HELLO, OLD, OPUS, encoded

SEARCH: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
TOOLS: Any = [{"type": "function", "function": {"name": "now"}}]
SCHEMA: Any = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
MAP: Any = {"type": "object", "additionalProperties": {"type": "string"}}
MAP_FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "m", "schema": MAP}}
PARAMETERS: Any = [
    (
        {"max_tokens": None, "stream": True},
        {"max_tokens": 64_000},
        [("defaulted", "max_tokens")],
    ),
    (
        {"max_tokens": 99_000},
        {"max_tokens": 64_000},
        [("clamped", "max_tokens"), ("injected", "stream")],
    ),
    ({"max_completion_tokens": 5}, {"max_tokens": 5}, [("dropped", "max_tokens")]),
    ({"max_completion_tokens": 1000}, {"max_tokens": 1000}, []),
    (
        {"max_tokens": 9_000, "max_completion_tokens": 9_000, "model": OLD},
        {"max_tokens": 8_192},
        [("clamped", "max_completion_tokens"), ("clamped", "max_tokens")],
    ),
    (
        {
            "model": OPUS,
            "reasoning_effort": "low",
            "extra_body": {"output_config": {"task_budget": 5}},
        },
        {"output_config": {"effort": "low", "task_budget": 5}},
        [("converted", "reasoning_effort")],
    ),
    (
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"properties": None}}}
            ]
        },
        {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]},
        [("injected", "tools[0].function.parameters")],
    ),
    (
        {
            "model": OLD,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "description": "A number.", "schema": SCHEMA},
            },
        },
        {"tools": [{"name": "n", "input_schema": SCHEMA, "description": "A number."}]},
        [("emulated", "response_format")],
    ),
    (
        {"model": "smollm2", "max_tokens": None},
        {"max_tokens": 8_192},
        [("defaulted", "max_tokens")],
    ),
    ({"model": "smollm2", "max_tokens": 9_000}, {"max_tokens": 9_000}, []),
    ({"temperature": 1.5}, {"temperature": 1}, [("clamped", "temperature")]),
    (
        {"temperature": 0.5, "top_p": 0.9},
        {"temperature": 0.5, "top_p": ...},
        [("dropped", "top_p")],
    ),
    ({"model": OPUS, "temperature": 1}, {"temperature": ...}, [("dropped", "temperature")]),
    (
        {"reasoning_effort": "low", "temperature": 0.5, "max_tokens": 9_000},
        {"temperature": ..., "thinking": {"type": "enabled", "budget_tokens": 2_048}},
        [("converted", "reasoning_effort"), ("dropped", "temperature")],
    ),
    (
        {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "top_p": 0.5},
        {"top_p": ...},
        [("dropped", "top_p")],
    ),
    ({"stop": ["\n", "END"]}, {"stop_sequences": ["END"]}, [("dropped", "stop[0]")]),
    ({"stop": " "}, {"stop_sequences": ...}, [("dropped", "stop[0]")]),
    ({"user": "a@b.example"}, {"metadata": ...}, [("dropped", "user")]),
    ({"user": "+47 22 33 44 55"}, {"metadata": ...}, [("dropped", "user")]),
    (
        {"user": "u", "safety_identifier": "s"},
        {"metadata": {"user_id": "s"}},
        [("dropped", "user")],
    ),
    ({"service_tier": "flex"}, {"service_tier": ...}, [("dropped", "service_tier")]),
    ({"modalities": ["text"]}, {"modalities": ...}, [("dropped", "modalities")]),
    (
        {
            "stream": True,
            "stream_options": {"include_usage": True, "include_obfuscation": True},
        },
        {"stream": True},
        [("dropped", "stream_options.include_obfuscation")],
    ),
    ({"max_tokens": 21_334}, {"stream": True}, [("injected", "stream")]),
    ({"max_tokens": 21_333}, {"stream": ...}, []),
    # --- thinking
    ({"reasoning_effort": "extreme"}, {"thinking": ...}, [("dropped", "reasoning_effort")]),
    (
        {"model": OLD, "reasoning_effort": "low"},
        {"thinking": ...},
        [("dropped", "reasoning_effort")],
    ),
    (
        {"model": OLD, "reasoning_effort": "none"},
        {"thinking": ...},
        [("converted", "reasoning_effort")],
    ),
    (
        {"model": OPUS, "reasoning_effort": "none"},
        {"output_config": {"effort": "low"}},
        [("converted", "reasoning_effort")],
    ),
    (
        {"model": OPUS, "reasoning_effort": "minimal"},
        {"output_config": {"effort": "low"}, "thinking": ...},
        [("converted", "reasoning_effort")],
    ),
    (
        {"model": "claude-opus-4-6", "reasoning_effort": "xhigh"},
        {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}},
        [("converted", "reasoning_effort")],
    ),
    ({"reasoning_effort": "low"}, {"thinking": ...}, [("dropped", "reasoning_effort")]),
    (
        {"reasoning_effort": "high", "max_tokens": 3000},
        {"thinking": {"type": "enabled", "budget_tokens": 1500}},
        [("converted", "reasoning_effort")],
    ),
    (
        {
            "reasoning_effort": "low",
            "tools": TOOLS,
            "tool_choice": "required",
            "max_tokens": 9_000,
        },
        {"thinking": ..., "tool_choice": {"type": "any"}},
        [("dropped", "reasoning_effort")],
    ),
    # --- tools
    ({"tool_choice": "auto"}, {"tool_choice": ...}, [("dropped", "tool_choice")]),
    (
        {"parallel_tool_calls": True},
        {"tool_choice": ...},
        [("dropped", "parallel_tool_calls")],
    ),
    (
        {"tools": TOOLS, "tool_choice": "none", "parallel_tool_calls": False},
        {"tool_choice": {"type": "none"}},
        [("dropped", "parallel_tool_calls")],
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": 1}}}]},
        {"tools": [{"name": "f", "input_schema": {"type": "object", "a": 1}}]},
        [("injected", "tools[0].function.parameters")],
    ),
    (
        {
            "model": OLD,
            "tools": [{"type": "function", "function": {"name": "f", "strict": True}}],
        },
        {"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]},
        [("dropped", "tools[0].function.strict")],
    ),
    (
        {"web_search_options": {"search_context_size": "low"}},
        {"tools": [SEARCH]},
        [
            ("dropped", "web_search_options.search_context_size"),
            ("converted", "web_search_options"),
        ],
    ),
    (
        {"web_search_options": {"user_location": {"type": "approximate", "country": "DE"}}},
        {"tools": [{**SEARCH, "user_location": {"type": "approximate", "country": "DE"}}]},
        [("converted", "web_search_options")],
    ),
    (
        {"web_search_options": {"user_location": {"approximate": None, "city": "Kiel"}}},
        {"tools": [{**SEARCH, "user_location": {"type": "approximate", "city": "Kiel"}}]},
        [("converted", "web_search_options")],
    ),
    # --- formats
    ({"response_format": {"type": "text"}}, {}, [("dropped", "response_format")]),
    ({"response_format": {"type": "json_object"}}, {}, [("emulated", "response_format")]),
    (
        {"response_format": FORMAT},
        {
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
                        "additionalProperties": False,
                    },
                }
            }
        },
        [("converted", "response_format.json_schema.schema")],
    ),
    (
        {"model": OLD, "response_format": FORMAT},
        {
            "tools": [{"name": "n", "input_schema": SCHEMA}],
            "tool_choice": {
                "type": "tool",
                "name": "n",
                "disable_parallel_tool_use": True,
            },
        },
        [("emulated", "response_format")],
    ),
    (
        {"response_format": MAP_FORMAT},
        {"tools": [{"name": "m", "input_schema": MAP}]},
        [("emulated", "response_format")],
    ),
]


@pytest.mark.parametrize(("options", "expected", "report"), PARAMETERS)
def test_parameter_that_is_not_sent_as_given_is_reported(
    options: Any, expected: Any, report: Any, provider: Anthropic
) -> None:
    """Each parameter is in the body as Anthropic wants it, and the report names what differs."""
    body, found = encoded(provider, **options)
    assert expected == {key: body.get(key, ...) for key in expected}
    assert report == found


@pytest.mark.parametrize("odd", [None, "x", [], {}])
def test_a_limit_that_is_none_is_for_the_api_to_refuse(odd: Any, provider: Anthropic) -> None:
    """What stands in ``extra_body`` is sent as it is."""
    body, found = encoded(provider, extra_body={"max_tokens": odd})
    assert odd == body["max_tokens"]
    assert [] == found


def part(kind: str, value: Any) -> list[dict[str, Any]]:
    """A message of the user with one part."""
    return [{"role": "user", "content": [{"type": kind, kind: value}]}]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        (
            {"messages": part("input_audio", {"data": "AAAA", "format": "wav"})},
            "messages[0].content[0]",
        ),
        ({"messages": part("video_url", {"url": "https://a.example"})}, "messages[0].content[0]"),
        (
            {"messages": part("image_url", {"url": "data:image/tiff;base64,AAAA"})},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"messages": part("file", {"file_data": "data:application/zip;base64,AAAA"})},
            "messages[0].content[0].file.file_data",
        ),
        ({"messages": part("file", {"filename": "a"})}, "messages[0].content[0].file"),
        (
            {"messages": part("file", {"file_data": "AAAA"})},
            "messages[0].content[0].file.file_data",
        ),
        (
            {"messages": part("file", {"file_data": "data:text/plain;base64,/w=="})},
            "messages[0].content[0].file.file_data",
        ),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "messages"),
        (
            {"messages": [*HELLO, {"role": "assistant", "content": None, "audio": {"id": "a"}}]},
            "messages[1].audio",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}}
                        ],
                    }
                ]
            },
            "messages[0].tool_calls[0]",
        ),
        (
            {"messages": [{"role": "assistant", "provider_data": {"anthropic": {"content": 5}}}]},
            "messages[0].provider_data.anthropic.content",
        ),
        (
            {"messages": [{"role": "assistant", "provider_data": {"anthropic": {"content": [5]}}}]},
            "messages[0].provider_data.anthropic.content[0]",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "custom", "custom": {}}}, "tool_choice"),
        (
            {
                "tools": TOOLS,
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [5]},
                },
            },
            "tool_choice",
        ),
        ({"model": OPUS, "tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"model": OPUS, "response_format": MAP_FORMAT}, "response_format"),
        ({"model": OLD, "response_format": FORMAT, "tools": TOOLS}, "response_format"),
        ({"n": 2}, "n"),
        (
            {"web_search_options": {"user_location": {"approximate": "Kiel"}}},
            "web_search_options.user_location.approximate",
        ),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ],
)
def test_what_would_change_the_meaning_is_refused(
    options: dict[str, Any], path: str, provider: Anthropic
) -> None:
    """What Anthropic cannot be asked is refused before anything is sent, with its path."""
    with pytest.raises(RequestError) as caught:
        encoded(provider, **options)
    error: Any = caught.value
    assert isinstance(error, UnsupportedError | InvalidRequestError)
    found = error.path if isinstance(error, InvalidRequestError) else error.parameter
    assert path == found or path in str(error)


def test_raise_refuses_what_would_be_dropped(provider: Anthropic) -> None:
    """With unsupported="raise" a knob that the model lacks is refused, not dropped."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    for rules in ({"model": OPUS}, {"model": HAIKU, "extra_body": {"thinking": thinking}}):
        asked = {"messages": HELLO, "temperature": 0.5, "unsupported": "raise", **rules}
        with pytest.raises(UnsupportedError, match="temperature"):
            encode(call_of(provider, asked))
