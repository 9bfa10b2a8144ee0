"""Slotted dataclasses whose methods are generated when they are first needed. It knows no field.

The standard library generates them when a class is made, which for the classes of this package
would be a tenth of what importing it costs (ADR 17).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from reprlib import recursive_repr
from typing import Any, TypeVar, cast, dataclass_transform, get_origin

Made = TypeVar("Made")


@dataclass_transform(field_specifiers=(field,))
def slotted(cls: type[Made]) -> type[Made]:
    """Make a class a slotted dataclass without a hash; its ``__init__`` is generated when used."""
    made: Any = dataclass(slots=True, init=False, repr=False, eq=False)(cls)
    made.__init__ = _deferred_init(made)
    made.__signature__ = _Signature()
    if made.__repr__ is object.__repr__:
        made.__repr__ = _describe
    if made.__eq__ is object.__eq__:
        made.__eq__, made.__hash__ = _equals, None
    return cast("type[Made]", made)


def _deferred_init(cls: Any) -> Callable[..., None]:
    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807 - it becomes it
        init = cls.__init__ = _generated_init(cls)
        init(self, *given, **named)

    return __init__


def _generated_init(cls: Any) -> Callable[..., None]:
    """An ``__init__`` for the fields of a class, and for what is an argument of it alone. A field
    with ``init=False`` is left to ``__post_init__``."""
    own = {each.name for each in fields(cls)}
    everything: dict[str, Field[Any]] = cls.__dataclass_fields__
    declared = {name: each for name, each in everything.items() if each.init}
    names: dict[str, Any] = {"unset": MISSING}
    parameters, lines = ["self"], list[str]()
    slots: Mapping[str, str] = getattr(cls, "json_slots", {})
    for name, each in declared.items():
        names[f"default_{name}"] = each.default
        names[f"make_{name}"] = get_origin(each.default_factory) or each.default_factory
        is_made = each.default_factory is not MISSING
        default = "=unset" if is_made else f"=default_{name}"
        parameters.append(name + default * (is_made or each.default is not MISSING))
        if name in own:
            value = f"make_{name}() if {name} is unset else {name}" if is_made else name
            lines.append(f"    self.{slots.get(name, name)} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(f"    self.__post_init__({', '.join(n for n in declared if n not in own)})")
    source = [f"def __init__({', '.join(parameters)}):", *lines, "    return"]
    # Compiled first: at the end of a process, exec of a text would hide that ^C has ended it.
    code = compile("\n".join(source), "<string>", "exec")
    exec(code, names)  # noqa: S102 - as dataclasses does; the names are those of fields
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {name: each.type for name, each in declared.items()}
    return init


def copier(cls: type[Made]) -> Callable[[Made], Made]:
    """A function that copies an object of a dataclass, and what its fields refer to not; it takes a
    twentieth of what ``dataclasses.replace`` does."""
    lines = [f"    copy.{each.name} = value.{each.name}" for each in fields(cast("Any", cls))]
    source = ["def copied(value):", "    copy = new(cls)", *lines, "    return copy"]
    names: dict[str, Any] = {"new": object.__new__, "cls": cls}
    exec(compile("\n".join(source), "<string>", "exec"), names)  # noqa: S102 - as above
    copied: Callable[[Made], Made] = names["copied"]
    return copied


class _Signature:
    """What ``inspect.signature`` reports of such a class."""

    def __get__(self, _: object, cls: type[Any]) -> Any:
        import inspect  # noqa: PLC0415 - for whoever asks

        parameters = [*inspect.signature(_generated_init(cls)).parameters.values()]
        return inspect.Signature(parameters[1:])


@recursive_repr()
def _describe(self: Any) -> str:
    """The class with its fields, but for those that are None or not to be printed."""
    values = ((each.name, getattr(self, each.name)) for each in fields(self) if each.repr)
    printed = (f"{name}={value!r}" for name, value in values if value is not None)
    return f"{type(self).__qualname__}({', '.join(printed)})"


def _equals(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    compared = (each.name for each in fields(self) if each.compare)
    return all(getattr(self, name) == getattr(other, name) for name in compared)
