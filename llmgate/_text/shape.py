"""The base of completions and chunks: dataclasses that read, dump and load as OpenAI's JSON does.

It knows dataclasses and JSON only, no provider and no field by name but ``extra``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import field
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from types import MappingProxyType, MemberDescriptorType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    dataclass_transform,
)

from llmgate._text.attributes import Extra, JsonField, JsonObject, JsonObjects
from llmgate._text.dataclass import slotted
from llmgate._text.hints import missing_attribute
from llmgate._text.json import decode_json, is_array, is_object
from llmgate._text.shape_loading import load, own_fields

__all__ = ["Extra", "JsonObject", "JsonObjects", "Shape", "shape"]

Made = TypeVar("Made", bound="Shape")
Selection: TypeAlias = "dict[Any, Any] | set[Any] | frozenset[Any] | list[Any] | tuple[Any, ...]"
"""Names; or names with what of their values: ``{"choices": {"__all__": {"logprobs"}}}``."""
Plain: TypeAlias = dict[str, Any]
"""``dict`` where the class below has a method of that name."""


@dataclass_transform(field_specifiers=(field,))
def shape(cls: type[Made]) -> type[Made]:
    """Make a class a slotted dataclass whose fields of plain JSON are wrapped when first read."""
    json = {name: each for name, each in vars(cls).items() if isinstance(each, JsonField)}
    made: Any = slotted(cls)
    made.json_slots = MappingProxyType(
        {**made.json_slots, **{name: f"raw_{name}" for name in json}}
    )
    for name, each in json.items():
        slot: MemberDescriptorType = made.__dict__[name]
        setattr(made, made.json_slots[name], slot)
        setattr(made, name, each.over(slot))
    return cast("type[Made]", made)


class Shape:  # noqa: PLW1641 - what can be changed has no hash
    """A slotted dataclass whose fields are the keys of a JSON object.

    Keys that the dataclass does not name are in its field ``extra``, so a dump holds all of what
    was loaded. ``extra`` also has the value as it came of a field that could not be read as such;
    that is in no dump, and plays no part when shapes are compared.

    It reads as a dictionary, too: ``in``, iteration, ``keys``, ``items``, ``dict(x)`` and ``**x``
    know the fields that are not None and what is in ``extra``; ``x["name"]`` and ``get`` know every
    field. It has no length, and is never false.
    """

    __slots__ = ()
    json_slots: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The attributes in which the fields of plain JSON are stored, by the names of the fields."""
    always_listed: ClassVar[frozenset[str]] = frozenset()
    """The fields that are keys also when they are None."""

    # --- as a dictionary ---

    def __getitem__(self, key: str) -> Any:
        if key in _names_of(self):
            return getattr(self, key)
        extra: Mapping[str, Any] = getattr(self, "extra", {})
        return extra[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a field, also when that is None, or of a key in ``extra``."""
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return key in self._listed()

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed())

    def keys(self) -> KeysView[str]:
        """The names of the fields that are not None, and the keys in ``extra``."""
        return self._listed().keys()

    def values(self) -> ValuesView[Any]:
        """The values of :meth:`keys`, as attributes read them."""
        return self._listed().values()

    def items(self) -> ItemsView[str, Any]:
        """The keys and values."""
        return self._listed().items()

    def _listed(self) -> Plain:
        listed = {name: getattr(self, name) for name in _names_of(self)}
        always, extra = self.always_listed, getattr(self, "extra", {})
        others = {key: value for key, value in extra.items() if key not in listed}
        present = {k: value for k, value in listed.items() if value is not None or k in always}
        return {**present, **others}

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            own: Any = type(self)
            return _comparison(own)(self, other)
        if is_object(other):  # null and absent mean the same
            present = {key: value for key, value in self.items() if value is not None}
            return present == {key: value for key, value in other.items() if value is not None}
        return NotImplemented

    # --- as an object ---

    @recursive_repr()
    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in _names_of(self)}
        values["extra"] = getattr(self, "extra", {}) or None
        printed = (f"{name}={value!r}" for name, value in values.items() if value is not None)
        return f"{type(self).__qualname__}({', '.join(printed)})"

    def __reduce__(self) -> tuple[Any, ...]:
        own: Any = type(self)
        return _rebuilt, (own, {name: getattr(self, name) for name in own.__dataclass_fields__})

    if not TYPE_CHECKING:  # for a type checker, what is declared is all there is

        def __getattr__(self, name):
            if not name.startswith("_") and name != "extra":
                extra = getattr(self, "extra", {})
                if name in extra:
                    return extra[name]
            raise missing_attribute(self, name)

        @property
        def __dict__(self):
            return {name: getattr(self, name) for name in (*_names_of(self), *_extra_of(self))}

    # --- as pydantic's models ---

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] | str = "python",
        include: Selection | None = None,
        exclude: Selection | None = None,
        by_alias: bool | None = None,
        exclude_unset: bool = False,
        exclude_none: bool = False,
    ) -> Plain:
        """The JSON object as dictionaries and lists, ``extra`` merged in.

        Args:
            mode: ``"json"`` makes numbers that JSON does not have (NaN, infinity) None.
            include: The names to dump, or a mapping of names to what of their values.
            exclude: The names to leave out, likewise.
            by_alias: Taken for pydantic's sake: no field has an alias.
            exclude_unset: Leave out what iterating the shape leaves out.
            exclude_none: Leave out the fields that are None.
        """
        del by_alias
        dumped: Plain = {}
        for name in _names_of(self):
            value, parts, without = getattr(self, name), _part(include, name), _part(exclude, name)
            if without is True or (include is not None and parts is None):
                continue
            is_unset = exclude_unset and name not in self.always_listed
            if value is None and (exclude_none or is_unset):
                continue
            dump = _Dump(mode == "json", exclude_unset, exclude_none)
            dumped[name] = dump.value(value, None if parts is True else parts, without)
        dump = _Dump(mode == "json")
        extra: Plain = dump.value(_extra_of(self).get("extra") or {}, include, exclude)
        names = _names_of(self)
        return dumped | {key: value for key, value in extra.items() if key not in names}

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: Selection | None = None,
        exclude: Selection | None = None,
        by_alias: bool | None = None,
        exclude_unset: bool = False,
        exclude_none: bool = False,
    ) -> str:
        """:meth:`model_dump` as JSON text, which any parser of JSON reads."""
        from pydantic_core import to_json  # noqa: PLC0415 - not paid for by `import llmgate`

        dumped = self.model_dump(
            mode="json",
            include=include,
            exclude=exclude,
            by_alias=by_alias,
            exclude_unset=exclude_unset,
            exclude_none=exclude_none,
        )
        return to_json(dumped, indent=indent).decode()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other values for these fields or keys of ``extra``."""
        copied = copy.deepcopy(self) if deep else copy.copy(self)
        more = dict(update or {})
        for name in _names_of(self):
            if name in more:
                setattr(copied, name, more.pop(name))
        if more:
            own: Any = copied
            own.extra = {**own.extra, **more}
        return copied

    @classmethod
    def model_validate(cls, data: Any, *, path: str = "") -> Self:
        """Load a JSON object; ``path`` is where it stands, for the error's text.

        Raises:
            DecodeError: when a value has another type than the field.
        """
        return load(cls, data, path)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes) -> Self:
        """Load the JSON text that :meth:`model_dump_json` made.

        Raises:
            DecodeError: when it is not JSON, or a value has another type than the field.
        """
        return load(cls, decode_json(json_data), "")

    def to_dict(self) -> Plain:
        """The JSON object without what is None, as :meth:`model_dump` makes it."""
        return self.model_dump(exclude_unset=True)

    def json(self, *, indent: int | None = None) -> str:
        """:meth:`model_dump_json` under its older name."""
        return self.model_dump_json(indent=indent)

    def dict(self) -> Plain:
        """:meth:`model_dump` under its older name."""
        return self.model_dump()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from llmgate._text.pydantic import schema_of  # noqa: PLC0415 - pydantic is asked for

        return schema_of(cls, handler)

    @property
    def __pydantic_serializer__(self) -> Any:
        """How pydantic dumps a shape that it finds where anything may stand."""
        from llmgate._text.pydantic import serializer  # noqa: PLC0415 - pydantic is asked for

        return serializer()


def _names_of(value: Shape) -> tuple[str, ...]:
    own: Any = type(value)  # a cache does not know that classes hash
    return _names(own)


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(each.name for each in own_fields(cls))


def _extra_of(value: Shape) -> dict[str, Any]:
    """The field ``extra`` by its name, if the shape has one."""
    own: Any = value
    return {"extra": own.extra} if "extra" in value.json_slots else {}


def _rebuilt(cls: Any, values: dict[str, Any]) -> Any:
    return cls(**values)


@cache
def _comparison(cls: Any) -> Callable[[Any, Any], bool]:
    """Whether two shapes of a class are equal. What was never read is not wrapped for it."""
    slots: Mapping[str, str] = cls.json_slots
    stored = [slots.get(name, name) for name in _names(cls)]
    read = attrgetter(*stored, "__class__")  # two names at least, so that it gives a tuple
    names, has_extra = frozenset(_names(cls)), "extra" in slots

    def extra(value: Any) -> dict[str, Any]:
        stored: dict[str, Any] = (value.raw_extra if has_extra else None) or {}
        return {key: item for key, item in stored.items() if key not in names}

    def equal(one: Any, other: Any) -> bool:
        return read(one) == read(other) and extra(one) == extra(other)

    return equal


# --- dumping ------------------------------------------------------------------------------


class _Dump:
    """How the value of a field becomes plain JSON."""

    def __init__(self, strict: bool, exclude_unset: bool = False, exclude_none: bool = False):
        self._strict = strict
        self._exclude = {"exclude_unset": exclude_unset, "exclude_none": exclude_none}

    def value(self, value: Any, include: Any = None, exclude: Any = None) -> Any:
        if isinstance(value, Shape):
            mode = "json" if self._strict else "python"
            return value.model_dump(mode=mode, include=include, exclude=exclude, **self._exclude)
        if is_array(value):
            items = self._parts(enumerate(value), include, exclude)
            return [item for _, item in items]
        if is_object(value):  # a provider's own JSON: its nulls are kept
            return dict(self._parts(value.items(), include, exclude))
        if self._strict and isinstance(value, float) and not math.isfinite(value):
            return None
        return value

    def _parts(self, items: Any, include: Any, exclude: Any) -> Iterator[tuple[Any, Any]]:
        for key, item in items:
            part, without = _part(include, key), _part(exclude, key)
            if without is not True and (include is None or part is not None):
                yield key, self.value(item, None if part is True else part, without)


def _part(selection: Any, key: Any) -> Any:
    """What a selection says of a key: True for all of it, a selection of its parts, or None."""
    if not selection:
        return None
    if is_object(selection):
        found = selection.get(key, selection.get("__all__"))
        return True if found is ... else found or None
    return True if key in selection or "__all__" in selection else None
