"""Which tool call a fragment belongs to, for every way in which hosts leave that out.

It numbers the calls of one choice in the order in which they begin, and names those without an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from llmgate.errors import DecodeError
from llmgate.wire import encode_json

__all__ = ["ToolCallIndex"]


@dataclass(slots=True)
class _Begun:
    """A call that has begun: under which number the host speaks of it, and what it has told."""

    number: int
    native: Any
    id: str = ""
    named: bool = False
    has_arguments: bool = False


class ToolCallIndex:
    """The calls of one choice.

    A fragment continues the call of its index, unless it brings another id: hosts that count all
    calls as 0 begin a new one so. Without an index, a known id continues its call, a new id or a
    name begins one, and anything else continues the last.
    """

    def __init__(self, spare_id: str) -> None:
        self._spare_id = spare_id
        self._begun: list[_Begun] = []

    def place(self, fragments: Iterable[Any]) -> list[dict[str, Any]]:
        """The fragments with our own indexes."""
        return [self._placed(fragment) for fragment in fragments]

    def missing_ids(self) -> list[dict[str, Any]]:
        """A fragment for each call that never got an id, which gives it one."""
        named: list[dict[str, Any]] = []
        for call in self._begun:
            if not call.id:
                call.id = f"{self._spare_id}_{call.number}"
                named.append({"index": call.number, "id": call.id, "type": "function"})
        return named

    def _placed(self, fragment: Any) -> dict[str, Any]:
        if not isinstance(fragment, dict):
            raise DecodeError("a tool call is no object")
        said = cast("dict[str, Any]", fragment)
        function = cast("Mapping[str, Any]", said.get("function") or {})
        call = self._call_of(said, function)
        call.id = call.id or said.get("id") or ""
        call.named = call.named or bool(function.get("name"))
        call.has_arguments = call.has_arguments or bool(function.get("arguments"))
        placed = {**said, "index": call.number, "id": said.get("id") or None}
        if isinstance(function.get("arguments"), dict):
            text = encode_json(function["arguments"]).decode()
            placed["function"] = {**function, "arguments": text}
        return placed

    def _call_of(self, said: Mapping[str, Any], function: Mapping[str, Any]) -> _Begun:
        native, identifier = said.get("index"), said.get("id") or ""
        same = [call for call in self._begun if identifier and call.id == identifier]
        if native is not None:
            same = [call for call in self._begun if call.native == native]
            if same and identifier and same[-1].id and same[-1].id != identifier:
                same = [call for call in same if call.id == identifier]
        elif not same and self._begun and not identifier and not self._begins(function):
            same = self._begun
        return same[-1] if same else self._begin(native)

    def _begins(self, function: Mapping[str, Any]) -> bool:
        """Whether a fragment with neither index nor id begins a call: its name says so."""
        return bool(function.get("name")) and self._begun[-1].named

    def _begin(self, native: Any) -> _Begun:
        call = _Begun(len(self._begun), native)
        self._begun.append(call)
        return call
