"""``response_format`` in Cohere's format, with the schema in Cohere's dialect; it changes no input.

What the dialect lacks is moved into the description, so that the model may still follow it.
Source: https://docs.cohere.com/docs/structured-outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import drop_others, parameter

__all__ = ["add_format", "dialect_of"]

_PATH = "response_format"


def add_format(body: dict[str, Any], call: ProviderCall) -> None:
    """Add the format to the body.

    Raises:
        UnsupportedError: beside tools or documents, with which Cohere does not combine it.
        InvalidRequestError: when it is not a format.
    """
    given = parameter(call, "response_format")
    if not is_object(given):
        return
    match given:
        case {"type": "text"}:
            call.report.add("dropped", _PATH, "every response is text", given=given)
            return
        case {"type": "json_object"}:
            sent = _json_object(given, call)
        case {"type": "json_schema", "json_schema": {"schema": dict()}}:
            sent = {
                "type": "json_object",
                "json_schema": dialect_of(given["json_schema"]["schema"]),
            }
            reason = "Cohere takes the schema alone, in its own dialect"
            call.report.add("converted", _PATH, reason, given=given, sent=sent)
        case _:
            expected = "must be text, json_object, or json_schema with its schema"
            raise InvalidRequestError(expected, path=_PATH)
    for beside in ("tools", "documents"):
        if body.get(beside) or call.extra_body.get(beside):
            raise UnsupportedError(
                f"{_PATH}: Cohere cannot combine a JSON format with {beside}; ask for the JSON in "
                "words, or in a call of its own",
                parameter=_PATH,
            )
    body["response_format"] = sent


def _json_object(given: Mapping[str, Any], call: ProviderCall) -> dict[str, Any]:
    """Any JSON; or Cohere's own form, with a schema, which is sent as it is."""
    schema = given.get("json_schema")
    known = ("type", "json_schema") if is_object(schema) else ("type",)
    drop_others(given, known, _PATH, call, "Cohere has no such field")
    return {key: given[key] for key in known}


# --- schemas ------------------------------------------------------------------------------

_UNKNOWN = frozenset(
    {
        "allOf",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "not",
    }
)
_FORMATS = frozenset({"date", "date-time", "time", "uuid"})
_NOT_IN_PATTERNS = ("^", "$", "?=", "?!")
_MAPS = frozenset({"$defs", "definitions", "properties"})


def dialect_of(schema: Any) -> Any:
    """The schema with only what Cohere's dialect has."""
    if not is_object(schema):
        return schema
    sent: dict[str, Any] = {}
    lacking: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("anyOf", "oneOf") and is_array(value):
            sent["anyOf"] = [dialect_of(item) for item in value]
        elif key in _MAPS and is_object(value):
            sent[key] = {name: dialect_of(item) for name, item in value.items()}
        elif key in ("items", "additionalProperties"):
            sent[key] = dialect_of(value)
        elif key == "allOf" and is_array(value) and len(value) == 1 and is_object(value[0]):
            sent |= dialect_of(value[0])
        elif _is_unknown(key, value):
            lacking[key] = value
        else:
            sent[key] = value
    if lacking:
        sent["description"] = _described(sent.get("description"), lacking)
    return sent


def _is_unknown(key: str, value: Any) -> bool:
    if key == "pattern":
        return any(sign in str(value) for sign in _NOT_IN_PATTERNS)
    return key in _UNKNOWN or (key == "format" and str(value) not in _FORMATS)


def _described(description: Any, lacking: Mapping[str, Any]) -> str:
    listed = "{" + ", ".join(f"{key}: {value}" for key, value in lacking.items()) + "}"
    return f"{description}\n\n{listed}" if description else listed
