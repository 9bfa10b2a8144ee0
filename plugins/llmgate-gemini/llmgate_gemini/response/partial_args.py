"""Puts the arguments of a function call together that Vertex AI streams value by value.

It emits nothing: what the values add up to is asked for at the end.
Source: google-genai 3.6.1, ``PartialArg``; RFC 9535 on paths.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from llmgate.errors import DecodeError
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import Fields

__all__ = ["PartialCall"]

Path: TypeAlias = tuple[str | int, ...]

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,6})\]|\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]"""
)
_MOST_SKIPPED = 1000
"""How many items of an array may come before those that an index passes over."""
_VALUES = ("stringValue", "numberValue", "boolValue")


class PartialCall:
    """One call whose arguments are still coming.

    Args:
        call: The ``functionCall`` that begins it.
        signature: Its thought signature, if it has one.
    """

    def __init__(self, call: Fields, signature: str | None) -> None:
        self.name = call.text("name")
        self.id = call.optional_text("id")
        self.signature = signature
        self._arguments: dict[str, Any] = {}
        self._texts: dict[Path, list[str]] = {}

    def add(self, call: Fields) -> None:
        """Add the values of one more piece.

        Raises:
            DecodeError: for a piece that cannot be read.
        """
        for value in call.objects("partialArgs"):
            path = _path_of(value.text("jsonPath"))
            text = value.payload.get("stringValue")
            if isinstance(text, str):
                if path not in self._texts:
                    self._texts[path] = []
                    _put(self._arguments, path, "")
                self._texts[path].append(text)
            else:
                given = (value.payload[name] for name in _VALUES if name in value.payload)
                _put(self._arguments, path, next(given, None))

    def arguments(self) -> dict[str, Any]:
        """The arguments as they are by now."""
        for path, pieces in self._texts.items():
            _put(self._arguments, path, "".join(pieces))
        return self._arguments


def _path_of(text: str) -> Path:
    """The steps of a path such as ``$.places[0].name``."""
    steps: list[str | int] = []
    at = 1
    while text.startswith("$") and at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            break
        index = found["index"]
        steps.append(int(index) if index else found["name"] or found["key"] or "")
        at = found.end()
    if not steps or at < len(text) or not isinstance(steps[0], str):
        raise DecodeError(f"{text!r:.60} is not a path of an argument")
    return tuple(steps)


def _put(arguments: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at a path, with the objects and arrays that lead there."""
    whole: Any = arguments
    *steps, last = path
    for step, following in zip(steps, path[1:], strict=True):
        inner: Any = _at(whole, step)
        if not (is_array(inner) if isinstance(following, int) else is_object(inner)):
            inner = [] if isinstance(following, int) else {}
            _set(whole, step, inner)
        whole = inner
    _set(whole, last, value)


def _at(whole: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return whole[step] if step < len(whole) else None
    return whole.get(step)


def _set(whole: Any, step: str | int, value: Any) -> None:
    if isinstance(step, int):
        if step > len(whole) + _MOST_SKIPPED:
            raise DecodeError(f"an argument's item {step} comes before the others")
        whole += [None] * (step + 1 - len(whole))
    whole[step] = value
