"""A JSON schema in the dialect of Anthropic's structured output; it changes none, and makes new.

What the dialect lacks is moved into the description, so that the model may still heed it.
Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["has_open_maps", "strict_schema"]

_FORMATS = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
_KEPT = frozenset(
    {"$ref", "$schema", "const", "default", "description", "enum", "required", "title", "type"}
)
_SCHEMA_LISTS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_SCHEMA_MAPS = frozenset({"$defs", "definitions", "properties"})


def strict_schema(schema: Any) -> Any:
    """The schema with only what the dialect has: every object closed, and no bounds."""
    if not is_object(schema):
        return schema
    strict: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SCHEMA_LISTS and is_array(value):
            strict[_SCHEMA_LISTS[key]] = [strict_schema(item) for item in value]
        elif key in _SCHEMA_MAPS and is_object(value):
            strict[key] = {name: strict_schema(item) for name, item in value.items()}
        elif key == "items":
            strict[key] = strict_schema(value)
        elif key in _KEPT or _is_kept_value(key, value):
            strict[key] = value
        elif key != "additionalProperties":
            left[key] = value
    if _is_closed_object(schema):
        strict["additionalProperties"] = False
    if left:
        strict["description"] = _described(strict.get("description"), left)
    return strict


def has_open_maps(schema: Any) -> bool:
    """Whether some object has keys that are not known beforehand, which the dialect cannot say."""
    if is_array(schema):
        return any(map(has_open_maps, schema))
    if not is_object(schema):
        return False
    more = schema.get("additionalProperties")
    if is_object(more) or (more is True and not schema.get("properties")):
        return True
    return any(has_open_maps(value) for value in schema.values())


def _is_kept_value(key: str, value: Any) -> bool:
    return (key == "format" and str(value) in _FORMATS) or (key == "minItems" and value in (0, 1))


def _is_closed_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    is_object_type = kind == "object" or (is_array(kind) and "object" in kind)
    return is_object_type or "properties" in schema


def _described(description: Any, left: dict[str, Any]) -> str:
    listed = "{" + ", ".join(f"{key}: {value}" for key, value in left.items()) + "}"
    return f"{description}\n\n{listed}" if description else listed
