"""Parameters and formats as Cohere takes them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, RequestError, UnsupportedError
from tests.integration.cohere_calls import (
    CALLED,
    CITY,
    HELLO,
    IMAGE,
    RESULT,
    TEXT,
    TOOLS,
    WEATHER,
    encoded,
    tool,
)

# --- parameters ---------------------------------------------------------------------------

REASONER = "command-a-reasoning-08-2025"
PARAMETERS: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = [
    ({"temperature": 0.5}, {"temperature": 0.5}, []),
    ({"temperature": 0}, {"temperature": 0}, []),
    ({"temperature": 1.5}, {"temperature": 1}, [("clamped", "temperature")]),
    ({"top_p": 0.5}, {"p": 0.5}, []),
    ({"top_p": 1}, {"p": 0.99}, [("clamped", "top_p")]),
    ({"top_p": 0}, {"p": 0.01}, [("clamped", "top_p")]),
    ({"frequency_penalty": 0.5}, {"frequency_penalty": 0.5}, []),
    ({"frequency_penalty": -1}, {"frequency_penalty": 0}, [("clamped", "frequency_penalty")]),
    ({"presence_penalty": 1.5}, {"presence_penalty": 1}, [("clamped", "presence_penalty")]),
    ({"max_tokens": 9}, {"max_tokens": 9}, []),
    ({"max_completion_tokens": 9}, {"max_tokens": 9}, []),
    ({"max_completion_tokens": 9, "max_tokens": 9}, {"max_tokens": 9}, []),
    (
        {"max_completion_tokens": 9, "max_tokens": 8},
        {"max_tokens": 9},
        [("dropped", "max_tokens")],
    ),
    ({"stop": "END"}, {"stop_sequences": ["END"]}, []),
    ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}, []),
    ({"seed": 7}, {"seed": 7}, []),
    ({"seed": -1}, {"seed": 2**64 - 1}, [("converted", "seed")]),
    ({"logprobs": True}, {"logprobs": True}, []),
    ({"modalities": ["text"]}, {}, [("dropped", "modalities")]),
    ({"n": 1}, {}, []),
    ({"user": "u"}, {}, [("dropped", "user")]),
    ({"top_logprobs": 3}, {}, [("dropped", "top_logprobs")]),
    ({"parallel_tool_calls": False}, {}, [("dropped", "parallel_tool_calls")]),
    ({"stream": True}, {"stream": True}, []),
    (
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream": True},
        [("dropped", "stream_options.include_obfuscation")],
    ),
    ({"reasoning_effort": "low"}, {}, [("dropped", "reasoning_effort")]),
    ({"extra_body": {"k": 5, "temperature": 0.1}}, {"k": 5, "temperature": 0.1}, []),
]


@pytest.mark.parametrize(("given", "sent", "reported"), PARAMETERS)
def test_parameters(given: Any, sent: Any, reported: Any) -> None:
    """Each parameter is sent in Cohere's words and range; what differs is reported."""
    body, deviations = encoded(**given)
    base = {"model": "command-a-03-2025", "messages": HELLO, "stream": False}
    assert base | sent == body
    assert reported == deviations


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        ("none", {"type": "disabled"}),
        ("minimal", {"type": "enabled", "token_budget": 512}),
        ("low", {"type": "enabled", "token_budget": 2048}),
        ("medium", {"type": "enabled", "token_budget": 8192}),
        ("high", {"type": "enabled"}),
        ("xhigh", {"type": "enabled", "token_budget": 31000}),
        ("max", {"type": "enabled", "token_budget": 31000}),
    ],
)
def test_efforts(effort: str, thinking: Any) -> None:
    """An effort is a budget of thoughts, reported as converted."""
    body, deviations = encoded(model=REASONER, reasoning_effort=effort)
    assert thinking == body["thinking"]
    assert [("converted", "reasoning_effort")] == deviations


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("command", False),
        ("command-nightly", False),
        ("command-light", False),
        ("command-r", False),
        ("command-r-plus-08-2024", False),
        ("command-r7b-12-2024", False),
        ("command-a-03-2025", False),
        ("c4ai-aya-expanse-32b", False),
        (REASONER, True),
        ("command-a-plus-05-2026", True),
        ("command-reason", True),
        ("a-model-of-tomorrow", True),
    ],
)
def test_models_that_cannot_reason_are_not_told_to(model: str, thinks: bool) -> None:
    """Only models that are known not to reason are spared; a new name is told."""
    assert thinks is ("thinking" in encoded(model=model, reasoning_effort="high")[0])


# --- formats ------------------------------------------------------------------------------


def schema_format(schema: Any) -> dict[str, Any]:
    """A schema as OpenAI's format."""
    return {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}


FORMATS: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    ({"type": "text"}, None, [("dropped", "response_format")]),
    ({"type": "json_object"}, {"type": "json_object"}, []),
    (
        {"type": "json_object", "json_schema": CITY},
        {"type": "json_object", "json_schema": CITY},
        [],
    ),
    (
        {"type": "json_object", "x": 1},
        {"type": "json_object"},
        [("dropped", "response_format.x")],
    ),
    (
        schema_format(CITY),
        {"type": "json_object", "json_schema": CITY},
        [("converted", "response_format")],
    ),
]


@pytest.mark.parametrize(("given", "sent", "reported"), FORMATS)
def test_formats(given: Any, sent: Any, reported: Any) -> None:
    """A schema stands alone in Cohere's format, without name and strictness."""
    body, deviations = encoded(response_format=given)
    assert sent == body.get("response_format")
    assert reported == deviations


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": "{minimum: 1}"}),
        (
            {"type": "string", "description": "A name.", "maxLength": 9},
            {"type": "string", "description": "A name.\n\n{maxLength: 9}"},
        ),
        ({"type": "string", "format": "uuid"}, {"type": "string", "format": "uuid"}),
        (
            {"type": "string", "format": "email"},
            {"type": "string", "description": "{format: email}"},
        ),
        ({"type": "string", "pattern": "[a-z]+"}, {"type": "string", "pattern": "[a-z]+"}),
        (
            {"type": "string", "pattern": "^[a-z]+$"},
            {"type": "string", "description": "{pattern: ^[a-z]+$}"},
        ),
        ({"oneOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}]}),
        ({"allOf": [{"$ref": "#/properties/p"}]}, {"$ref": "#/properties/p"}),
        ({"allOf": [True]}, {"description": "{allOf: [True]}"}),
        ({"format": ["uuid"]}, {"description": "{format: ['uuid']}"}),
        ({"items": {"not": {}}}, {"items": {"description": "{not: {}}"}}),
        ({"properties": {"minimum": {"type": "number"}}},) * 2,
        ({"$defs": {"A": {"minItems": 1}}}, {"$defs": {"A": {"description": "{minItems: 1}"}}}),
        ({"additionalProperties": False},) * 2,
        ({"enum": ["minimum", {"minimum": 1}]},) * 2,
    ],
)
def test_schemas(schema: Any, sent: Any) -> None:
    """What the dialect lacks is said in the description; properties of that name stay."""
    body, _ = encoded(
        response_format=schema_format({"type": "object", "properties": {"p": schema}})
    )
    assert sent == body["response_format"]["json_schema"]["properties"]["p"]


# --- refusals -----------------------------------------------------------------------------

CUSTOM = {"type": "custom", "custom": {"name": "c"}}
REFUSED: list[tuple[dict[str, Any], type[RequestError], str]] = [
    ({"n": 2}, UnsupportedError, "n"),
    ({"modalities": ["text", "audio"]}, UnsupportedError, "modalities"),
    ({"tools": [CUSTOM]}, UnsupportedError, "tools[0]"),
    ({"tools": TOOLS, "tool_choice": CUSTOM}, UnsupportedError, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": "any"}, InvalidRequestError, "tool_choice"),
    ({"tool_choice": "required"}, InvalidRequestError, "tool_choice"),
    (
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}},
        InvalidRequestError,
        "tool_choice",
    ),
    (
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {}}},
        InvalidRequestError,
        "tool_choice",
    ),
    ({"tools": TOOLS, "response_format": {"type": "json_object"}}, UnsupportedError, ""),
    (
        {"extra_body": {"documents": ["a"]}, "response_format": {"type": "json_object"}},
        UnsupportedError,
        "response_format",
    ),
    ({"response_format": {"type": "xml"}}, InvalidRequestError, "response_format"),
    ({"model": REASONER, "reasoning_effort": "huge"}, InvalidRequestError, "reasoning_effort"),
    ({"messages": [{"role": "assistant", "content": ""}]}, InvalidRequestError, "messages"),
    (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        UnsupportedError,
        "messages[0].content[0]",
    ),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        TEXT,
                        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    ],
                }
            ]
        },
        UnsupportedError,
        "messages[0].content[1]",
    ),
    ({"messages": [{"role": "system", "content": [IMAGE]}]}, UnsupportedError, ""),
    ({"messages": [{**RESULT, "content": [IMAGE]}]}, UnsupportedError, "messages[0].content[0]"),
    (
        {"messages": [{**RESULT, "content": [{"type": "document"}]}]},
        InvalidRequestError,
        "messages[0].content[0].document",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "thinking"}]}]},
        InvalidRequestError,
        "messages[0].content[0].thinking",
    ),
    (
        {"messages": [{"role": "assistant", "content": "x", "audio": {"id": "a"}}]},
        UnsupportedError,
        "messages[0].audio",
    ),
    (
        {
            "messages": [
                {
                    **CALLED,
                    "tool_calls": [
                        {"id": "c", "type": "custom", "custom": {"name": "c", "input": ""}}
                    ],
                }
            ]
        },
        UnsupportedError,
        "messages[0].tool_calls[0]",
    ),
]


@pytest.mark.parametrize(("given", "kind", "where"), REFUSED)
def test_what_cannot_be_said_is_refused(given: Any, kind: type[RequestError], where: str) -> None:
    """What would change the meaning is refused before sending, with its path."""
    with pytest.raises(kind) as caught:
        encoded(**given)
    found = getattr(caught.value, "path", None) or getattr(caught.value, "parameter", "")
    assert where in (found, "")


@pytest.mark.parametrize(
    "options",
    [
        {"user": "u"},
        {"parallel_tool_calls": True},
        {"reasoning_effort": "low"},
        {"tools": [tool(WEATHER, strict=True), tool({"name": "b", "parameters": CITY})]},
        {"messages": [{"role": "user", "content": "Hi", "name": "ann"}]},
    ],
)
def test_knobs_are_refused_on_demand(options: Any) -> None:
    """A knob that would be dropped raises under ``unsupported="raise"``."""
    with pytest.raises(UnsupportedError):
        encoded(**options, unsupported="raise")


def test_a_choice_among_no_tools_is_left_out() -> None:
    """``auto`` and ``none`` say nothing where there are no tools."""
    for choice in ("auto", "none"):
        body, deviations = encoded(tool_choice=choice)
        assert "tool_choice" not in body
        assert [("dropped", "tool_choice")] == deviations
