"""Python types as response formats: their schemas, in the strict form that hosts enforce.

It reads schemas and sends nothing. ``unwrapping`` reads values that were wrapped in an object.
Source: https://platform.openai.com/docs/guides/structured-outputs (supported schemas)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, NamedTuple

from llmgate._text.json import is_array, is_object
from llmgate._text.type_schemas import schema_of
from llmgate.errors import InvalidRequestError
from llmgate.report import Deviation

VALUE = "value"
"""The key under which an object holds a value that is not itself an object."""
WRAPPED = (
    "its schema is not of an object, which hosts want: the model is asked for an object with the "
    f"key {VALUE!r}, and what is in it is the response"
)
"""Why a format was wrapped. Responses to wrapped formats are also recognized by this reason."""


class Format(NamedTuple):
    """A ``response_format``, which must not be changed, and how it differs from the type."""

    parameter: Mapping[str, Any]
    deviations: tuple[Deviation, ...]


def format_of(kind: Any) -> Format:
    """A Python type that pydantic can describe, or a ``TypeAdapter``, as a ``response_format``.

    It is made once for each type.

    Raises:
        InvalidRequestError: when the type has no JSON schema, or one that allows anything.
    """
    try:
        return _format_of(kind)
    except TypeError:  # it cannot be hashed, like some annotations
        return _format_of.__wrapped__(kind)


@lru_cache(maxsize=256)
def _format_of(kind: Any) -> Format:
    named = kind.__name__ if isinstance(kind, type) else "response"
    schema = _root_of(schema_of(kind, named, "response_format"))
    if not _HOLDS_SOMETHING & schema.keys():
        reason = f"the schema of {named} allows anything: give a type that says what is in it"
        raise InvalidRequestError(reason, path="response_format")
    deviations = list[Deviation]()
    if schema.get("type") != "object":
        deviations.append(Deviation("converted", "response_format", WRAPPED))
        schema = _wrapped(schema)
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", named)[:64]  # what OpenAI takes for a name
    parameter: dict[str, Any] = {"name": name, "schema": schema}
    try:
        parameter |= {"schema": _Strict(schema).whole(), "strict": True}
    except _NotStrictError as error:
        reason = f"not strict, so a host may depart from it: strict schemas have no {error}"
        deviations.append(Deviation("converted", "response_format", reason))
    return Format({"type": "json_schema", "json_schema": parameter}, tuple(deviations))


_HOLDS_SOMETHING = frozenset({"type", "anyOf", "oneOf", "allOf", "enum", "const"})


def _root_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its root in place of a reference, which a type that contains itself has."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    definitions = schema["$defs"]
    return {**definitions[_name_in(reference)], "$defs": definitions}


def _name_in(reference: str) -> str:
    return reference.rpartition("/")[2]


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that holds a value of this one."""
    inner = dict(schema)
    definitions = inner.pop("$defs", None)
    outer: dict[str, Any] = {
        "type": "object",
        "properties": {VALUE: inner},
        "required": [VALUE],
        "additionalProperties": False,
    }
    return outer if definitions is None else {**outer, "$defs": definitions}


class _NotStrictError(Exception):
    """A schema has something that a strict schema must not have."""


_ANNOTATIONS = frozenset({"title", "description"})
_FREE = _ANNOTATIONS | {
    *("type", "enum", "const", "pattern", "required", "multipleOf", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"),
}
"""The keywords that a strict schema may have and whose values are not schemas."""
_LEFT_OUT = frozenset({"default", "discriminator", "examples", "deprecated"})
"""The keywords that do not restrict which values are allowed."""
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


class _Strict:
    """A schema in strict form: each object lists all of its properties as required, and allows no
    others.

    Raises:
        _NotStrictError: where it allows what the strict form cannot express.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._definitions: dict[str, Any] = schema.get("$defs", {})

    def whole(self) -> dict[str, Any]:
        """The whole schema."""
        root = {key: value for key, value in self._schema.items() if key != "$defs"}
        strict = self._schema_of(root, frozenset())
        definitions = self._definitions.items()
        if definitions:
            strict["$defs"] = {
                name: self._schema_of(each, frozenset()) for name, each in definitions
            }
        return strict

    def _schema_of(self, schema: Any, within: frozenset[str]) -> dict[str, Any]:
        """A part of the schema; ``within`` are the references that lead to it."""
        if is_object(schema) and "$ref" in schema:
            return self._reference(schema, within)
        if not is_object(schema) or not _HOLDS_SOMETHING & schema.keys():
            raise _NotStrictError("schema that allows anything")
        strict = dict[str, Any]()
        for key, value in schema.items():
            if key not in _LEFT_OUT:
                strict["anyOf" if key == "oneOf" else key] = self._value(key, value, within)
        if schema.get("type") == "object":
            if "properties" not in schema and schema.get("additionalProperties") is not False:
                raise _NotStrictError("properties of any name")
            properties = strict.setdefault("properties", {})
            strict |= {"required": [*properties], "additionalProperties": False}
        return strict

    def _reference(self, schema: dict[str, Any], within: frozenset[str]) -> dict[str, Any]:
        """A reference; keywords beside it are merged with the schema it refers to, if possible."""
        reference = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key in _ANNOTATIONS}
        if not beside or reference in within:
            return {"$ref": reference}
        referred = self._definitions[_name_in(reference)]
        return self._schema_of(referred, within | {reference}) | beside

    def _value(self, key: str, value: Any, within: frozenset[str]) -> Any:
        if key in _FREE or (key == "format" and value in _FORMATS):
            return deepcopy(value)
        if key in ("anyOf", "oneOf") and is_array(value):
            return [self._schema_of(each, within) for each in value]
        if key == "items":
            return self._schema_of(value, within)
        if key == "properties" and is_object(value):
            return {name: self._schema_of(each, within) for name, each in value.items()}
        if key == "additionalProperties" and value is False:
            return value
        raise _NotStrictError("properties of any name" if key == "additionalProperties" else key)
