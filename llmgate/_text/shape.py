"""The base of every reply type: dataclasses that dump to and load from OpenAI's JSON shape.

It knows dataclasses and JSON only, no provider and no field by name but ``extra``. When a class is
loaded again, a loader is compiled for it, for data whose every value has its field's very type; it
gives all other data to the loader that explains what is wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from functools import cache, partial
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from llmgate._text.frozen import fresh, open_class
from llmgate._text.json import is_array, is_object
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
                dumped[field.name] = _dump(value, exclude_none=exclude_none)
        extra: dict[str, Any] = _dump(getattr(self, "extra", {}), exclude_none=False)
        return dumped | extra

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
        own: Any = cls
        load = _quick_loaders.get(own)
        if load is None:  # the first time: to compile it costs as much as many loads
            _quick_loaders[own] = partial(_compile_and_load, own)
            return cls._load_with_care(data, path)
        try:
            loaded: Self = load(data)
        except _UnusualError:
            pass
        else:
            return loaded
        return cls._load_with_care(data, path)

    @classmethod
    def _load_with_care(cls, data: Any, path: str) -> Self:
        if isinstance(data, cls):
            return data
        if not is_object(data):
            raise DecodeError(f"{path or cls.__name__}: expected an object, got {_kind(data)}")
        known: dict[str, Any] = {}
        own: Any = cls
        loaders = _loaders(own)
        extra = {key: value for key, value in data.items() if key not in loaders}
        if extra and any(field.name == "extra" for field in dataclasses.fields(own)):
            known["extra"] = extra
        for name, loader in loaders.items():
            value = data.get(name)
            if value is not None:
                known[name] = _load(value, loader, f"{path}.{name}" if path else name)
            elif name in data and loader.nullable:
                known[name] = None
        try:
            return cls(**known)
        except TypeError as error:
            missing = str(error).partition("argument")[2].strip(" :s")
            raise DecodeError(f"{path or cls.__name__}: {missing} is missing") from None


class _Loader(NamedTuple):
    """What a field takes: ``nested`` is the shape of an object, ``item`` loads a list's items."""

    accepted: tuple[type, ...]
    nullable: bool
    nested: type[Shape] | None
    item: _Loader | None


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
    kinds = [_kind_of(option) for option in options]
    item = next((get_args(option)[0] for option in options if get_origin(option) is list), None)
    return _Loader(
        accepted=tuple(kind for kind in kinds if kind is not NoneType),
        nullable=NoneType in kinds,
        nested=next((kind for kind in kinds if issubclass(kind, Shape)), None),
        item=None if item is None else _loader(item),
    )


def _kind_of(hint: Any) -> type:
    """The class that values of a type have at run time; our literals are texts."""
    origin = get_origin(hint)
    return str if origin is Literal else origin or hint


def _load(value: Any, loader: _Loader, path: str) -> Any:
    if loader.nested is not None:
        return loader.nested.model_validate(value, path=path)
    if isinstance(value, float) and int in loader.accepted and value.is_integer():
        value = int(value)
    if type(value) is bool or not isinstance(value, loader.accepted):  # no field is a bool
        expected = " or ".join(kind.__name__ for kind in loader.accepted)
        raise DecodeError(f"{path}: expected {expected}, got {_kind(value)}")
    if loader.item is None or not is_array(value):
        return value
    return [_load(item, loader.item, f"{path}[{index}]") for index, item in enumerate(value)]


# --- compiled loaders: the same for data in which nothing is unusual ----------------------


class _UnusualError(Exception):
    """A value is not of its field's very type; it may be wrong, or need to be converted."""


_quick_loaders: dict[Any, Callable[[Any], Any]] = {}


def _compile_and_load(cls: Any, data: Any) -> Any:
    load = _quick_loaders[cls] = _compiled(cls)
    return load(data)


@cache
def _compiled(cls: Any) -> Callable[[Any], Any]:
    """A function that loads a JSON object, or raises what says that it takes more care."""
    loaders = _loaders(cls)
    names: dict[str, Any] = {
        "cls": cls,
        "opened": open_class(cls),
        "new": object.__new__,
        "unusual": _UnusualError,
        "refuse": _refuse,
        "known": frozenset(loaders),
        **{f"load_{name}": _nested(loader) for name, loader in loaders.items()},
        **{f"default_{each.name}": each.default for each in dataclasses.fields(cls)},
        **{f"make_{each.name}": each.default_factory for each in dataclasses.fields(cls)},
    }
    lines = [
        "def load(data):",
        "    if type(data) is not dict:",
        "        if type(data) is cls: return data",
        "        raise unusual",
        "    self = new(opened)",
    ]
    for each in dataclasses.fields(cls):
        if each.name in loaders:
            lines += _assignment(each, loaders[each.name])
        elif each.name != "extra":
            lines.append(f"    self.{each.name} = {_default(each)}")
    if any(each.name == "extra" for each in dataclasses.fields(cls)):
        rest = "{key: value for key, value in data.items() if key not in known}"
        lines.append(f"    self.extra = {{}} if data.keys() <= known else {rest}")
    lines += ["    self.__class__ = cls", "    return self"]
    exec("\n".join(lines), names)  # noqa: S102 - as dataclasses does; the names are fields'
    load: Callable[[Any], Any] = names["load"]
    return load


def _nested(loader: _Loader) -> Callable[[Any], Any] | None:
    """What loads a field's value, or its items, where these are shapes themselves."""
    nested: Any = loader.nested or (loader.item.nested if loader.item is not None else None)
    return None if nested is None else _compiled(nested)


def _assignment(each: dataclasses.Field[Any], loader: _Loader) -> list[str]:
    """The lines that load one field."""
    target, name = f"self.{each.name}", each.name
    lines = [f"    if {name!r} in data:", f"        value = data[{name!r}]"]
    missing = "None" if loader.nullable else _default(each)
    if loader.nested is not None:
        load = f"load_{name}(value)"
    elif loader.item is not None:
        load = f"{_items(name, loader.item)} if type(value) is list else refuse()"
    else:
        kinds = " or ".join(f"type(value) is {kind.__name__}" for kind in loader.accepted)
        load = f"value if {kinds} else refuse()"
    lines.append(f"        {target} = {missing} if value is None else {load}")
    return [*lines, "    else:", f"        {target} = {_default(each)}"]


def _items(name: str, item: _Loader) -> str:
    """The expression that loads a list."""
    if item.nested is not None:
        return f"[load_{name}(item) for item in value]"
    kinds = " or ".join(f"type(item) is {kind.__name__}" for kind in item.accepted)
    return f"[item if {kinds} else refuse() for item in value]"


def _default(each: dataclasses.Field[Any]) -> str:
    if each.default is not MISSING:
        return f"default_{each.name}"
    return "refuse()" if each.default_factory is MISSING else fresh(each)


def _refuse() -> NoReturn:
    raise _UnusualError


def _dump(value: Any, *, exclude_none: bool) -> Any:
    if isinstance(value, Shape):
        return value.model_dump(exclude_none=exclude_none)
    if is_array(value):
        return [_dump(item, exclude_none=exclude_none) for item in value]
    if is_object(value):  # a provider's own JSON: its nulls are kept
        return {key: _dump(item, exclude_none=False) for key, item in value.items()}
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
