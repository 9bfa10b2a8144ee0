"""Finds what llama.cpp does not enforce of a JSON schema; it reads schemas and changes nothing.

llama.cpp turns a schema into a grammar and passes over what a grammar of its kind cannot say, or
what it looks for only elsewhere, without a word.
Source: common/json-schema-to-grammar.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["unenforced"]

_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset(
        {"properties", "required", "additionalProperties", "patternProperties", "propertyNames"}
        | {
            "minProperties",
            "maxProperties",
            "dependentRequired",
            "dependentSchemas",
            "dependencies",
        }
        | {"unevaluatedProperties"}
    ),
    "array": frozenset(
        {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"}
        | {"contains", "minContains", "maxContains", "unevaluatedItems"}
    ),
    "string": frozenset({"pattern", "minLength", "maxLength"}),
    "integer": _LIMITS | {"multipleOf"},
    "number": _LIMITS | {"multipleOf"},
    "boolean": frozenset(),
    "null": frozenset(),
}
_OF_ALL = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "$ref", "$dynamicRef"})
_ALL = _OF_ALL.union(*_OF_TYPE.values())
_NEUTRAL: Mapping[str, Any] = {
    "additionalItems": True,
    "additionalProperties": True,
    "minItems": 0,
    "minLength": 0,
    "minProperties": 0,
    "required": [],
    "unevaluatedItems": True,
    "unevaluatedProperties": True,
    "uniqueItems": False,
}
"""The values with which a keyword says nothing."""
_ENFORCED_FORMATS = frozenset({"date", "time", "date-time", "uuid"})


def unenforced(schema: Any, path: str) -> Iterator[str]:
    """The paths of the keywords that llama.cpp passes over."""
    if not is_object(schema):
        return
    for place, part in _parts(schema):
        yield from unenforced(part, f"{path}.{place}")
    if "const" in schema or "enum" in schema:
        return
    for keyword in sorted(_passed_over(schema)):
        yield f"{path}.{keyword}"


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas inside a schema."""
    for key in ("properties", "$defs", "definitions"):
        if is_object(parts := schema.get(key)):
            yield from ((f"{key}.{name}", part) for name, part in parts.items())
    for key in ("items", "prefixItems", "anyOf", "oneOf", "allOf"):
        if is_array(parts := schema.get(key)):
            yield from ((f"{key}[{index}]", part) for index, part in enumerate(parts))
    for key in ("items", "additionalProperties"):
        yield key, schema.get(key)


def _passed_over(schema: dict[str, Any]) -> set[str]:
    """The keywords of this very schema that say something and are not looked at."""
    said = {key for key in _ALL & schema.keys() if schema[key] != _NEUTRAL.get(key)}
    for alone in ("$ref", "oneOf", "anyOf"):
        if alone in said:
            return said - {alone}
    kind = schema.get("type")
    if is_array(kind):
        passed = [_passed_over({**schema, "type": item}) for item in kind]
        return set[str]().union(*passed)
    if isinstance(kind, str):
        said &= _OF_ALL | _OF_TYPE.get(kind, _ALL)
    return said - _enforced(schema, kind)


def _enforced(schema: dict[str, Any], kind: Any) -> set[str]:
    """The keywords that are looked at, which depends on what else is there."""
    if kind in (None, "object") and not schema.keys().isdisjoint(
        {"properties", "additionalProperties"}
    ):
        known = {"required"} if _are_described(schema) else set[str]()
        return {"properties", "additionalProperties"} | known
    if kind in (None, "object", "string") and "allOf" in schema:
        parts = schema["allOf"]
        return {"allOf"} if is_array(parts) and all(map(_is_component, parts)) else set()
    if kind in (None, "array") and ("items" in schema or "prefixItems" in schema):
        return _enforced_of_array(schema)
    if kind in (None, "string") and "pattern" in schema:
        return {"pattern"}
    if kind == "string" and str(schema.get("format")) not in _ENFORCED_FORMATS:
        return {"minLength", "maxLength"}
    if kind == "integer":
        return {name for name in _LIMITS if isinstance(schema.get(name), int)}
    return set()


def _are_described(schema: dict[str, Any]) -> bool:
    """Whether what an object must have is among its properties."""
    required, properties = schema.get("required", []), schema.get("properties", {})
    return (
        is_array(required)
        and is_object(properties)
        and all(isinstance(name, str) and name in properties for name in required)
    )


def _is_component(schema: Any) -> bool:
    """Whether a part of ``allOf`` is of a kind that is looked at."""
    return is_object(schema) and not schema.keys().isdisjoint({"$ref", "properties", "enum"})


def _enforced_of_array(schema: dict[str, Any]) -> set[str]:
    if "items" in schema and "prefixItems" in schema:
        return set()
    items = schema.get("items", schema.get("prefixItems"))
    if is_object(items):
        return {"items", "minItems", "maxItems"}
    if not is_array(items):
        return set()
    size = len(items)
    limits = {"minItems": schema.get("minItems", 0) <= size}
    limits["maxItems"] = schema.get("maxItems", size) >= size
    return {"items", "prefixItems"} | {name for name, holds in limits.items() if holds}
