"""The inputs that a model says it takes, read from its own OpenAPI schema; it knows no chat.

Source: https://replicate.com/docs/reference/http (``openapi_schema`` of a version) and
https://github.com/replicate/cog/blob/main/docs/python.md (``Input``), which writes these schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from llmgate.provider.http import is_array, is_object
from llmgate.report import Report

__all__ = ["Field", "Fields", "first_field", "fitted", "nearest_level", "read_fields"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input: its JSON type (empty where the schema says none) and what bounds its values."""

    name: str
    kind: str = ""
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()


Fields: TypeAlias = Mapping[str, Field]


def first_field(fields: Fields, names: Iterable[str]) -> Field | None:
    """The first of these inputs that the model has."""
    return next((fields[name] for name in names if name in fields), None)


def read_fields(document: Any) -> Fields | None:
    """The inputs in a model's ``openapi_schema``; None where it describes none."""
    schemas = _within(document, "components", "schemas")
    properties = _within(schemas, "Input", "properties")
    if not is_object(properties):
        return None
    known: dict[str, Any] = schemas if is_object(schemas) else {}
    return {
        name: _field(name, _resolved(schema, known))
        for name, schema in properties.items()
        if is_object(schema)
    }


def _within(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if is_object(value) else None
    return value


def _resolved(schema: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with what it refers to: Cog writes choices as ``allOf: [$ref]``, and optional
    inputs as ``anyOf`` with null."""
    parts: list[Any] = [schema]
    for key in ("allOf", "anyOf"):
        given = schema.get(key)
        parts += given if is_array(given) else []
    merged: dict[str, Any] = {}
    for part in parts:
        if is_object(part) and part.get("type") != "null":
            reference = part.get("$ref")
            name = reference.rpartition("/")[2] if isinstance(reference, str) else None
            target = known.get(name) if name is not None else None
            merged = {**(target if is_object(target) else {}), **part, **merged}
    return merged


def _field(name: str, schema: dict[str, Any]) -> Field:
    kind, choices = schema.get("type"), schema.get("enum")
    return Field(
        name,
        kind if isinstance(kind, str) else "",
        schema.get("default"),
        _number(schema.get("minimum")),
        _number(schema.get("maximum")),
        tuple(choices) if is_array(choices) else (),
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


# --- values -------------------------------------------------------------------------------


def fitted(field: Field, value: Any, parameter: str, report: Report) -> Any:
    """A parameter's value within the bounds that the model sets; a change is reported."""
    if _number(value) is None:
        return value
    sent: float = value
    if field.minimum is not None:
        sent = max(sent, field.minimum)
    if field.maximum is not None:
        sent = min(sent, field.maximum)
    if field.kind == "integer" and sent == int(sent):
        sent = int(sent)
    if sent != value:
        report.add("clamped", parameter, f"the model bounds {field.name}", given=value, sent=sent)
    return sent


_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def nearest_level(field: Field, level: str) -> Any:
    """The model's own word for a level such as an effort: the same, or the nearest that it has."""
    if field.kind == "boolean":
        return level != "none"
    if not field.choices or level in field.choices or level not in _LEVELS:
        return level
    own = {str(choice).lower(): choice for choice in field.choices}
    known = [word for word in _LEVELS if word in own]
    if not known:
        return level
    wanted = _LEVELS.index(level)
    return own[min(known, key=lambda word: abs(_LEVELS.index(word) - wanted))]
