"""Schemas in Gemini's two dialects, with each edit, and the schema that was given unchanged."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from llmgate_gemini import gemini_schema

NODE = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
}
TREE = {"$defs": {"Node": NODE}, "$ref": "#/$defs/Node"}


def modern(schema: Any) -> tuple[Any, list[str]]:
    return written(schema, json_schema=True)


def older(schema: Any) -> tuple[Any, list[str]]:
    return written(schema, json_schema=False)


def written(schema: Any, *, json_schema: bool) -> tuple[Any, list[str]]:
    before = deepcopy(schema)
    result, edits = gemini_schema(schema, json_schema=json_schema)
    assert before == schema
    return result, [f"{edit.path} {edit.kind}" for edit in edits]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "object", "properties": {"a": {"type": ["string", "null"], "title": "A"}}},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    ],
)
def test_what_json_schema_has_is_sent_unchanged(schema: Any) -> None:
    """Nothing is edited without need."""
    assert (schema, []) == modern(schema)


def test_keywords_that_are_lacking() -> None:
    """What they tell goes into the description; what tells nothing is dropped."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "string",
        "pattern": "^a",
        "description": "A word",
        "minLength": 2,
    }
    expected = {"type": "string", "description": 'A word (pattern: "^a"; minLength: 2)'}
    edits = ["$schema dropped", "pattern converted", "minLength converted"]
    assert (expected, edits) == modern(schema)
    kept = {"type": "string", "pattern": "^a", "description": "A word", "minLength": 2}
    assert (kept, ["$schema dropped"]) == older(schema)
    assert ({"description": 'not: {"type": "null"}'}, ["not converted"]) == modern(
        {"not": {"type": "null"}}
    )


def test_other_names() -> None:
    """``const``, ``oneOf`` and ``allOf`` of one schema."""
    schema = {
        "properties": {
            "a": {"const": 1},
            "b": {"oneOf": [{"type": "string"}]},
            "c": {"allOf": [{"type": "string"}], "title": "C"},
            "d": {"const": 1, "enum": [1, 2]},
        }
    }
    expected = {
        "properties": {
            "a": {"enum": [1]},
            "b": {"anyOf": [{"type": "string"}]},
            "c": {"title": "C", "type": "string"},
            "d": {"enum": [1, 2]},
        }
    }
    result, edits = modern(schema)
    assert expected == result
    assert [f"properties.{name} converted" for name in "abcd"] == edits


def test_references() -> None:
    """At the top a definition is written out, and beside others nothing stands."""
    result, edits = modern(TREE)
    assert {"$defs": {"Node": NODE}, **NODE} == result
    assert [" converted"] == edits
    beside = {
        "definitions": {"A": {"type": "string"}},
        "properties": {"a": {"$ref": "#/definitions/A", "description": "An A"}},
    }
    expected = {
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "string"}},
    }
    assert (expected, ["properties.a dropped"]) == modern(beside)
    whole = {"$defs": {"A": {"type": "string"}}, "allOf": [{"$ref": "#/$defs/A"}]}
    result, _ = modern(whole)
    assert "string" == result["type"]


def test_a_schema_that_holds_itself_beside_other_keywords() -> None:
    """``allOf`` of one reference, as Pydantic wrote it, ends in both dialects."""
    beside = {"allOf": [{"$ref": "#/$defs/Node"}], "default": None}
    node = {"type": "object", "properties": {"next": beside}}
    tree = {"$defs": {"Node": node}, "properties": {"first": {"$ref": "#/$defs/Node"}}}
    result, edits = modern(tree)
    reference = {"$ref": "#/$defs/Node"}
    inner = {"type": "object", "properties": {"next": reference}, "default": None}
    expected = {"type": "object", "properties": {"next": inner}}
    assert {"$defs": {"Node": expected}, "properties": {"first": reference}} == result
    assert "$defs.Node.properties.next.properties.next dropped" in edits
    result, _ = older(tree)
    again = {"type": "object", "description": "Again: Node"}
    assert {"first": {"type": "object", "properties": {"next": again}}} == result["properties"]
    alone = {"$defs": {"A": {"type": "string"}}, "items": {"allOf": [{"$ref": "#/$defs/A"}]}}
    assert {**alone, "items": {"$ref": "#/$defs/A"}} == modern(alone)[0]
    assert {"items": {"type": "string"}} == older(alone)[0]


def test_definitions_that_only_hold_each_other() -> None:
    """They end, too."""
    a, b = ({"allOf": [{"$ref": f"#/$defs/{name}"}]} for name in "AB")
    circle = {"$defs": {"A": b, "B": a}, "$ref": "#/$defs/A"}
    assert {"$ref": "#/$defs/A"} == modern(circle)[0]
    assert {"type": "object", "description": "Again: A"} == older(circle)[0]


def test_a_reference_to_another_place() -> None:
    """The place becomes a definition, or is written out; one to nothing is kept as it is."""
    a, text = {"type": "string", "title": "A"}, {"type": "string"}
    schema: dict[str, Any] = {
        "properties": {
            "a": a,
            "b": {"$ref": "#/properties/a"},
            "whole": {"$ref": "#"},
            "c": {"$ref": "#/$defs/x~1y"},
            "d": {"$ref": "#/properties/e/anyOf/0"},
            "e": {"anyOf": [text]},
            "none": {"$ref": "#/properties/e/anyOf/9"},
            "host": {"$ref": "https://example.com/schema"},
        },
        "$defs": {"x/y": {"type": "integer"}},
    }
    result, edits = modern(schema)
    changed = {"b": {"$ref": "#/$defs/a"}, "whole": {"$ref": "#/$defs/root"}}
    properties = {**schema["properties"], **changed, "d": {"$ref": "#/$defs/0"}}
    assert properties == result["properties"]
    root = {"properties": properties}
    assert {"x/y": {"type": "integer"}, "a": a, "root": root, "0": text} == result["$defs"]
    assert [] == edits
    result, _ = older(schema)
    assert {
        "a": a,
        "b": a,
        "whole": {"type": "object", "description": "Again: root"},
        "c": {"type": "integer"},
        "d": text,
        "e": {"anyOf": [text]},
        "none": {"type": "object", "description": "Again: 9"},
        "host": {"type": "object", "description": "Again: schema"},
    } == result["properties"]


def test_openapi_has_no_references() -> None:
    """They are written out; one that holds itself ends."""
    result, edits = older(TREE)
    inner = result["properties"]["children"]["items"]["properties"]["children"]["items"]
    assert {"type": "object", "description": "Again: Node"} == inner
    assert "properties.children.items.properties.children.items dropped" in edits
    result, edits = older({"properties": {"a": {"$ref": "#/$defs/none"}}})
    assert "Again: none" == result["properties"]["a"]["description"]


def test_openapi_has_one_type() -> None:
    """Lists of types, null, and enums of numbers in its words."""
    schema = {
        "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"type": ["string", "integer"]},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "d": {"enum": [1, 2], "type": "integer"},
            "e": {"type": "string", "format": "uuid"},
            "f": {"type": ["null"]},
            "g": {"format": ["date-time"]},
        },
        "additionalProperties": {"type": "string"},
    }
    result, _ = older(schema)
    assert {
        "a": {"type": "string", "nullable": True},
        "b": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "c": {"anyOf": [{"type": "string"}], "nullable": True},
        "d": {"type": "integer", "description": "values: [1, 2]"},
        "e": {"type": "string", "description": 'format: "uuid"'},
        "f": {"nullable": True},
        "g": {"description": 'format: ["date-time"]'},
    } == result["properties"]
    assert 'additionalProperties: {"type": "string"}' == result["description"]


def test_edits_are_in_the_report(sent: Any) -> None:
    """Each with its path in the call."""
    schema = {"type": "object", "properties": {"a": {"const": 1}}}
    function = {"name": "f", "parameters": schema}
    formatted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    _, call = sent(tools=[{"type": "function", "function": function}], response_format=formatted)
    assert {
        "tools[0].function.parameters.properties.a",
        "response_format.json_schema.schema.properties.a",
    } == {deviation.path for deviation in call.report}
