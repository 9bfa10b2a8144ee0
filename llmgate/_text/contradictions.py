"""JSON schemas that contradict themselves: what no value can satisfy, and what is no schema at all.

It says only what is certain, changes nothing, and knows no host: which of the schemas that make
sense a host accepts is that host's matter.
Source: https://json-schema.org/draft/2020-12 (core and validation)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from llmgate._text.json import is_array, is_number, is_object
from llmgate.errors import InvalidRequestError, describe_value

_BOUNDS = (
    *(("minimum", "maximum"), ("exclusiveMinimum", "maximum")),
    *(("minimum", "exclusiveMaximum"), ("exclusiveMinimum", "exclusiveMaximum")),
    *(("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")),
)
_BOUNDED = frozenset(lower for lower, _ in _BOUNDS)
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("dict", "map", "mapping"), "object"),
    **dict.fromkeys(("list", "tuple", "set"), "array"),
    **dict.fromkeys(("str", "text"), "string"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **{"int": "integer", "long": "integer", "bool": "boolean", "none": "null"},
}
"""The types that other languages have for JSON's."""
_OF_SCHEMAS = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
)
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems", "items"})
_ONE = frozenset({"items", "additionalItems", "additionalProperties", "contains", "propertyNames"})
"""The keywords that hold schemas by name, in a list, or one. What stands under ``not`` and ``if``
may well be impossible."""


class Contradiction(NamedTuple):
    """Where a schema contradicts itself, from its root, and what is wrong with that part."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place or 'the value'} {self.reason}"


def contradiction_in(schema: Any) -> Contradiction | None:
    """The first contradiction of a schema; None where it has none that is certain."""
    return next(_contradictions(schema, "", ()), None)


def refuse_contradictions(parameters: Mapping[str, Any]) -> None:
    """Refuse tools and formats whose schemas contradict themselves.

    Raises:
        InvalidRequestError: naming the path of the wrong part.
    """
    for path, schema in _schemas_of(parameters):
        found = contradiction_in(schema)
        if found is not None:
            where = f"{path}.{found.place}" if found.place else path
            raise InvalidRequestError(found.reason, path=where)


def _schemas_of(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas of checked parameters, and their paths."""
    for number, function in enumerate(parameters.get("functions", ())):
        yield f"functions[{number}].parameters", function.get("parameters")
    for number, tool in enumerate(parameters.get("tools", ())):
        if is_object(tool.get("function")):
            yield f"tools[{number}].function.parameters", tool["function"].get("parameters")
    described = parameters.get("response_format", {}).get("json_schema")
    if is_object(described):
        yield "response_format.json_schema.schema", described.get("schema")


def _contradictions(
    schema: Any, place: str, around: tuple[dict[str, Any], ...]
) -> Iterator[Contradiction]:
    """Those of a schema; ``around`` are the schemas in which it stands, from the root on."""
    if not is_object(schema):
        return
    around = (*around, schema)
    reference = schema.get("$ref")
    if reference is not None:
        if _leads_nowhere(reference, around):
            reason = f"is {describe_value(reference)}, which is not in the schema"
            yield Contradiction(_joined(place, "$ref"), reason)
    else:  # older drafts ignore what stands beside a reference
        yield from _own(schema, place)
    for name, part in _parts(schema):
        yield from _contradictions(part, _joined(place, name), around)


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas in a schema, and where they stand."""
    for keyword, value in schema.items():
        if is_object(value):
            if keyword in _OF_SCHEMAS:
                for name, part in value.items():
                    yield f"{keyword}.{name}", part
            elif keyword in _ONE:
                yield keyword, value
        elif keyword in _LISTS and is_array(value):
            for number, part in enumerate(value):
                yield f"{keyword}[{number}]", part


def _own(schema: dict[str, Any], place: str) -> Iterator[Contradiction]:
    """What the keywords of one schema say against each other."""
    types = schema.get("type")
    for kind in types if is_array(types) else [types]:
        if (
            kind not in _TYPES and isinstance(kind, str) and kind.lower() not in _TYPES
        ):  # some hosts want capitals
            yield Contradiction(_joined(place, "type"), _no_type(kind))
    if schema.get("enum") == []:
        yield Contradiction(_joined(place, "enum"), "is empty: it allows no value")
    for lower, upper in () if _BOUNDED.isdisjoint(schema) else _BOUNDS:
        least, most = schema.get(lower), schema.get(upper)
        if not (is_number(least) and is_number(most)):
            continue
        if least > most or (least == most and "exclusive" in lower + upper):
            reason = f"has {lower} {least} and {upper} {most}"
            yield Contradiction(place, reason)
    if schema.get("additionalProperties") is False and not schema.get("patternProperties"):
        yield from _without_others(schema, place)


def _without_others(schema: dict[str, Any], place: str) -> Iterator[Contradiction]:
    """What is wrong with an object that allows no other properties than its own."""
    own: Any = schema.get("properties") or {}
    required = schema.get("required")
    if not (is_object(own) and is_array(required)):
        return
    missing = [name for name in required if isinstance(name, str) and name not in own]
    if missing:
        allowed = f"only {', '.join(map(repr, own))}" if own else "no properties"
        names = ", ".join(map(repr, missing))
        yield Contradiction(
            _joined(place, "required"), f"has {names}, but the object allows {allowed}"
        )


def _no_type(kind: str) -> str:
    meant = _MEANT.get(kind.lower())
    hint = f"did you mean {meant!r}?" if meant else f"it must be one of {', '.join(_TYPES)}"
    return f"is {describe_value(kind)}, which is no type of JSON; {hint}"


def _leads_nowhere(reference: Any, around: tuple[dict[str, Any], ...]) -> bool:
    """Whether a reference within the schema has no target. Names of anchors and addresses are not
    looked at; a schema that was put whole into another may be its own root."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return False
    steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in reference.split("/")]
    return not any(_has(root, steps[1:]) for root in around)


def _has(value: Any, steps: list[str]) -> bool:
    for step in steps:
        if is_object(value) and step in value:
            value = value[step]
        elif is_array(value) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False
    return True


def _joined(place: str, step: str) -> str:
    return f"{place}.{step}" if place else step
