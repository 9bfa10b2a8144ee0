"""Reads fields beside the content of a response, where an odd value must not spoil the rest.

The content itself (text, tool calls) is read by ``Fields``, which refuses odd values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from llmgate._text.json import INTEGER_LIMIT, is_array, is_object
from llmgate.errors import excerpt
from llmgate.report import DeviationKind, Report

__all__ = ["SideFields"]

Value = TypeVar("Value")

_MAX_DIGITS = 19
"""Digits in a text that are too many to be sure that it is below ``INTEGER_LIMIT``."""


class SideFields:
    """The fields of a JSON object that are beside the content: ids, counts, names.

    A value of another type than expected is converted where its meaning is plain, such as digits in
    a string, and is None otherwise. Either is recorded in the report, once for each path, and
    :meth:`others` has the value as it was sent, for ``extra``. Null is an absent field.

    Args:
        payload: The object, or whatever the provider has sent in its place.
        report: The call's report; None records nothing.
        name: What the report calls the object; empty for the whole response.
    """

    __slots__ = ("_name", "_report", "odd", "payload")

    def __init__(self, payload: Any, report: Report | None = None, name: str = "") -> None:
        self.payload: Mapping[str, Any] = payload if is_object(payload) else {}
        self.odd: dict[str, Any] = {}
        self._report = report
        self._name = name

    def text(self, key: str) -> str | None:
        """A string; a number is written as one."""
        value = self.payload.get(key)
        if value is None or type(value) is str:  # nearly always
            return value
        return self._read(key, "a string", _as_text)

    def integer(self, key: str) -> int | None:
        """An integer; some hosts write it as a float or as a string. A fraction is rounded."""
        value = self.payload.get(key)
        if value is None or (type(value) is int and abs(value) < INTEGER_LIMIT):  # nearly always
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) < INTEGER_LIMIT:
            return int(value)
        return self._read(key, "an integer", _as_integer)

    def object(self, key: str) -> SideFields:
        """An object; an empty one where it is absent."""
        fields = self._read(key, "an object", lambda value: value if is_object(value) else None)
        return SideFields(fields, self._report, self._path(key))

    def array(self, key: str) -> list[Any]:
        """An array; an empty one where it is absent."""
        items = self._read(key, "an array", lambda value: value if is_array(value) else None)
        return [] if items is None else items

    def objects(self, key: str) -> list[dict[str, Any]]:
        """An array of objects; an empty one if it is absent, or if an item is not an object."""
        items = self.array(key)
        if all(map(is_object, items)):
            return items
        self.drop(key, "an array of objects")
        return []

    def drop(self, key: str, expected: str) -> None:
        """Record that a field is not of the expected type, as its provider has found."""
        self._record(key, expected, None)

    def convert(self, key: str, expected: str, value: Any) -> None:
        """Record as what a field was read, as its provider has found."""
        self._record(key, expected, value)

    def others(self, *known: str) -> dict[str, Any]:
        """All fields but these that were read, and of these the odd ones as they were sent."""
        others = {key: value for key, value in self.payload.items() if key not in known}
        return others | self.odd

    def _path(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _read(self, key: str, expected: str, read: Callable[[Any], Value | None]) -> Value | None:
        given = self.payload.get(key)
        if given is None:
            return None
        value = read(given)
        if value is given or key in self.odd:
            return value
        self._record(key, expected, value)
        return value

    def _record(self, key: str, expected: str, value: Any) -> None:
        given = self.odd[key] = self.payload.get(key)
        path = f"response.{self._path(key)}"
        if self._report is None or path in self._report:
            return
        result = "left out" if value is None else "read as one"
        reason = f"the response has {excerpt(repr(given), 60)} in place of {expected}; {result}"
        kind: DeviationKind = "dropped" if value is None else "converted"
        self._report.add(kind, path, reason, given=given, sent=value)


def _as_text(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and abs(value) < INTEGER_LIMIT else None


def _as_integer(value: Any) -> int | None:
    if type(value) is int or isinstance(value, float):
        return round(value) if abs(value) < INTEGER_LIMIT else None
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal()
    return int(value) if is_number and len(value) < _MAX_DIGITS else None
