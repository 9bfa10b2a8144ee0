"""JSON schemas and validators of Python types and functions, by pydantic.

Pydantic is imported when the first type is given.
"""

from __future__ import annotations

import typing
from contextlib import suppress
from types import UnionType
from typing import TYPE_CHECKING, Any

from llmgate._text.contradictions import contradiction_in
from llmgate.errors import InvalidRequestError

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def schema_of(kind: Any, name: str, path: str) -> dict[str, Any]:
    """The JSON schema of a Python type, or of a ``TypeAdapter``.

    Raises:
        InvalidRequestError: when it has none, or one that contradicts itself; ``path`` is where it
            was given.
    """
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - for those who pass Python types

    try:
        schema = adapter_of(kind).json_schema()
    except (PydanticUserError, NameError) as error:  # NameError: an annotation that means nothing
        failure = no_schema(name, error, path)
    else:
        found = contradiction_in(schema)
        if found is None:
            return schema
        reason = f"the schema of {name} contradicts itself: {found}"
        failure = InvalidRequestError(reason, path=path)
    raise failure


def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """The ``TypeAdapter`` of a Python type, or the given ``TypeAdapter`` itself.

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
        with suppress(RecursionError):  # the error says how to write one that holds itself
            return TypeAdapter(_with_readable_typed_dicts(kind))
        raise


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


def no_schema(name: str, error: Exception, path: str) -> InvalidRequestError:
    """The error for a type that has no schema."""
    reason, _, more = str(error).partition("\n")[0].partition(". Set `arbitrary_types_allowed")
    if more:  # which would let anything through
        reason += "; give a class: a pydantic model, a dataclass or a TypedDict"
    return InvalidRequestError(f"no schema for {name}: {reason}", path=path)
