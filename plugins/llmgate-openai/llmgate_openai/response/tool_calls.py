"""Which tool call a fragment of a stream belongs to, however little a host says of that.

It numbers the calls of one choice in the order in which they begin, and gives an id to those that
have none. It joins no text: that is done by these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json, is_object
from llmgate.provider.kit import Fields
from llmgate.types import ToolCallDelta
from llmgate_openai.response.parts import arguments_text

__all__ = ["ToolCallIndex"]


@dataclass(slots=True, eq=False, repr=False)
class _PartialCall:
    """A call that has begun; ``native`` is the host's own number of it.

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
    """A fragment's fields; each is empty, or None, where the host left it out."""

    fields: dict[str, Any]
    native: int | None
    id: str
    type: str
    name: str
    arguments: str
    custom: dict[str, Any]

    @property
    def is_empty(self) -> bool:
        return not (self.id or self.name or self.arguments or self.custom)


class ToolCallIndex:
    """The calls of one choice.

    A fragment continues the call of its index, unless it has another id, or another name and no id:
    that is how hosts which number every call 0 begin a new one. Without an index, a known id
    continues its call, and a new one begins a call. Without an id as well, a name begins one;
    fragments that come together continue the calls in their order, and a single one the last.

    Args:
        fallback_id: What the ids of calls without one are made from.
    """

    __slots__ = ("_by_id", "_by_index", "_fallback_id", "_partials", "_without_index")

    def __init__(self, fallback_id: str) -> None:
        self._fallback_id = fallback_id
        self._partials: list[_PartialCall] = []
        self._without_index: list[_PartialCall] = []
        self._by_index: dict[int, _PartialCall] = {}
        self._by_id: dict[str, _PartialCall] = {}

    def place(self, fragments: Sequence[Any]) -> list[ToolCallDelta]:
        """The fragments with our own indexes; empty ones that belong to no call are left out.

        Raises:
            DecodeError: when one is not a fragment of a call.
        """
        read = [_read(fragment) for fragment in fragments]
        group = self._without_index[-len(read) :]
        together = len(read) > 1 and len(group) == len(read)
        placed: list[ToolCallDelta] = []
        for position, fragment in enumerate(read):
            counterpart = group[position] if together else None
            call = self._call_of(fragment, counterpart, alone=len(read) == 1)
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
            DecodeError: when a call never got a name, so that nobody can run it.
        """
        identified: list[ToolCallDelta] = []
        for call in self._partials:
            if not call.name and call.type in ("function", "custom"):
                raise DecodeError(f"tool call {call.number} has no name")
            if not call.id:
                call.id = f"{self._fallback_id}_{call.number}"
                identified.append(ToolCallDelta(call.number, call.id, type=call.type))
        return identified

    def _placed(self, fragment: _Fragment, call: _PartialCall) -> ToolCallDelta:
        call.id = call.id or fragment.id
        call.name = call.name or fragment.name
        if fragment.id:
            self._by_id[fragment.id] = call
        if fragment.type or fragment.custom:
            call.type = fragment.type or "custom"
        if call.native is None and fragment.arguments:
            call.pieces.append(fragment.arguments)
        placed = {**fragment.fields, "index": call.number, "id": fragment.id or None}
        placed["custom"] = fragment.custom or None
        if is_object(function := placed.get("function")):
            arguments = function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                placed["function"] = {**function, "arguments": fragment.arguments}
        return ToolCallDelta.model_validate(placed, path="tool_calls")

    def _call_of(
        self, fragment: _Fragment, counterpart: _PartialCall | None, *, alone: bool
    ) -> _PartialCall | None:
        if fragment.native is not None:
            call = self._numbered(fragment, fragment.native)
        elif fragment.id:
            call = self._with_id(fragment)
        else:
            call = self._without_id(fragment, counterpart, alone=alone)
        if call is None and not fragment.is_empty:
            call = _PartialCall(len(self._partials), fragment.native)
            self._partials.append(call)
            if fragment.native is None:
                self._without_index.append(call)
        if call is not None and fragment.native is not None:
            self._by_index[fragment.native] = call
        return call

    def _numbered(self, fragment: _Fragment, native: int) -> _PartialCall | None:
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

    def _with_id(self, fragment: _Fragment) -> _PartialCall | None:
        known = self._by_id.get(fragment.id)
        if known is not None or not self._partials:
            return known
        last = self._partials[-1]
        is_late = not last.id and not (fragment.name and last.name)
        return last if is_late else None

    def _without_id(
        self, fragment: _Fragment, counterpart: _PartialCall | None, *, alone: bool
    ) -> _PartialCall | None:
        last = self._partials[-1] if self._partials else None
        if not fragment.name:
            return counterpart or last
        if counterpart is not None:
            goes_on = fragment.name == counterpart.name and not counterpart.is_whole()
            return counterpart if goes_on else None
        if last is None or not last.name:
            return last
        return last if alone and fragment.name == last.name and not last.is_whole() else None


def _read(fragment: Any) -> _Fragment:
    fields = Fields(fragment, "tool_calls")
    function, custom = _object_in(fields, "function"), _object_in(fields, "custom")
    given = {key: value for key, value in custom.payload.items() if value is not None}
    _ = custom.optional_text("input")
    return _Fragment(
        fields=fields.payload,
        native=fields.optional_integer("index"),
        id=fields.optional_text("id") or "",
        type=fields.optional_text("type") or "",
        name=function.optional_text("name") or custom.optional_text("name") or "",
        arguments=arguments_text(function.payload.get("arguments")),
        custom=given,
    )


def _object_in(fields: Fields, key: str) -> Fields:
    return fields.optional_object(key) or Fields({})
