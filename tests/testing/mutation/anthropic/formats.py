"""What is sent to Anthropic for formats of the response."""

from __future__ import annotations

from typing import Any

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
KEPT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        **{
            name: {"type": "string", "format": name}
            for name in (
                *("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time"),
                *("uri", "uuid"),
            )
        },
        "kind": {"const": "a", "default": "a", "title": "Kind"},
        "part": {"$ref": "#/$defs/part"},
        "all": {"allOf": [{"type": "string"}]},
        "any": {"type": "array", "items": {"type": "string"}, "minItems": 0},
    },
    "$defs": {"part": {"type": "string", "enum": ["a"]}},
    "required": ["kind"],
    "additionalProperties": False,
}
UNTYPED: dict[str, Any] = {
    "properties": {
        "a": {"type": ["object", "null"], "required": []},
        "b": {"type": "array", "items": {"type": "string", "format": "colour"}, "minItems": 2},
    },
    "definitions": {"c": {"type": "object"}},
}
CLOSED: dict[str, Any] = {
    "properties": {
        "a": {"type": ["object", "null"], "required": [], "additionalProperties": False},
        "b": {
            "type": "array",
            "items": {"type": "string", "description": "{format: colour}"},
            "description": "{minItems: 2}",
        },
    },
    "definitions": {"c": {"type": "object", "additionalProperties": False}},
    "additionalProperties": False,
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
        "all that a schema keeps",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": KEPT}}},
        output_config={"format": {"type": "json_schema", "schema": KEPT}},
    ),
    golden(
        "objects that do not say so",
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": UNTYPED},
            }
        },
        ["response_format.json_schema.schema converted"],
        output_config={"format": {"type": "json_schema", "schema": CLOSED}},
    ),
    golden(
        "open schema without a name",
        {
            "model": "claude-3-haiku",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n" * 64, "schema": {"type": "object"}},
            },
        },
        ["response_format emulated"],
        model="claude-3-haiku",
        tools=[{"name": "n" * 64, "input_schema": {"type": "object"}}],
        tool_choice={"type": "tool", "name": "n" * 64, "disable_parallel_tool_use": True},
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
