"""What a model's raw text holds: reasoning, text, a fence around it, its end; piece by piece.

Whole texts go through here as one piece, so that they and streams cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["TextReader"]

_THINK, _THOUGHT = "<think>", "</think>"
_FENCE = "```"


class _Stage(Protocol):
    def feed(self, text: str) -> str: ...
    def close(self) -> str: ...


class TextReader:
    """Reads one completion: ``feed`` and ``close`` give the certain part of reasoning and text.

    Args:
        stops: Texts at which it ends; the model may not know of them.
        is_json: Whether JSON was asked for, which models like to put between fences.
    """

    def __init__(self, stops: Sequence[str] = (), *, is_json: bool = False) -> None:
        self._reasoning = _Reasoning()
        self._end = _End(stops) if stops else None
        self._stages: list[_Stage] = [
            *([] if self._end is None else [self._end]),
            *([_Fence()] if is_json else []),
        ]

    @property
    def is_stopped(self) -> bool:
        """Whether one of the stops has come: nothing after it counts."""
        return self._end is not None and self._end.has_come

    def feed(self, text: str) -> tuple[str, str]:
        """What this piece adds."""
        thought, said = self._reasoning.feed(text)
        for stage in self._stages:
            said = stage.feed(said)
        return thought, said

    def close(self) -> tuple[str, str]:
        """What was held back and is certain now that nothing follows."""
        thought, said = self._reasoning.close()
        for stage in self._stages:
            said = stage.feed(said) + stage.close()
        return thought, said


class _Reasoning:
    """Parts reasoning between think tags from the answer behind it, where the text begins so."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "beginning"

    def feed(self, text: str) -> tuple[str, str]:
        if self._state == "answer":
            return "", text
        self._held += text
        if self._state == "beginning":
            self._begin()
        if self._state == "thinking":
            return self._think()
        if self._state == "between":
            return "", self._after_thought()
        return "", self._take() if self._state == "answer" else ""

    def close(self) -> tuple[str, str]:
        held = self._take()
        return (held, "") if self._state == "thinking" else ("", held)

    def _begin(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(_THINK):
            self._state, self._held = "thinking", begun[len(_THINK) :]
        elif not _THINK.startswith(begun):
            self._state = "answer"

    def _think(self) -> tuple[str, str]:
        thought, mark, rest = self._held.partition(_THOUGHT)
        if mark:
            self._state, self._held = "between", rest
            return thought, self._after_thought()
        kept = _overlap(thought, (_THOUGHT,))
        self._held = thought[len(thought) - kept :]
        return thought[: len(thought) - kept], ""

    def _after_thought(self) -> str:
        """The answer, without the blank lines between it and the reasoning."""
        self._held = self._held.lstrip("\n")
        if not self._held:
            return ""
        self._state = "answer"
        return self._take()

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held


class _End:
    """Cuts the text at the first of the stops."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held: str = ""
        self.has_come = False

    def feed(self, text: str) -> str:
        if self.has_come:
            return ""
        text = self._held + text
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.has_come = True
            self._held = ""
            return text[: min(places)]
        kept = _overlap(text, self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def close(self) -> str:
        held, self._held = self._held, ""
        return held


class _Fence:
    """Takes the fence off a text that is one fenced block."""

    def __init__(self) -> None:
        self._held = ""
        self._is_fenced: bool | None = None

    def feed(self, text: str) -> str:
        self._held += text
        if self._is_fenced is None:
            self._begin()
        if self._is_fenced is None:
            return ""
        text, self._held = self._held, ""
        if self._is_fenced:
            certain = text.rstrip("`\n\r\t ")
            text, self._held = certain, text[len(certain) :]
        return text

    def close(self) -> str:
        held, self._held = self._held, ""
        return "" if self._is_fenced and held.strip() == _FENCE else held

    def _begin(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(_FENCE):
            _, line_end, rest = begun.partition("\n")
            if line_end:
                self._is_fenced, self._held = True, rest
        elif not _FENCE.startswith(begun):
            self._is_fenced = False


def _overlap(text: str, marks: Sequence[str]) -> int:
    """How many characters at the text's end may begin one of the marks."""
    longest = min(len(text), max(map(len, marks)) - 1)
    sizes = range(longest, 0, -1)
    return next((size for size in sizes if any(mark.startswith(text[-size:]) for mark in marks)), 0)
