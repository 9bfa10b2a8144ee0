"""Fragments of tool calls in a stream, by the choices that they belong to.

It reads what nearly every fragment is by itself; what else there may be is ``tool_calls``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llmgate.provider.kit import arguments_delta
from llmgate.report import Report
from llmgate.types import ChoiceDelta, ToolCallDelta
from llmgate_openai.response.tool_calls import ToolCallIndex

if TYPE_CHECKING:
    from llmgate.provider.accumulate import Accumulator

__all__ = ["CallFragments"]

_OBJECT: Any = dict
_ARRAY: Any = list
_new: Any = object.__new__


class CallFragments:
    """The calls of one stream's choices.

    Args:
        call_id: What missing ids of calls are made from.
        report: Where it is recorded what departs from the format.
        accumulator: Where the fragments are added, if anywhere.
    """

    def __init__(self, call_id: str, report: Report, accumulator: Accumulator | None) -> None:
        self._call_id = call_id
        self._report = report
        self._accumulator = accumulator
        self._calls: dict[int, ToolCallIndex] = {}

    def __contains__(self, index: int) -> bool:
        """Whether a choice has calls."""
        return index in self._calls

    def continued(self, delta: dict[str, Any], index: int) -> ChoiceDelta | None:
        """A delta that is nothing but a single fragment of arguments, which can be no other call's
        than the one that it names; None for any other. It may say who speaks, as some hosts do."""
        calls, fragments, role = self._calls.get(index), delta["tool_calls"], None
        if calls is None or type(fragments) is not _ARRAY or len(fragments) != 1:
            return None
        if len(delta) > 1 and (len(delta) > 2 or (role := delta.get("role")) != "assistant"):
            return None
        fragment = fragments[0]
        if type(fragment) is not _OBJECT or len(fragment) != 2:
            return None
        native, function = fragment.get("index"), fragment.get("function")
        if type(native) is not int or type(function) is not _OBJECT or len(function) != 1:
            return None
        text = function.get("arguments")
        number = calls.continue_call(native, text) if type(text) is str else None
        if number is None:
            return None
        if self._accumulator is not None:
            self._accumulator.add_arguments(index, number, text)
            if role is not None:
                self._accumulator.parts_of(index).role = role
        made = _new(ChoiceDelta)
        made.tool_calls = [arguments_delta(number, text)]
        made.role = role
        made.content = made.refusal = made.reasoning_content = None
        made.function_call = made.provider_data = made.raw_annotations = None
        made.raw_audio = made.raw_extra = None
        return made  # type: ignore[no-any-return] # all its fields are set

    def read(self, fragments: list[Any], index: int) -> list[ToolCallDelta] | None:
        """Fragments of any kind, which are added."""
        read = self.place(fragments, index)
        if self._accumulator is not None and read is not None:
            self._accumulator.add_fragments(index, read)
        return read

    def place(self, fragments: list[Any], index: int) -> list[ToolCallDelta] | None:
        """Fragments of any kind, with the numbers of their calls. They are not added."""
        calls = self._calls.get(index)
        if calls is None:
            calls = ToolCallIndex(f"call_{self._call_id}_{index}", self._report)
        placed = calls.place(fragments)
        if placed:
            self._calls[index] = calls
        return placed or None

    def missing_parts(self, index: int) -> list[ToolCallDelta]:
        """What the calls of a choice still lack at its end."""
        calls = self._calls.get(index)
        return [] if calls is None else calls.missing_parts()

    def all_missing_parts(self) -> Iterable[tuple[int, list[ToolCallDelta]]]:
        """The same for each choice whose calls lack something."""
        for index, calls in self._calls.items():
            if missing := calls.missing_parts():
                yield index, missing
