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
from llmgate.provider.kit import Fields, SideFields
from llmgate.report import Report
from llmgate.types import FunctionDelta, ToolCallDelta
from llmgate_openai.response.parts import arguments_text, kind_of

__all__ = ["ToolCallIndex"]


@dataclass(slots=True, eq=False, repr=False)
class _PartialCall:
    """A call that has begun; ``native`` is the host's own number of it.

    ``pieces`` are the arguments so far: where a host says little else, only their end shows where
    the next call begins. An empty object that came first is held back in ``empty_object``, as some
    hosts send one before the real arguments. ``is_snapshot`` says that each fragment repeats the
    arguments so far.
    """

    number: int
    native: int | None
    id: str = ""
    type: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])
    length: int = 0
    read_length: int = 0
    empty_object: str = ""
    is_snapshot: bool = False

    def is_whole(self) -> bool:
        """Whether the arguments so far are a JSON value.

        Long ones are read when they have doubled since: to read them with each of many fragments
        would take time in the square of their length.
        """
        if self.length > _LONG and self.length < 2 * self.read_length:
            return False
        self.read_length = self.length
        try:
            decode_json(self.arguments().encode("utf-8", "replace"))
        except DecodeError:
            return False
        return True

    def arguments(self) -> str:
        """The arguments so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.empty_object or "".join(self.pieces)

    def add_arguments(self, text: str) -> str:
        """Add a fragment of the arguments; what of it is new."""
        if not self.pieces and not self.empty_object and text.strip() == "{}":
            self.empty_object = text
            return ""
        self.empty_object = ""
        if self.pieces and text.lstrip().startswith("{"):
            text = self._without_repetition(text)
        if text:
            self.pieces.append(text)
            self.length += len(text)
        return text

    def _without_repetition(self, text: str) -> str:
        """A fragment without the arguments so far, if it repeats them.

        A nested object may begin with the same text, where an object can begin.
        """
        if len(text) < self.length:
            return text
        before = self.arguments()
        if not text.startswith(before):
            return text
        if not self.is_snapshot and before.rstrip().endswith((":", ",", "[")):
            return text
        self.is_snapshot = True
        return text[len(before) :]

    def add_name(self, name: str) -> str:
        """Add a piece of the name; what of it is new, where a host repeats it."""
        new = name.removeprefix(self.name)
        self.name += new
        return new


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

    A fragment continues the call of its index. Hosts which number every call 0 begin a new one with
    another id and another name, or with a name after whole arguments; a name before that is a piece
    of the call's name, and another id alone means nothing. Without an index, a known id continues
    its call, and a new one begins a call. Without an id as well, a name begins one; fragments that
    come together continue the calls in their order, and a single one the last.

    What it gives never repeats an id, a name or arguments.

    Args:
        fallback_id: What the ids of calls without one are made from.
        report: Where it is recorded what departs from the format; by default nowhere.
    """

    __slots__ = ("_by_id", "_by_index", "_fallback_id", "_partials", "_report", "_without_index")

    def __init__(self, fallback_id: str, report: Report | None = None) -> None:
        self._fallback_id = fallback_id
        self._report = report
        self._partials: list[_PartialCall] = []
        self._without_index: list[_PartialCall] = []
        self._by_index: dict[int, _PartialCall] = {}
        self._by_id: dict[str, _PartialCall] = {}

    def place(self, fragments: Sequence[Any]) -> list[ToolCallDelta]:
        """The fragments with our own indexes; empty ones that belong to no call are left out.

        Raises:
            DecodeError: when one is not a fragment of a call.
        """
        read = [_read(fragment, self._report) for fragment in fragments]
        group = self._without_index[-len(read) :]
        together = len(read) > 1 and len(group) == len(read)
        placed: list[ToolCallDelta] = []
        for position, fragment in enumerate(read):
            counterpart = group[position] if together else None
            call = self._call_of(fragment, counterpart, alone=len(read) == 1)
            if call is not None:
                placed.append(self._placed(fragment, call))
        return placed

    def continue_call(self, native: int, arguments: str) -> int | None:
        """Add plain arguments to the call that the host counts as this; our number of it.

        None when it has not begun, or when the arguments may repeat what came before.
        """
        call = self._by_index.get(native)
        if call is None or not call.pieces or call.is_snapshot or arguments.startswith("{"):
            return None
        call.pieces.append(arguments)
        call.length += len(arguments)
        return call.number

    def missing_parts(self) -> list[ToolCallDelta]:
        """A fragment for each call that lacks its id, or its arguments, which gives it them.

        Raises:
            DecodeError: when a call never got a name, so that nobody can run it.
        """
        missing: list[ToolCallDelta] = []
        for call in self._partials:
            if not call.name and call.type in ("", "function", "custom"):
                raise DecodeError(f"tool call {call.number} has no name")
            if not call.id or call.empty_object:
                missing.append(self._missing_of(call))
        return missing

    def _missing_of(self, call: _PartialCall) -> ToolCallDelta:
        part = ToolCallDelta(call.number)
        if not call.id:
            part.id = call.id = f"{self._fallback_id}_{call.number}"
            part.type = call.type or "function"
        if call.empty_object:
            part.function = FunctionDelta(None, call.empty_object)
            call.pieces, call.empty_object = [call.empty_object], ""
        return part

    def _placed(self, fragment: _Fragment, call: _PartialCall) -> ToolCallDelta:
        placed = {**fragment.fields, "index": call.number, "id": None, "type": None}
        if fragment.id:
            self._by_id[fragment.id] = call
            if not call.id:
                placed["id"] = call.id = fragment.id
        if not call.type and (fragment.type or fragment.custom):
            placed["type"] = call.type = fragment.type or "custom"
        name = call.add_name(fragment.name) or None
        placed["custom"] = {**fragment.custom, "name": name} if fragment.custom else None
        if is_object(function := placed.get("function")):
            given = function.get("arguments") is not None
            arguments = call.add_arguments(fragment.arguments) if given else None
            placed["function"] = {**function, "name": name, "arguments": arguments}
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
        known = self._by_id.get(fragment.id)
        if known is not None and known.native == native:
            return known
        has_other_id = bool(call.id and fragment.id)
        return None if _begins_another(fragment, call, has_other_id=has_other_id) else call

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


def _begins_another(fragment: _Fragment, call: _PartialCall, *, has_other_id: bool) -> bool:
    """Whether a fragment at the index of a call is the first of another call."""
    if not fragment.name or not call.name:
        return False
    if has_other_id:
        if fragment.name != call.name:
            return True
        if not (call.pieces or fragment.arguments):  # two calls without arguments
            return True
    return call.is_whole()


def _read(fragment: Any, report: Report | None) -> _Fragment:
    fields = Fields(fragment, "tool_calls")
    side = SideFields(fields.payload, report, "choices.delta.tool_calls")
    index, identifier, kind = side.integer("index"), side.text("id"), kind_of(side)
    function, custom = _object_in(fields, "function"), _object_in(fields, "custom")
    given = {key: value for key, value in custom.payload.items() if value is not None}
    _ = custom.optional_text("input")
    return _Fragment(
        fields=fields.payload,
        native=index,
        id=identifier or "",
        type=kind or "",
        name=function.optional_text("name") or custom.optional_text("name") or "",
        arguments=arguments_text(function.payload.get("arguments")),
        custom=given,
    )


_LONG = 4096
"""Characters of arguments that are read again whenever it matters."""


def _object_in(fields: Fields, key: str) -> Fields:
    return fields.optional_object(key) or Fields({})
