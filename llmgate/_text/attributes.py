"""JSON objects that are read by attribute as well, and the fields that hold them.

A field of plain JSON is stored as it came and wrapped when it is first read, so that a chunk of a
stream pays nothing for what nobody looks at. What is stored is the attribute ``raw_`` and the
field's name. Nothing here knows a provider or a shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, overload

from llmgate._text.json import is_array, is_object

if TYPE_CHECKING:
    from types import MemberDescriptorType


class AttributeDict(dict[str, Any]):
    """A JSON object: ``value["name"]`` and ``value.name`` read the same, at any depth."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in self and not name.startswith("__"):  # Python itself asks for such
            return self[name]
        raise AttributeError(f"there is no {name!r} among {[*self]}", name=name, obj=self)


def _wrapped(value: Any) -> Any:
    if is_object(value):
        return AttributeDict({key: _wrapped(item) for key, item in value.items()})
    return [_wrapped(item) for item in value] if is_array(value) else value


def _is_unwrapped(value: Any) -> bool:
    """Whether it is an object as it came, or a list of such."""
    first = value[0] if is_array(value) and value else value
    return type(first) is dict


class JsonField:
    """A field of a shape that holds plain JSON; its default is None."""

    hint: ClassVar[Any] = dict[str, Any] | None
    """What is stored, as a type for loaders and schemas."""
    makes_empty: ClassVar[bool] = False
    """Whether an empty object is read where nothing is stored."""

    if not TYPE_CHECKING:

        def __get__(self, _, __):
            return None  # the default, which the dataclass looks up on the class

    def over(self, slot: MemberDescriptorType) -> property:
        """The attribute that reads and writes a slot."""
        stored, write, makes_empty = slot.__get__, slot.__set__, self.makes_empty

        def read(shape: Any) -> Any:
            value = stored(shape)
            if value is None and not makes_empty:
                return None
            if value is None or _is_unwrapped(value):
                value = _wrapped(value or {})
                write(shape, value)
            return value

        return property(read, write)


class JsonObject(JsonField):
    """A JSON object, or None."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, shape: None, cls: Any) -> None: ...
        @overload
        def __get__(self, shape: object, cls: Any) -> AttributeDict | None: ...
        def __get__(self, shape: object, cls: Any) -> AttributeDict | None: ...
        def __set__(self, shape: object, value: Mapping[str, Any] | None) -> None: ...


class JsonObjects(JsonField):
    """A list of JSON objects, or None."""

    hint = list[dict[str, Any]] | None

    if TYPE_CHECKING:

        @overload
        def __get__(self, shape: None, cls: Any) -> None: ...
        @overload
        def __get__(self, shape: object, cls: Any) -> list[AttributeDict] | None: ...
        def __get__(self, shape: object, cls: Any) -> list[AttributeDict] | None: ...
        def __set__(self, shape: object, value: Sequence[Mapping[str, Any]] | None) -> None: ...


class Extra(JsonField):
    """The keys of a JSON object that its shape does not name; an empty object without any."""

    makes_empty = True

    if TYPE_CHECKING:

        @overload
        def __get__(self, shape: None, cls: Any) -> None: ...
        @overload
        def __get__(self, shape: object, cls: Any) -> AttributeDict: ...
        def __get__(self, shape: object, cls: Any) -> AttributeDict | None: ...
        def __set__(self, shape: object, value: Mapping[str, Any] | None) -> None: ...
