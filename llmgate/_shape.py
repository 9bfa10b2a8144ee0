"""The base of every reply type: dataclasses that dump to and load from OpenAI's JSON shape.

It knows dataclasses and JSON only, no provider and no field by name but ``extra``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Self, Union, get_args, get_origin, get_type_hints

from llmgate._json import is_array, is_object
from llmgate.errors import DecodeError

__all__ = ["HIDDEN", "Shape"]

HIDDEN = {"hidden": True}
"""Metadata of a field that is about the exchange, and so is neither dumped nor loaded."""


class Shape:
    """A frozen, slotted dataclass whose fields are the keys of a JSON object.

    Keys that the dataclass does not name are in its field ``extra``, so a dump holds all of what
    was loaded. ``shape["key"]`` reads a field as an attribute does.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        field = next((field for field in _fields(_class_of(self)) if field.name == key), None)
        if field is not None:
            return getattr(self, key)
        extra: Mapping[str, Any] = getattr(self, "extra", {})
        return extra[key]

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, Any]:
        """The JSON object as dictionaries and lists, ``extra`` merged in."""
        dumped: dict[str, Any] = {}
        for field in _fields(_class_of(self)):
            value = getattr(self, field.name)
            if not (exclude_none and value is None):
                dumped[field.name] = _dump(value, exclude_none)
        return dumped | getattr(self, "extra", {})

    def model_dump_json(self, *, exclude_none: bool = False, indent: int | None = None) -> str:
        """:meth:`model_dump` as JSON text."""
        from pydantic_core import to_json  # noqa: PLC0415 - not paid for by `import llmgate`

        return to_json(self.model_dump(exclude_none=exclude_none), indent=indent).decode()

    @classmethod
    def model_validate(cls, data: Any, *, path: str = "") -> Self:
        """Load a JSON object; ``path`` is where it stands, for the error's text.

        Raises:
            DecodeError: when a value has another type than the field.
        """
        if isinstance(data, cls):
            return data
        if not is_object(data):
            raise DecodeError(f"{path or cls.__name__}: expected an object, got {_kind(data)}")
        known: dict[str, Any] = {}
        own: Any = cls
        loaders = _loaders(own)
        extra = {key: value for key, value in data.items() if key not in loaders}
        for name, loader in loaders.items():
            if name in data:
                value = _load(data[name], loader, f"{path}.{name}" if path else name)
                if value is not None or loader.nullable:
                    known[name] = value
        try:
            return cls(**known, **({"extra": extra} if extra else {}))
        except TypeError as error:
            missing = str(error).partition("argument")[2].strip(" :s")
            raise DecodeError(f"{path or cls.__name__}: {missing} is missing") from None


class _Loader(NamedTuple):
    nested: type[Shape] | None
    repeated: bool
    nullable: bool
    accepted: tuple[type, ...]


def _class_of(value: Shape) -> Any:
    """The class of a shape, for the caches below, whose type does not know that classes hash."""
    return type(value)


@cache
def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(
        field
        for field in dataclasses.fields(cls)
        if field.name != "extra" and "hidden" not in field.metadata
    )


@cache
def _loaders(cls: Any) -> Mapping[str, _Loader]:
    hints = get_type_hints(cls)
    return {field.name: _loader(hints[field.name]) for field in _fields(cls)}


def _loader(hint: Any) -> _Loader:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    origins = [get_origin(option) or option for option in options]
    items = [option for outer in options for option in (outer, *get_args(outer))]
    nested = next(
        (item for item in items if isinstance(item, type) and issubclass(item, Shape)), None
    )
    accepted = tuple(str if origin is Literal else origin for origin in origins)
    return _Loader(nested, list in accepted, NoneType in accepted, accepted)


def _load(value: Any, loader: _Loader, path: str) -> Any:
    if value is None:
        return None
    if loader.nested is not None and not loader.repeated:
        return loader.nested.model_validate(value, path=path)
    if isinstance(value, float) and int in loader.accepted and value.is_integer():
        value = int(value)
    if not isinstance(value, loader.accepted):
        expected = " or ".join(kind.__name__ for kind in loader.accepted if kind is not NoneType)
        raise DecodeError(f"{path}: expected {expected}, got {_kind(value)}")
    if loader.nested is None or not is_array(value):
        return value
    return [
        loader.nested.model_validate(item, path=f"{path}[{index}]")
        for index, item in enumerate(value)
    ]


def _dump(value: Any, exclude_none: bool) -> Any:
    if isinstance(value, Shape):
        return value.model_dump(exclude_none=exclude_none)
    if is_array(value):
        return [_dump(item, exclude_none) for item in value]
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
