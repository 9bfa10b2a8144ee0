"""Frozen, slotted dataclasses that cost no more to make than open ones. It knows no field by name.

The standard library's set each field through ``object.__setattr__``, which is most of what a chunk
of a stream would cost (ADR 0007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, cast, dataclass_transform, get_origin

__all__ = ["frozen", "open_class"]

Made = TypeVar("Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[Made]) -> type[Made]:
    """Make a class a frozen, slotted dataclass.

    It is filled while it is an instance of its :func:`open_class`, and then becomes its own.
    """
    made = dataclass(frozen=True, slots=True, init=False)(cls)
    _open_classes[made] = _opened(made)
    setattr(made, "__new__", _constructor(made))  # noqa: B010 - a type checker forbids it
    setattr(made, "__reduce__", _reduced)  # noqa: B010 - likewise
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
        "own_open": _open_classes[cls],
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


def _reduced(self: Any) -> tuple[type[Any], tuple[Any, ...]]:
    """How it is pickled and copied: its class, and the value of each field."""
    return type(self), tuple(getattr(self, each.name) for each in fields(self))
