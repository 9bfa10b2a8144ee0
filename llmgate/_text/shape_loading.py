"""Loading shapes from JSON objects: with care, or by a loader that is compiled for their class.

When a class is loaded again, a loader is compiled for it, for data whose every value has its
field's very type; it gives all other data to the loader that explains what is wrong.
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
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from llmgate._text.attributes import JsonField
from llmgate._text.json import is_array, is_object
from llmgate.errors import DecodeError

Loaded = TypeVar("Loaded")


@cache
def own_fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a shape that have names in JSON."""
    return tuple(field for field in dataclasses.fields(cls) if field.name != "extra")


def _is_shape(kind: type) -> bool:
    """Whether values of a class are loaded from objects."""
    return dataclasses.is_dataclass(kind)


def load(cls: type[Loaded], data: Any, path: str) -> Loaded:
    """A shape of this class from a JSON object; ``path`` is where it stands, for the error's text.

    Raises:
        DecodeError: when a value has another type than the field.
    """
    own: Any = cls
    quick = _quick_loaders.get(own)
    if quick is None:  # the first time: to compile it costs as much as many loads
        _quick_loaders[own] = partial(_compile_and_load, own)
        return load_with_care(cls, data, path)
    try:
        loaded: Loaded = quick(data)
    except _UnusualError:
        pass
    else:
        return loaded
    return load_with_care(cls, data, path)


def load_with_care(cls: type[Loaded], data: Any, path: str = "") -> Loaded:
    """The same, which also explains what is wrong: the definition of what is right."""
    if isinstance(data, cls):
        return data
    if not is_object(data):
        raise DecodeError(f"{path or cls.__name__}: expected an object, got {_kind(data)}")
    known: dict[str, Any] = {}
    own: Any = cls
    loaders = loaders_of(own)
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
    nested: type[Any] | None
    item: _Loader | None


@cache
def loaders_of(cls: Any) -> Mapping[str, _Loader]:
    hints = get_type_hints(cls)
    return {field.name: _loader(json_type(hints[field.name])) for field in own_fields(cls)}


def json_type(hint: Any) -> Any:
    """The type of a field's JSON, where the field is declared by how it reads. What a shape is
    generic over plays no part in it."""
    origin = get_origin(hint)
    if isinstance(origin, type) and _is_shape(origin):
        return origin
    if origin is list:
        (item,) = get_args(hint)
        return list[json_type(item)]  # type: ignore[misc] # it is made at run time
    kind: Any = hint if isinstance(hint, type) else object
    return kind.hint if issubclass(kind, JsonField) else hint


def _loader(hint: Any) -> _Loader:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = [_kind_of(option) for option in options]
    item = next((get_args(option)[0] for option in options if get_origin(option) is list), None)
    return _Loader(
        accepted=tuple(kind for kind in kinds if kind is not NoneType),
        nullable=NoneType in kinds,
        nested=next((kind for kind in kinds if _is_shape(kind)), None),
        item=None if item is None else _loader(item),
    )


def _kind_of(hint: Any) -> type:
    """The class that values of a type have at run time; our literals are texts."""
    origin = get_origin(hint)
    return str if origin is Literal else origin or hint


def _load(value: Any, loader: _Loader, path: str) -> Any:
    if loader.nested is not None:
        return load(loader.nested, value, path)
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
    loaders = loaders_of(cls)
    names: dict[str, Any] = {
        "cls": cls,
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
        "    self = new(cls)",
    ]
    for each in dataclasses.fields(cls):
        if each.name in loaders:
            lines += _assignment(each, loaders[each.name], cls.json_slots)
    if any(each.name == "extra" for each in dataclasses.fields(cls)):
        rest = "{key: value for key, value in data.items() if key not in known}"
        lines.append(f"    self.raw_extra = None if known.issuperset(data) else {rest}")
    if hasattr(cls, "__post_init__"):  # its arguments stand for what no JSON has
        lines.append("    self.__post_init__(None)")
    lines.append("    return self")
    exec("\n".join(lines), names)  # noqa: S102 - as dataclasses does; the names are fields'
    load: Callable[[Any], Any] = names["load"]
    return load


def _nested(loader: _Loader) -> Callable[[Any], Any] | None:
    """What loads a field's value, or its items, where these are shapes themselves."""
    nested: Any = loader.nested or (loader.item.nested if loader.item is not None else None)
    return None if nested is None else _compiled(nested)


def _assignment(
    each: dataclasses.Field[Any], loader: _Loader, json_slots: Mapping[str, str]
) -> list[str]:
    """The lines that load one field."""
    name = each.name
    target = f"self.{json_slots.get(name, name)}"
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
    if name in json_slots:
        return [*lines, "    else:", f"        {target} = None"]
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
    return "refuse()" if each.default_factory is MISSING else f"make_{each.name}()"


def _refuse() -> NoReturn:
    raise _UnusualError


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
