"""What llama.cpp passes over in a JSON schema is found; what it enforces is let be."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_local.request.schemas import unenforced

TEXT: dict[str, Any] = {"type": "string"}
ODD: list[Any] = [None, True, 5, [[1]], [{}]]

ENFORCED: list[Any] = [
    None,
    True,
    {},
    TEXT,
    {"type": "string", "minLength": 1, "maxLength": 3},
    {"type": "string", "pattern": "^a$"},
    {"pattern": "^a$"},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "email", "maxLength": 9},
    {"type": "integer", "minimum": 1, "exclusiveMaximum": 3},
    {"type": ["integer", "null"], "minimum": 1},
    {"type": ["string", "null"], "maxLength": 3},
    {"type": "number"},
    {"type": "boolean"},
    {"enum": [1, 2], "type": "number", "minimum": 1},
    {"const": "x", "minLength": 1},
    {"type": "object"},
    {"type": "object", "required": []},
    {"properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False},
    {"type": "object", "additionalProperties": TEXT},
    {"type": "object", "additionalProperties": True},
    {"type": "array"},
    {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2, "uniqueItems": False},
    {"type": "array", "prefixItems": [TEXT, TEXT], "minItems": 2, "maxItems": 2},
    {"items": [TEXT], "type": "array"},
    {"$ref": "#/$defs/A", "description": "x", "$defs": {"A": TEXT}},
    {"anyOf": [TEXT, {"type": "null"}], "title": "x", "default": None},
    {"oneOf": [TEXT]},
    {"allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": TEXT}}]},
]

PASSED_OVER: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "number", "minimum": 1, "multipleOf": 2}, ["minimum", "multipleOf"]),
    ({"type": "integer", "multipleOf": 2}, ["multipleOf"]),
    ({"type": "integer", "minimum": 0.5}, ["minimum"]),
    ({"minimum": 1}, ["minimum"]),
    ({"minLength": 1}, ["minLength"]),
    ({"type": "string", "pattern": "^a$", "minLength": 1}, ["minLength"]),
    ({"type": "string", "format": "uuid", "minLength": 1}, ["minLength"]),
    ({"type": ["number", "null"], "maximum": 1}, ["maximum"]),
    ({"type": "whatever", "maximum": 1}, ["maximum"]),
    ({"type": "object", "required": ["a"]}, ["required"]),
    ({"type": "object", "properties": {"a": TEXT}, "required": ["b"]}, ["required"]),
    (
        {"type": "object", "minProperties": 1, "propertyNames": TEXT},
        ["minProperties", "propertyNames"],
    ),
    ({"type": "object", "patternProperties": {"^a": TEXT}}, ["patternProperties"]),
    ({"type": "object", "properties": {}, "allOf": [TEXT]}, ["allOf"]),
    ({"allOf": [{"minLength": 1}]}, ["allOf[0].minLength", "allOf"]),
    ({"type": "array", "minItems": 1}, ["minItems"]),
    ({"type": "array", "items": TEXT, "uniqueItems": True}, ["uniqueItems"]),
    ({"type": "array", "items": False, "prefixItems": [TEXT]}, ["items", "prefixItems"]),
    ({"type": "array", "items": True, "minItems": 1}, ["items", "minItems"]),
    ({"type": "array", "prefixItems": [TEXT], "minItems": 2}, ["minItems"]),
    ({"type": "array", "prefixItems": [TEXT, TEXT], "maxItems": 1}, ["maxItems"]),
    ({"type": "array", "items": TEXT, "contains": TEXT}, ["contains"]),
    ({"not": TEXT}, ["not"]),
    ({"if": TEXT}, ["if"]),
    ({"$ref": "#/$defs/A", "maximum": 3}, ["maximum"]),
    ({"anyOf": [TEXT], "required": ["a"]}, ["required"]),
    ({"oneOf": [TEXT], "anyOf": [TEXT]}, ["anyOf"]),
]


@pytest.mark.parametrize("schema", ENFORCED)
def test_what_is_enforced_is_let_be(schema: Any) -> None:
    """And what says nothing, too."""
    assert [] == list(unenforced(schema, "x"))


@pytest.mark.parametrize(("schema", "expected"), PASSED_OVER)
def test_what_is_passed_over_is_named(schema: dict[str, Any], expected: list[str]) -> None:
    """By its path, in an order that does not change."""
    assert [f"x.{path}" for path in expected] == list(unenforced(schema, "x"))


FORBIDDEN: dict[str, Any] = {"not": {}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"properties": {"a": FORBIDDEN}}, "x.properties.a.not"),
        ({"$defs": {"a": FORBIDDEN}}, "x.$defs.a.not"),
        ({"type": "array", "items": FORBIDDEN}, "x.items.not"),
        ({"type": "array", "prefixItems": [{}, FORBIDDEN]}, "x.prefixItems[1].not"),
        ({"anyOf": [FORBIDDEN]}, "x.anyOf[0].not"),
        ({"additionalProperties": FORBIDDEN}, "x.additionalProperties.not"),
    ],
)
def test_it_is_found_wherever_it_is(schema: dict[str, Any], expected: str) -> None:
    """Inside every part of a schema that is a schema."""
    assert [expected] == list(unenforced(schema, "x"))


def test_data_inside_a_schema_is_no_schema() -> None:
    """Enumerations, constants and defaults may look like one."""
    looks_like_one = {"type": "number", "minimum": 1}
    schema = {"type": "object", "properties": {"a": {"enum": [looks_like_one]}}}
    assert [] == list(unenforced({**schema, "default": looks_like_one}, "x"))


@pytest.mark.parametrize(
    "schema",
    [
        *({"properties": odd, "required": ["a"]} for odd in [*ODD, "a"]),
        *({"properties": {"a": TEXT}, "required": odd} for odd in ODD),
    ],
)
def test_what_is_no_schema_is_not_enforced(schema: dict[str, Any]) -> None:
    """And no error of ours: what llama.cpp says of it, the caller is told."""
    assert ["x.required"] == [*unenforced(schema, "x")]


@pytest.mark.parametrize("odd", [True, 5, 1.5, {"a": 1}])
def test_what_is_no_list_of_schemas_is_not_enforced(odd: Any) -> None:
    """Likewise."""
    assert ["x.allOf"] == [*unenforced({"allOf": odd}, "x")]
    assert [] == [*unenforced({"type": "string", "format": [odd], "minLength": 1}, "x")]
