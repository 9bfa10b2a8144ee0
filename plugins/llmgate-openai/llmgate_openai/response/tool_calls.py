"""Which tool call a fragment belongs to, for every way in which hosts leave that out.

It numbers the calls of one choice in the order in which they begin, and names those without an id;
it joins no text: that is done from these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json, is_object
from llmgate.types import ToolCallDelta
from llmgate_openai.response.parts import arguments_text

__all__ = ["ToolCallIndex"]


@dataclass(slots=True, eq=False, repr=False)
class _Begun:
    """A call that has begun: under which number the host speaks of it, and what it has told.

    ``pieces`` are the arguments so far of a call without a number, since there only their end
    shows where the next call begins.
    """

    number: int
    native: int | None
    id: str = ""
    type: str = "function"
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])

    def is_whole(self) -> bool:
        """Whether the arguments so far are a JSON value."""
        try:
            decode_json("".join(self.pieces).encode("utf-8", "replace"))
        except DecodeError:
            return False
        return True


class _Fragment(NamedTuple):
    """What a fragment tells; each is empty, or None, where the host left it out."""

    said: dict[str, Any]
    native: int | None
    id: str
    type: str
    name: str
    arguments: str
    custom: dict[str, Any]

    @property
    def says_something(self) -> bool:
        return bool(self.id or self.name or self.arguments or self.custom)


class ToolCallIndex:
    """The calls of one choice.

    A fragment continues the call of its index, unless it brings another id, or another name and no
    id: hosts that count all calls as 0 begin a new one so. Without an index, a known id continues
    its call, and a new one begins a call; without an id too, a name begins one, fragments that come
    together continue the calls in their order, and a single one continues the last.
    """

    __slots__ = ("_begun", "_by_id", "_by_index", "_spare_id", "_without_index")

    def __init__(self, spare_id: str) -> None:
        self._spare_id = spare_id
        self._begun: list[_Begun] = []
        self._without_index: list[_Begun] = []
        self._by_index: dict[int, _Begun] = {}
        self._by_id: dict[str, _Begun] = {}

    def place(self, fragments: Sequence[Any]) -> list[ToolCallDelta]:
        """The fragments with our own indexes; those that say nothing of a new call are left out.

        Raises:
            DecodeError: when one is no fragment of a call.
        """
        read = [_read(fragment) for fragment in fragments]
        group = self._without_index[-len(read) :]
        together = len(read) > 1 and len(group) == len(read)
        placed: list[ToolCallDelta] = []
        for position, fragment in enumerate(read):
            neighbour = group[position] if together else None
            call = self._call_of(fragment, neighbour, alone=len(read) == 1)
            if call is not None:
                placed.append(self._placed(fragment, call))
        return placed

    def number_of(self, native: int) -> int | None:
        """Our number of the call that the host counts as this; None when it has not begun."""
        call = self._by_index.get(native)
        return None if call is None else call.number

    def missing_ids(self) -> list[ToolCallDelta]:
        """A fragment for each call that never got an id, which gives it one.

        Raises:
            DecodeError: when a call never got a name, so that nobody can answer it.
        """
        named: list[ToolCallDelta] = []
        for call in self._begun:
            if not call.name and call.type in ("function", "custom"):
                raise DecodeError(f"tool call {call.number} has no name")
            if not call.id:
                call.id = f"{self._spare_id}_{call.number}"
                named.append(ToolCallDelta(call.number, call.id, type=call.type))
        return named

    def _placed(self, fragment: _Fragment, call: _Begun) -> ToolCallDelta:
        call.id = call.id or fragment.id
        call.name = call.name or fragment.name
        if fragment.id:
            self._by_id[fragment.id] = call
        if fragment.type or fragment.custom:
            call.type = fragment.type or "custom"
        if call.native is None and fragment.arguments:
            call.pieces.append(fragment.arguments)
        placed = {**fragment.said, "index": call.number, "id": fragment.id or None}
        placed["custom"] = fragment.custom or None
        if is_object(function := placed.get("function")):
            arguments = function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                placed["function"] = {**function, "arguments": fragment.arguments}
        return ToolCallDelta.model_validate(placed, path="tool_calls")

    def _call_of(
        self, fragment: _Fragment, neighbour: _Begun | None, *, alone: bool
    ) -> _Begun | None:
        if fragment.native is not None:
            call = self._numbered(fragment, fragment.native)
        elif fragment.id:
            call = self._with_id(fragment)
        else:
            call = self._without_id(fragment, neighbour, alone=alone)
        if call is None and fragment.says_something:
            call = _Begun(len(self._begun), fragment.native)
            self._begun.append(call)
            if fragment.native is None:
                self._without_index.append(call)
        if call is not None and fragment.native is not None:
            self._by_index[fragment.native] = call
        return call

    def _numbered(self, fragment: _Fragment, native: int) -> _Begun | None:
        call = self._by_index.get(native)
        if call is None:
            known = self._by_id.get(fragment.id)
            return known if known is not None and known.native is None else None
        if fragment.id:
            if not call.id or call.id == fragment.id:
                return call
            known = self._by_id.get(fragment.id)
            return known if known is not None and known.native == native else None
        is_other = fragment.name and call.name and fragment.name != call.name
        return None if is_other else call

    def _with_id(self, fragment: _Fragment) -> _Begun | None:
        known = self._by_id.get(fragment.id)
        if known is not None or not self._begun:
            return known
        last = self._begun[-1]
        is_late = not last.id and not (fragment.name and last.name)
        return last if is_late else None

    def _without_id(
        self, fragment: _Fragment, neighbour: _Begun | None, *, alone: bool
    ) -> _Begun | None:
        last = self._begun[-1] if self._begun else None
        if not fragment.name:
            return neighbour or last
        if neighbour is not None:
            goes_on = fragment.name == neighbour.name and not neighbour.is_whole()
            return neighbour if goes_on else None
        if last is None or not last.name:
            return last
        return last if alone and fragment.name == last.name and not last.is_whole() else None


def _read(fragment: Any) -> _Fragment:
    if not is_object(fragment):
        raise DecodeError("tool_calls: a fragment is no object")
    function = _object_in(fragment, "function")
    custom = {
        key: value for key, value in _object_in(fragment, "custom").items() if value is not None
    }
    _ = _text_in(custom, "input")
    return _Fragment(
        said=fragment,
        native=_index_in(fragment),
        id=_text_in(fragment, "id"),
        type=_text_in(fragment, "type"),
        name=_text_in(function, "name") or _text_in(custom, "name"),
        arguments=arguments_text(function.get("arguments")),
        custom=custom,
    )


def _index_in(fragment: dict[str, Any]) -> int | None:
    index = fragment.get("index")
    if isinstance(index, float) and index.is_integer():
        return int(index)
    if index is not None and type(index) is not int:
        raise DecodeError(f"tool_calls: index is no number: {index!r:.60}")
    return index


def _object_in(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if found is not None and not is_object(found):
        raise DecodeError(f"tool_calls: {key} is no object")
    return found or {}


def _text_in(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise DecodeError(f"tool_calls: {key} is no text")
    return found or ""
