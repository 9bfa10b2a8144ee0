"""Text whose characters beyond the basic plane came cut in two: joined where both halves come.

It repairs text only; what a payload means is ``decode``'s and ``stream``'s to say.
Source: RFC 8259, 7 ("\\\\ud83d\\\\ude00") and 8.2, on escapes that name half a character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from llmgate.errors import DecodeError, excerpt
from llmgate.provider.http import decode_json, is_array, is_object

__all__ = ["HalfCharacters", "read_json"]

Path: TypeAlias = tuple[str | int, ...]

_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTINUED = frozenset(
    {"content", "reasoning_content", "reasoning", "refusal", "arguments", "input", "transcript"}
)
"""The keys whose text goes on in the next event."""
_DEEPEST = 200
"""How many levels are read: as many as where there are no halves, and fewer than can be written."""


def read_json(data: bytes) -> Any:
    """A JSON value in which every half character without its other half is U+FFFD.

    Raises:
        DecodeError: for what is no JSON.
    """
    try:
        return decode_json(data)
    except DecodeError:
        if _ESCAPED_HALF.search(data) is None:
            raise
    return HalfCharacters().mended(_with_halves(data))


class HalfCharacters:
    """The half characters with which the texts of one stream ended so far."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Path, str] = {}

    def read_json(self, data: bytes) -> Any:
        """The JSON value of one event; a half at a text's end waits for that text's next piece.

        Raises:
            DecodeError: for what is no JSON.
        """
        try:
            value = decode_json(data)
        except DecodeError:
            if _ESCAPED_HALF.search(data) is None:
                raise
        else:
            return self._mended(value, ()) if self._waiting else value
        return self._mended(_with_halves(data), ())

    @property
    def is_waiting(self) -> bool:
        """Whether a text ended with half a character, so that its next piece is not all of it."""
        return bool(self._waiting)

    def take_rest(self) -> Iterable[tuple[int, str]]:
        """The choice and field of each text whose other half never came; none wait afterwards.

        Those within arguments are left out: they are cut there anyway.
        """
        rest = list(self._waiting)
        self._waiting.clear()
        for path in rest:
            match path:
                case ("choices", int(choice), "delta", "content" | "refusal" as field):
                    yield choice, field
                case ("choices", int(choice), "delta", "reasoning" | "reasoning_content"):
                    yield choice, "reasoning_content"
                case _:
                    pass

    def mended(self, value: Any) -> Any:
        """A value that stands alone: nothing of it goes on elsewhere."""
        return self._mended(value, ("logprobs",))

    def _mended(self, value: Any, path: Path) -> Any:
        try:
            return self._mend(value, path)
        except RecursionError:
            pass
        raise DecodeError("the reply is nested too deeply")

    def _mend(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if len(path) > _DEEPEST:
            raise DecodeError("the reply is nested too deeply")
        if is_object(value):
            return {_whole(key): self._mend(item, (*path, key)) for key, item in value.items()}
        if is_array(value):
            return [
                self._mend(item, (*path, _number(item, position)))
                for position, item in enumerate(value)
            ]
        return value

    def _text(self, text: str, path: Path) -> str:
        # A token of the logprobs may be half a character, but the next token is no part of it.
        if not path or path[-1] not in _CONTINUED or "logprobs" in path:
            return _whole(text)
        text = self._waiting.pop(path, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._waiting[path] = text[-1]
            text = text[:-1]
        return _whole(text)


def _whole(text: str) -> str:
    """The text with two halves side by side joined, and any other half replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(item: Any, position: int) -> int:
    """Where a choice or a call belongs: its own index, or else its place."""
    index = item.get("index") if is_object(item) else None
    return index if isinstance(index, int) else position


def _with_halves(data: bytes) -> Any:
    """The JSON value with half characters in its texts, as the standard library reads it."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise DecodeError(f"the reply is no JSON ({reason}): {excerpt(data)}", frame=data)
