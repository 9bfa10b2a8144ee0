"""Responses held to their schema, where ``enable_json_schema_validation`` asks for it.

Streams are not: as with litellm, their text is the caller's to check.
"""

from __future__ import annotations

import json
from typing import Any

from llmgate.provider.http import is_object
from llmgate_litellm import _settings
from llmgate_litellm._arguments import Asked
from llmgate_litellm.exceptions import JSONSchemaValidationError
from llmgate_litellm.types.utils import ModelResponse

__all__ = ["check", "is_checked", "misfit"]


def is_checked(asked: Asked) -> bool:
    """Whether the call, or else the module, asks for it."""
    own: Any = asked.given.get("enable_json_schema_validation")
    return bool(_settings.value("enable_json_schema_validation") if own is None else own)


def check(asked: Asked, response: ModelResponse) -> None:
    """Hold the first choice to a schema that was given as a dictionary.

    llmgate itself holds a response to a class.

    Raises:
        JSONSchemaValidationError: when its text is no JSON, or does not fit.
        jsonschema.SchemaError: when the schema is none.
    """
    schema = _schema_of(asked.given.get("response_format"))
    text = response.choices[0].message.content
    if schema is None or text is None or not is_checked(asked):
        return
    try:
        import jsonschema  # noqa: PLC0415 - it need not be installed
    except ImportError:
        _settings.warn_of("enable_json_schema_validation", "the package jsonschema is missing")
        return
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, RecursionError, jsonschema.ValidationError) as error:
        raise misfit(asked, text, str(error)) from error


def misfit(asked: Asked, text: str, reason: str) -> JSONSchemaValidationError:
    """What is raised for a text that does not fit."""
    return JSONSchemaValidationError(
        message=f"litellm.JSONSchemaValidationError: {reason}\nraw_response: {text}",
        model=asked.model,
        llm_provider=asked.provider,
    )


def _schema_of(wanted: Any) -> Any:
    """The schema in a ``response_format`` of OpenAI's shape."""
    if not (is_object(wanted) and is_object(wanted.get("json_schema"))):
        return None
    return wanted["json_schema"].get("schema")
