"""Python functions and types as schemas, and what a model writes for them as Python objects.

It knows OpenAI's form only; what a provider calls a tool is its plugin's matter.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._text.json import parse_arguments
from llmgate.errors import DecodeError, InvalidRequestError, LLMGateError, describe_value, excerpt

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llmgate.messages import ToolDefinition

__all__ = [
    "adapter_of",
    "function_tool",
    "parse_answer",
    "parse_arguments",
    "schema_of",
]

Parsed = TypeVar("Parsed")


def function_tool(function: Callable[..., Any]) -> ToolDefinition:
    """A Python function as a tool: its name, its docstring, and the schema of its parameters.

    Raises:
        InvalidRequestError: when it has no name, or a parameter that no JSON object can give.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None or not name.isidentifier():
        reason = f"{describe_value(function)} has no name: give a function that was defined by def"
        raise InvalidRequestError(reason, path="tools")
    schema = schema_of(function, name, "tools")
    if schema.get("type", "object") != "object":
        reason = f"{name} has parameters without a name: every argument is passed by its name"
        raise InvalidRequestError(reason, path="tools")
    definition: dict[str, Any] = {"name": name, "parameters": schema}
    if function.__doc__:
        definition["description"] = function.__doc__.strip()
    return cast("ToolDefinition", {"type": "function", "function": definition})


def schema_of(kind: Any, name: str, path: str) -> dict[str, Any]:
    """The JSON schema of a Python type, or of a ``TypeAdapter``.

    Raises:
        InvalidRequestError: when it has none; ``path`` is where it was given.
    """
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - for those who pass Python types

    try:
        return adapter_of(kind).json_schema()
    except (PydanticUserError, NameError) as error:  # NameError: an annotation that means nothing
        failure = _no_schema(name, error, path)
    raise failure


def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """What describes and validates a Python type, or the ``TypeAdapter`` itself.

    Raises:
        PydanticUserError: when pydantic cannot describe it.
    """
    from pydantic import TypeAdapter  # noqa: PLC0415 - only for those who pass Python types
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    if isinstance(kind, TypeAdapter):
        return kind  # pyright: ignore[reportUnknownVariableType] # of whatever type
    try:
        return TypeAdapter(kind)
    except PydanticUserError as error:
        if error.code != "typed-dict-version":
            raise
    return TypeAdapter(_with_readable_typed_dicts(kind))


def _with_readable_typed_dicts(kind: Any) -> Any:
    """A type with those TypedDicts that pydantic reads before Python 3.12 in place of Python's."""
    import typing_extensions  # noqa: PLC0415 - pydantic needs it, too

    make: Any = typing_extensions.TypedDict
    if typing.is_typeddict(kind):
        fields = dict[str, Any]()
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            # postponed annotations hide the marks from the class itself
            is_marked = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
            is_required = name in kind.__required_keys__
            if is_marked:
                is_required = typing.get_origin(hint) is typing.Required
            field = _with_readable_typed_dicts(typing.get_args(hint)[0] if is_marked else hint)
            fields[name] = field if is_required else typing.NotRequired[field]
        return make(kind.__name__, fields)
    parts = typing.get_args(kind)
    changed = tuple(_with_readable_typed_dicts(part) for part in parts)
    if changed == parts:
        return kind
    origin: Any = typing.get_origin(kind)
    return typing.Union[changed] if origin is UnionType else origin[changed]  # noqa: UP007 - of parts


def _no_schema(name: str, error: Exception, path: str) -> InvalidRequestError:
    reason = str(error).partition("\n")[0]
    return InvalidRequestError(f"no schema for {name}: {reason}", path=path)


def parse_answer(text: str | None, kind: type[Parsed] | TypeAdapter[Parsed]) -> Parsed:
    """An answer's JSON text as a value of a Python type that was its ``response_format``.

    Raises:
        DecodeError: when the text does not fit the type.
        InvalidRequestError: when the type has no schema.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - as above
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    failure: LLMGateError
    name: str = getattr(kind, "__name__", None) or "value of the type"
    try:
        parsed: Parsed = adapter_of(kind).validate_json(text or "")
        return parsed
    except ValidationError as error:
        failure = DecodeError(f"the answer is no {name}: {excerpt(str(error), 1000)}")
    except PydanticUserError as error:
        failure = _no_schema(name, error, "kind")
    raise failure
