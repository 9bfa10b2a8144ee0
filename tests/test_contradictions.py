"""Schemas that contradict themselves are refused before anything is sent; all others pass."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate import Client
from llmgate._core.check import check_parameters
from llmgate._text.contradictions import contradiction_in
from llmgate.errors import InvalidRequestError
from llmgate.testing import FakeProvider
from llmgate.types import Completion

CLOSED = {"type": "object", "additionalProperties": False}
CITY = {"properties": {"city": {"type": "string"}}}

WRONG: dict[str, tuple[Any, str]] = {
    "a property that is required and not allowed": (
        {**CLOSED, **CITY, "required": ["city", "town", 7]},
        "required: has 'town', but the object allows only 'city'",
    ),
    "the same where there are no properties": (
        {**CLOSED, "required": ["a", "b"]},
        "required: has 'a', 'b', but the object allows no properties",
    ),
    "a reference to nothing": (
        {"type": "object", "properties": {"node": {"$ref": "#/$defs/Node"}}, "$defs": {}},
        "properties.node.$ref: is '#/$defs/Node', which is not in the schema",
    ),
    "a reference to a place after the last": (
        {"anyOf": [{"$ref": "#/anyOf/1"}]},
        "anyOf[0].$ref: is '#/anyOf/1', which is not in the schema",
    ),
    "an enumeration of nothing": (
        {"type": "object", "properties": {"unit": {"type": "string", "enum": []}}},
        "properties.unit.enum: is empty: it allows no value",
    ),
    "a list of more than its most": (
        {"type": "array", "minItems": 3, "maxItems": 2},
        "has minItems 3 and maxItems 2",
    ),
    "an open bound on the other one": (
        {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 1, "maximum": 1}},
        "items: has exclusiveMinimum 1 and maximum 1",
    ),
    "a type of Python": (
        {"type": "object", "properties": {"n": {"type": "int"}}},
        "properties.n.type: is 'int', which is no type of JSON; did you mean 'integer'?",
    ),
    "no type at all, in a list of types": (
        {"type": ["string", "date"]},
        "type: is 'date', which is no type of JSON; it must be one of object, array, string, "
        "number, integer, boolean, null",
    ),
    "a wrong part in a list of types": (
        {"prefixItems": [{"type": "string"}, {"additionalProperties": {"enum": []}}]},
        "prefixItems[1].additionalProperties.enum: is empty: it allows no value",
    ),
    "a wrong part in a definition that nothing uses": (
        {"type": "object", "definitions": {"a": {"minLength": 2, "maxLength": 1}}},
        "definitions.a: has minLength 2 and maxLength 1",
    ),
}

RIGHT: dict[str, Any] = {
    "no schema": None,
    "one that allows all": True,
    "an empty one": {},
    "capitals, as Gemini has them": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
    "names of properties that are keywords": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "enum": {"type": "array"}, "$ref": {}},
        "required": ["type"],
    },
    "values that look like schemas": {
        "default": {"enum": []},
        "examples": [{"type": "int"}],
        "const": {"minimum": 2, "maximum": 1},
        "enum": [{"type": "int"}],
    },
    "all that is required": {**CLOSED, **CITY, "required": ["city"]},
    "a property that others may be": {"type": "object", **CITY, "required": ["town"]},
    "a property that a pattern allows": {
        **CLOSED,
        "patternProperties": {"^x-": {}},
        "required": ["x-1"],
    },
    "what is impossible on purpose": {"not": {"enum": []}, "if": {"type": "int"}},
    "bounds of draft 4": {"minimum": 1, "maximum": 3, "exclusiveMaximum": True},
    "bounds that meet": {"minimum": 1, "maximum": 1, "minItems": 0, "maxItems": 0},
    "keywords beside a reference": {
        "$defs": {"a": {"type": "object"}},
        "properties": {"a": {"$ref": "#/$defs/a", **CLOSED, "required": ["b"]}},
    },
    "references of every kind": {
        "$defs": {"a/b c": {"type": "string"}, "list": [{"type": "null"}]},
        "properties": {
            "root": {"$ref": "#"},
            "escaped": {"$ref": "#/$defs/a~1b%20c"},
            "placed": {"$ref": "#/$defs/list/0"},
            "anchor": {"$ref": "#there"},
            "address": {"$ref": "https://example.com/schema.json#/$defs/x"},
            "no text": {"$ref": 7},
        },
    },
    "a schema put whole into another": {
        "properties": {"inner": {"$defs": {"x": {}}, "properties": {"x": {"$ref": "#/$defs/x"}}}}
    },
    "keywords that hold something else": {
        "properties": [],
        "anyOf": {},
        "items": "text",
        "required": True,
        "enum": None,
        "type": 7,
        "additionalProperties": False,
    },
}


def places_of(schema: Any) -> dict[str, dict[str, Any]]:
    """The parameters of calls in which a schema may stand, by its path in them."""
    function = {"name": "f", "parameters": schema}
    described = {"name": "f", "schema": schema}
    return {
        "tools[0].function.parameters": {"tools": [{"type": "function", "function": function}]},
        "functions[0].parameters": {"functions": [function]},
        "response_format.json_schema.schema": {
            "response_format": {"type": "json_schema", "json_schema": described}
        },
    }


@pytest.mark.parametrize("name", WRONG)
async def test_a_contradiction_is_refused_wherever_it_stands(name: str) -> None:
    """The path leads to the wrong part, the reason says why, and no provider is asked."""
    schema, expected = WRONG[name]
    separator = ": " if re.match(r"has |is ", expected) else "."
    for path, parameters in places_of(schema).items():
        provider = FakeProvider(["never"])
        async with Client(providers={"fake": provider}) as client:
            for _ in range(2):  # what was found right before is remembered
                with pytest.raises(InvalidRequestError) as caught:
                    await client.acompletion(
                        "fake/1", [{"role": "user", "content": "hi"}], **parameters
                    )
                assert f"{path}{separator}{expected}" == str(caught.value)
        assert [] == provider.transport.requests


@pytest.mark.parametrize("name", RIGHT)
def test_what_makes_sense_passes(name: str) -> None:
    """A schema that some host may accept is no contradiction."""
    assert None is contradiction_in(RIGHT[name])


def test_a_contradiction_of_a_value_alone_is_told_without_a_path() -> None:
    """The words in which a Python type is refused."""
    found = contradiction_in({"minimum": 5, "maximum": 1})
    assert "the value has minimum 5 and maximum 1" == str(found)


def test_a_contradiction_is_found_beside_a_tool_of_a_host() -> None:
    """Also where the parameters hold what only some host has."""
    (function,) = places_of({"type": "str"})["functions[0].parameters"]["functions"]
    tools = [{"type": "web_search"}, {"type": "function", "function": function}]
    with pytest.raises(InvalidRequestError) as caught:
        check_parameters({"tools": tools})
    assert "tools[1].function.parameters.type" == caught.value.path
    assert str(caught.value).endswith("did you mean 'string'?")


def test_a_schema_that_is_no_format_is_refused() -> None:
    """It says where a schema goes."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    client = Client(providers={"fake": FakeProvider([])})
    with pytest.raises(InvalidRequestError, match=r'write \{"type": "json_schema"') as caught:
        client.preview("fake/1", [{"role": "user", "content": "hi"}], response_format=schema)
    assert "response_format" == caught.value.path


async def test_a_format_without_a_schema_passes() -> None:
    """Some hosts take the name of a schema that they know."""
    formats = [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "known"}}]
    async with Client(providers={"fake": FakeProvider(["{}"] * 2)}) as client:
        for format in formats:
            completion = await client.acompletion(
                "fake/1", [{"role": "user", "content": "hi"}], response_format=format
            )
            assert isinstance(completion, Completion)
