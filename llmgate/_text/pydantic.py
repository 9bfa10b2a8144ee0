"""What pydantic asks of a shape: a schema of its JSON, a validator, and how to dump it.

It is imported when pydantic asks. Loading and dumping themselves are the shape's own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from llmgate._text.shape_loading import json_type, loaders_of
from llmgate.errors import DecodeError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import SchemaSerializer, core_schema

    from llmgate._text.shape import Shape


def schema_of(cls: type[Shape], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    """The schema of a shape: described as its JSON, validated to instances, dumped by itself."""
    from pydantic_core import core_schema  # noqa: PLC0415 - pydantic asks, so it is here

    hints = get_type_hints(cls)
    own: Any = cls
    described = core_schema.typed_dict_schema(
        {
            name: core_schema.typed_dict_field(
                handler.generate_schema(json_type(hints[name])), required=False
            )
            for name in loaders_of(own)
        },
        cls=own,
        extra_behavior="allow",
    )
    return core_schema.no_info_wrap_validator_function(
        lambda value, _: _loaded(cls, value),
        described,
        ref=f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
        serialization=_serialization(),
    )


@cache
def serializer() -> SchemaSerializer:
    """What dumps any shape."""
    from pydantic_core import SchemaSerializer, core_schema  # noqa: PLC0415 - likewise

    return SchemaSerializer(core_schema.any_schema(serialization=_serialization()))


def _serialization() -> core_schema.SerSchema:
    from pydantic_core import core_schema  # noqa: PLC0415 - likewise

    return core_schema.plain_serializer_function_ser_schema(_dumped, info_arg=True)


def _dumped(value: Any, info: core_schema.SerializationInfo) -> Any:
    if not hasattr(value, "model_dump"):  # pydantic warns of it, or not, as it was asked to
        return value
    return value.model_dump(
        mode=info.mode,
        include=info.include,
        exclude=info.exclude,
        exclude_unset=info.exclude_unset,
        exclude_none=info.exclude_none,
    )


def _loaded(cls: type[Shape], value: Any) -> Shape:
    try:
        return cls.model_validate(value)
    except DecodeError as error:
        raise ValueError(error.message) from None
