"""A content block while it streams, and what its events say of it. It makes no chunk.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.provider.kit import Fields, PartialObject, SideFields, arguments_text
from llmgate.report import Report

__all__ = ["Block", "index_of", "piece_in", "text_in"]


@dataclass(slots=True)
class Block:
    """A block that has begun.

    ``arguments`` are the pieces of the JSON of its input, ``call`` is the number of the tool call
    that it is, and ``start`` where its text begins in the content.
    """

    partial: PartialObject
    path: str
    start: int
    call: int | None = None
    is_output: bool = False
    arguments: list[str] = field(default_factory=list[str])

    def input_piece(self, delta: Mapping[str, Any], report: Report | None) -> str:
        """A piece of the JSON of its input; some hosts send the whole value."""
        piece = delta.get("partial_json")
        if piece is None or isinstance(piece, str):
            return piece_in(delta, "partial_json")
        return arguments_text(piece, f"{self.path}.input", report)

    def continue_with(self, delta: Mapping[str, Any]) -> None:
        """A kind of delta that is not known here: its texts go on, its other values replace."""
        fields = self.partial.fields
        for key, value in delta.items():
            if key == "type":
                continue
            if isinstance(value, str):
                self.partial.pieces(key).append(value)
            elif value is not None or key not in fields:
                fields[key] = value


def text_in(fields: Mapping[str, Any], key: str) -> str:
    """A text that must be there; nearly always it is.

    Raises:
        DecodeError: when something else is in its place.
    """
    value = fields.get(key)
    return value if isinstance(value, str) else Fields(fields).text(key)


def piece_in(fields: Mapping[str, Any], key: str) -> str:
    """A text to be added; hosts that leave out what is empty have none in its place.

    Raises:
        DecodeError: when something else is in its place, or in another field.
    """
    is_empty = fields.get(key) is None and not any(
        value for name, value in fields.items() if name != "type"
    )
    return "" if is_empty else text_in(fields, key)


def index_of(event: dict[str, Any], report: Report | None) -> int:
    """The index of the block that an event is about; some hosts leave out a zero.

    Raises:
        DecodeError: when it is none.
    """
    index = event.get("index", 0)
    if type(index) is int:
        return index
    read = SideFields(event, report).integer("index")
    return Fields(event).integer("index") if read is None else read
