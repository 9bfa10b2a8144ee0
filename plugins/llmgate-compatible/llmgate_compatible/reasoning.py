"""Reasoning that comes between think tags: parted from the text, as a whole or piece by piece."""

from __future__ import annotations

__all__ = ["TagReader"]

_OPEN, _CLOSE = "<think>", "</think>"


class TagReader:
    """Reads one response; its reasoning counts only where the text begins with it."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state = "beginning"

    def feed(self, piece: str) -> tuple[str, str]:
        """The reasoning and the text that are certain with this piece."""
        if self._state == "text":
            return "", piece
        self._held += piece
        if self._state == "beginning":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state, self._held = "reasoning", begun[len(_OPEN) :]
            elif not _OPEN.startswith(begun):
                self._state = "text"
        if self._state == "reasoning":
            return self._reason()
        if self._state == "between":
            return "", self._after()
        return "", self._take() if self._state == "text" else ""

    def close(self) -> tuple[str, str]:
        """What was held back, now that nothing follows."""
        held = self._take()
        return (held, "") if self._state == "reasoning" else ("", held)

    def _reason(self) -> tuple[str, str]:
        reasoning, mark, rest = self._held.partition(_CLOSE)
        if mark:
            self._state, self._held = "between", rest
            return reasoning, self._after()
        sizes = range(min(len(reasoning), len(_CLOSE) - 1), 0, -1)
        held = next((size for size in sizes if _CLOSE.startswith(reasoning[-size:])), 0)
        self._held = reasoning[len(reasoning) - held :]
        return reasoning[: len(reasoning) - held], ""

    def _after(self) -> str:
        """The text, without the blank lines between it and the reasoning."""
        self._held = self._held.lstrip("\n")
        if not self._held:
            return ""
        self._state = "text"
        return self._take()

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held
