"""Python functions and types as schemas, and what a model writes for them as Python objects.

It knows OpenAI's form only; what a provider calls a tool is its plugin's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._text.json import parse_arguments
from llmgate.errors import DecodeError, InvalidRequestError, LLMGateError, excerpt, shown

if TYPE_CHECKING:
    from llmgate.messages import ToolDefinition

__all__ = [
    "function_tool",
    "parse_answer",
    "parse_arguments",
    "response_format_of",
]

Parsed = TypeVar("Parsed")


def function_tool(function: Callable[..., Any]) -> ToolDefinition:
    """A Python function as a tool: its name, its docstring, and the schema of its parameters.

    Raises:
        InvalidRequestError: when it has no name, or a parameter that no JSON object can give.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None or not name.isidentifier():
        reason = f"{shown(function)} has no name: give a function that was defined by def"
        raise InvalidRequestError(reason, path="tools")
    schema = _schema(function, name, "tools")
    if schema.get("type", "object") != "object":
        reason = f"{name} has parameters without a name: every argument is passed by its name"
        raise InvalidRequestError(reason, path="tools")
    definition: dict[str, Any] = {"name": name, "parameters": schema}
    if function.__doc__:
        definition["description"] = function.__doc__.strip()
    return cast("ToolDefinition", {"type": "function", "function": definition})


def response_format_of(kind: type[Any]) -> dict[str, Any]:
    """A Python type (a pydantic model, a dataclass, …) as a ``response_format``.

    Raises:
        InvalidRequestError: when the type has no JSON schema.
    """
    schema = _schema(kind, kind.__name__, "response_format")
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", kind.__name__)[:64]  # what OpenAI takes for a name
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _schema(kind: Any, name: str, path: str) -> dict[str, Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only for those who pass Python types
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    try:
        return TypeAdapter(kind).json_schema()
    except (PydanticUserError, NameError) as error:  # NameError: an annotation that means nothing
        failure = _no_schema(name, error, path)
    raise failure


def _no_schema(name: str, error: Exception, path: str) -> InvalidRequestError:
    reason = str(error).partition("\n")[0]
    return InvalidRequestError(f"no schema for {name}: {reason}", path=path)


def parse_answer(text: str | None, kind: type[Parsed]) -> Parsed:
    """An answer's JSON text as an instance of a Python type.

    Raises:
        DecodeError: when the text does not fit the type.
        InvalidRequestError: when the type has no schema.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - as above
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    failure: LLMGateError
    try:
        return TypeAdapter(kind).validate_json(text or "")
    except ValidationError as error:
        reason = excerpt(str(error), 1000)
        failure = DecodeError(f"the answer is no {kind.__name__}: {reason}")
    except PydanticUserError as error:
        failure = _no_schema(kind.__name__, error, "kind")
    raise failure
