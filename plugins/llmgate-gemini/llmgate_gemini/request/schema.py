"""A JSON schema in one of Gemini's two dialects, with a list of all edits; it changes none.

``responseJsonSchema`` takes a part of JSON Schema; the older ``responseSchema`` takes OpenAPI's
subset, without references. What a dialect lacks is moved into the description where it tells the
model something.
Source: https://ai.google.dev/gemini-api/docs/structured-output; https://ai.google.dev/api/caching#Schema
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from llmgate.provider.http import is_array, is_object
from llmgate.report import DeviationKind
from llmgate_gemini.request.references import definitions_of, reference_to

__all__ = ["SchemaEdit", "gemini_schema"]

_SHARED = frozenset(
    {
        *("type", "format", "title", "description", "enum", "properties", "required", "items"),
        *("minItems", "maxItems", "minimum", "maximum", "anyOf", "propertyOrdering", "default"),
    }
)
_JSON_SCHEMA = _SHARED | {
    *("$id", "$anchor", "$ref", "$defs", "prefixItems", "additionalProperties"),
}
_OPEN_API = _SHARED | {
    *("nullable", "minLength", "maxLength", "pattern", "minProperties", "maxProperties", "example"),
}
_MAPS = frozenset({"properties", "$defs"})
_LISTS = frozenset({"anyOf", "prefixItems"})
_FORMATS = frozenset({"enum", "date-time", "int32", "int64", "float", "double"})
_SILENT = frozenset({"$schema", "$comment", "$defs", "additionalProperties", "examples", "$id"})
"""What is left out without a word to the model: it tells it nothing, or what it does anyway."""


class SchemaEdit(NamedTuple):
    """One change: its place in the schema, what was done, why, and what was there."""

    path: str
    kind: DeviationKind
    reason: str
    given: Any


def gemini_schema(schema: Any, *, json_schema: bool) -> tuple[Any, list[SchemaEdit]]:
    """The schema in the dialect, and what was changed.

    Args:
        schema: A JSON schema.
        json_schema: Whether the dialect is that of ``responseJsonSchema``.
    """
    edits: list[SchemaEdit] = []
    if not is_object(schema):
        return schema, edits
    definitions, names = definitions_of(schema)
    writer = _Writer(definitions, names, edits, json_schema=json_schema)
    return writer.root(schema), edits


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}


class _Writer:
    def __init__(
        self,
        definitions: dict[str, Any],
        names: dict[str, str],
        edits: list[SchemaEdit],
        *,
        json_schema: bool,
    ) -> None:
        self._definitions, self._names = definitions, names
        self._edits = edits
        self._is_json_schema = json_schema
        self._known = _JSON_SCHEMA if json_schema else _OPEN_API
        self._open = [names["#"]] if "#" in names else []

    def root(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in schema.items() if key != "definitions"}
        if self._is_json_schema and self._definitions:
            given["$defs"] = self._definitions
        whole: dict[str, Any] = self.written(given, "", is_top=True)
        return whole

    def written(self, schema: Any, path: str, *, is_top: bool = False) -> Any:
        """One schema in the dialect. At the top no reference may stand."""
        if not is_object(schema):
            return schema
        given, opened = dict(schema), list[str]()
        while True:
            is_merged = self._merge(given, path)
            name = self._referenced(given)
            if name is None:
                break
            is_closed = name not in self._definitions or name in {*self._open, *opened}
            if self._is_json_schema and (is_closed or not (is_top or is_merged)):
                return self._reference(given, name, path)
            if is_closed:
                self._edit(path, "dropped", "a schema cannot hold itself here", given["$ref"])
                return {"type": "object", "description": f"Again: {name}"}
            self._edit(path, "converted", "a reference is written out", given.pop("$ref"))
            given = {**_object(self._definitions[name]), **given}
            opened.append(name)
        if not is_top:
            self._open += opened
        whole = self._rewritten(given, path)
        if opened and not is_top:
            del self._open[-len(opened) :]
        return whole

    def _merge(self, given: dict[str, Any], path: str) -> bool:
        """Put the only schema of an ``allOf`` in its place; whether others are beside it."""
        is_merged = False
        while True:
            parts = given.get("allOf")
            if not (is_array(parts) and len(parts) == 1 and is_object(parts[0])):
                return is_merged
            if "$ref" in given:
                return is_merged
            del given["allOf"]
            is_merged = is_merged or bool(given)
            given |= {key: value for key, value in parts[0].items() if key not in given}
            self._edit(path, "converted", "allOf of one schema is that schema", None)

    def _referenced(self, schema: Mapping[str, Any]) -> str | None:
        """The name of the definition that a schema refers to."""
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return None
        return self._names.get(reference) or reference.rpartition("/")[2]

    def _reference(self, given: dict[str, Any], name: str, path: str) -> dict[str, Any]:
        """A reference, beside which nothing else may stand."""
        others = {key: value for key, value in given.items() if not key.startswith("$")}
        if others:
            self._edit(path, "dropped", "nothing may stand beside a reference", others)
        is_known = given["$ref"] in self._names
        return {"$ref": reference_to(name) if is_known else given["$ref"]}

    def _rewritten(self, given: dict[str, Any], path: str) -> dict[str, Any]:
        self._rename(given, path)
        if not self._is_json_schema:
            self._narrow_type(given, path)
            self._narrow_enum(given)
        written: dict[str, Any] = {}
        moved: dict[str, Any] = {}
        for key, value in given.items():
            where = f"{path}.{key}" if path else key
            if not self._takes(key, value):
                kind: DeviationKind = "dropped" if key in _SILENT else "converted"
                reason = "Gemini has no such keyword" if key in _SILENT else _MOVED
                self._edit(where, kind, reason, value)
                if key not in _SILENT or (key == "additionalProperties" and is_object(value)):
                    moved[key] = value
            else:
                written[key] = self._value(key, value, where)
        if moved:
            written["description"] = _described(written.get("description"), moved)
        return written

    def _takes(self, key: str, value: Any) -> bool:
        if key == "format" and not self._is_json_schema:
            return str(value) in _FORMATS
        return key in self._known

    def _value(self, key: str, value: Any, path: str) -> Any:
        if key in _MAPS and is_object(value):
            return {name: self.written(item, f"{path}.{name}") for name, item in value.items()}
        if key in _LISTS and is_array(value):
            return [self.written(item, f"{path}[{place}]") for place, item in enumerate(value)]
        return self.written(value, path) if key in ("items", "additionalProperties") else value

    def _rename(self, given: dict[str, Any], path: str) -> None:
        """What the dialects have under another name."""
        if "const" in given:
            value = given.pop("const")
            given.setdefault("enum", [value])
            self._edit(path, "converted", "const is sent as an enum of one", value)
        if is_array(given.get("oneOf")) and "anyOf" not in given:
            given["anyOf"] = given.pop("oneOf")
            self._edit(path, "converted", "oneOf is sent as anyOf", None)

    def _narrow_type(self, given: dict[str, Any], path: str) -> None:
        """One type, and ``nullable`` beside it: OpenAPI has neither lists of types nor null."""
        kinds = given.get("type")
        if is_array(kinds):
            others = [kind for kind in kinds if kind != "null"]
            given.pop("type")
            if len(others) == 1:
                given["type"] = others[0]
            elif others and "anyOf" not in given:
                given["anyOf"] = [{"type": kind} for kind in others]
            if len(others) < len(kinds):
                given["nullable"] = True
            self._edit(path, "converted", "a list of types is sent as anyOf and nullable", kinds)
        choices = given.get("anyOf")
        if is_array(choices) and {"type": "null"} in choices:
            given["anyOf"] = [choice for choice in choices if choice != {"type": "null"}]
            given["nullable"] = True
            self._edit(path, "converted", "null is sent as nullable", None)

    def _narrow_enum(self, given: dict[str, Any]) -> None:
        """An enum of anything but texts is not one of OpenAPI's."""
        values = given.get("enum")
        if is_array(values) and not all(isinstance(value, str) for value in values):
            given["values"] = given.pop("enum")

    def _edit(self, path: str, kind: DeviationKind, reason: str, given: Any) -> None:
        self._edits.append(SchemaEdit(path, kind, reason, given))


_MOVED = "Gemini has no such keyword: it is said in the description"


def _described(description: Any, moved: Mapping[str, Any]) -> str:
    words = "; ".join(f"{key}: {json.dumps(value)}" for key, value in moved.items())
    return f"{description} ({words})" if description else words
