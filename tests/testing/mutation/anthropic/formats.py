"""What is sent to Anthropic for formats of the response."""

from __future__ import annotations

from tests.testing.mutation.anthropic.sent import block, golden

__all__ = ["FORMATS"]

FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "schema": {
            "type": "object",
            "title": "A city",
            "properties": {
                "name": {"type": "string", "format": "date", "minLength": 3},
                "sizes": {"type": "array", "minItems": 1, "items": {"type": "number"}},
                "kind": {"oneOf": [{"type": "string"}, {"enum": [1]}]},
            },
            "required": ["name"],
        },
    },
}
STRICT = {
    "type": "object",
    "title": "A city",
    "properties": {
        "name": {"type": "string", "format": "date", "description": "{minLength: 3}"},
        "sizes": {"type": "array", "minItems": 1, "items": {"type": "number"}},
        "kind": {"anyOf": [{"type": "string"}, {"enum": [1]}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}
OPEN = {
    "type": "json_schema",
    "json_schema": {
        "name": "a b",
        "description": "Maps.",
        "schema": {"additionalProperties": {"type": "string"}},
    },
}
JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."


FORMATS = [
    golden("text", {"response_format": {"type": "text"}}, ["response_format dropped"]),
    golden(
        "json",
        {"response_format": {"type": "json_object"}},
        ["response_format emulated"],
        system=[block(JSON_ONLY)],
    ),
    golden(
        "schema",
        {"response_format": FORMAT},
        ["response_format.json_schema.schema converted"],
        output_config={"format": {"type": "json_schema", "schema": STRICT}},
    ),
    golden(
        "schema and effort",
        {
            "model": "claude-sonnet-5",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": STRICT},
            },
            "reasoning_effort": "low",
        },
        ["reasoning_effort converted"],
        model="claude-sonnet-5",
        output_config={"format": {"type": "json_schema", "schema": STRICT}, "effort": "low"},
    ),
    golden(
        "open schema",
        {"response_format": OPEN},
        ["response_format emulated"],
        tools=[
            {
                "name": "a_b",
                "description": "Maps.",
                "input_schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ],
        tool_choice={"type": "tool", "name": "a_b", "disable_parallel_tool_use": True},
    ),
    *[
        golden(
            f"open schema within {place}",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": it},
                }
            },
            ["response_format emulated"],
            tools=[{"name": "a", "input_schema": it}],
            tool_choice={"type": "tool", "name": "a", "disable_parallel_tool_use": True},
        )
        for place, it in {
            "a list": {
                "type": "object",
                "anyOf": [{"type": "object", "additionalProperties": True}],
            },
            "a property": {
                "type": "object",
                "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
        }.items()
    ],
]
