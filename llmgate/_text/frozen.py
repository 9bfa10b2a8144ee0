"""Frozen, slotted dataclasses that cost no more to make than open ones. It knows no field by name.

The standard library's set each field through ``object.__setattr__``, which is most of what a chunk
of a stream would cost, and generate six functions a class, which is most of what importing them
would (ADR 0007).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, is_dataclass
from reprlib import recursive_repr
from types import MappingProxyType
from typing import Any, TypeVar, cast, dataclass_transform, get_origin

__all__ = ["frozen", "open_class"]

Made = TypeVar("Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[Made]) -> type[Made]:
    """Make a class a frozen, slotted dataclass.

    It is filled while it is an instance of its :func:`open_class`, and then becomes its own.
    """
    is_derived = any(map(is_dataclass, cls.__mro__))
    made = dataclass(slots=True, init=False, repr=False, eq=False, frozen=is_derived)(cls)
    cast("Any", made).__dataclass_params__.frozen = True  # which the methods below make true
    _open_classes[made] = _opened(made)
    methods = {"__new__": _first_new(made), "__signature__": _Signature(), **_METHODS}
    if "__repr__" in vars(made):
        del methods["__repr__"]
    for name, method in methods.items():
        setattr(made, name, method)
    return made


def open_class(cls: type[Made]) -> type[Made]:
    """The class of the same layout whose instances can be changed.

    Whoever fills one sets its ``__class__`` to the frozen class, and hands out nothing before.
    """
    found = _open_classes.get(cls)
    if found is None:  # a class derived from a frozen one
        found = _open_classes[cls] = _opened(cls)
    return found


_open_classes: dict[type[Any], type[Any]] = {}


def _opened(cls: type[Any]) -> type[Any]:
    # Both methods, or the type would look for them in Python at each assignment.
    settable = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), **settable})


def _first_new(cls: type[Any]) -> Callable[..., Any]:
    """``__new__`` until an instance is made: many classes are imported, and few are used."""

    def __new__(first: type[Any], *given: Any, **named: Any) -> Any:  # noqa: N807 - it becomes it
        constructor = cast("Any", cls).__new__ = _constructor(cls)
        return constructor(first, *given, **named)

    return __new__


class _Signature:
    """What ``inspect.signature`` says of a frozen class."""

    def __get__(self, _: object, cls: type[Any]) -> Any:
        import inspect  # noqa: PLC0415 - for whoever asks

        parameters = [*inspect.signature(_constructor(cls)).parameters.values()]
        return inspect.Signature(parameters[1:])


def _constructor(cls: type[Any]) -> Callable[..., Any]:
    """``__new__`` of a frozen class, with a parameter for each field."""
    own = fields(cls)
    post = "\n    self.__post_init__()" if hasattr(cls, "__post_init__") else ""
    lines = [f"    self.{each.name} = {_value(each)}" for each in own]
    source = "\n".join(
        [
            f"def __new__(cls, {', '.join(map(_parameter, own))}):",
            "    self = new(own_open if cls is own else open_class(cls))",
            *lines,
            f"    self.__class__ = cls{post}",
            "    return self",
        ]
    )
    names: dict[str, Any] = {
        "new": object.__new__,
        "own": cls,
        "own_open": open_class(cls),
        "open_class": open_class,
        "unset": MISSING,
    }
    for each in own:
        names[f"default_{each.name}"] = each.default
        names[f"make_{each.name}"] = each.default_factory
    exec(source, names)  # noqa: S102 - as dataclasses does; the names are those of fields
    constructor = cast("Callable[..., Any]", names["__new__"])
    constructor.__qualname__ = f"{cls.__qualname__}.__new__"
    constructor.__annotations__ = {each.name: each.type for each in own}
    return constructor


def _parameter(each: Field[Any]) -> str:
    if each.default is not MISSING:
        return f"{each.name}=default_{each.name}"
    return each.name if each.default_factory is MISSING else f"{each.name}=unset"


def _value(each: Field[Any]) -> str:
    if each.default_factory is MISSING:
        return each.name
    return f"{fresh(each)} if {each.name} is unset else {each.name}"


def fresh(each: Field[Any]) -> str:
    """The expression that makes a field's default anew; a display is quicker than a call."""
    kind: Any = get_origin(each.default_factory) or each.default_factory
    if kind is dict:
        return "{}"
    return "[]" if kind is list else f"make_{each.name}()"


# --- the methods that every frozen class has: those of a frozen dataclass -----------------


def _reduced(self: Any) -> tuple[type[Any], tuple[Any, ...]]:
    """How it is pickled and copied: its class, and the value of each field."""
    cls: type[Any] = self.__class__
    return cls, tuple(getattr(self, each.name) for each in fields(self))


@recursive_repr()
def _shown(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, each.name) for each in fields(self) if each.compare)


def _equals(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return bool(_compared(self) == _compared(other))


def _hashed(self: Any) -> int:
    return hash(_compared(self))


def _refuse_setting(_: Any, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS: Mapping[str, Any] = MappingProxyType(
    {
        "__reduce__": _reduced,
        "__repr__": _shown,
        "__eq__": _equals,
        "__hash__": _hashed,
        "__setattr__": _refuse_setting,
        "__delattr__": _refuse_deleting,
    }
)
