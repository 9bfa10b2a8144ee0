"""Joins characters beyond the basic plane that a stream cut in two, each half in its own event.

It repairs text only; what an event means is ``stream``'s to say.
Source: RFC 8259, 7 ("\\\\ud83d\\\\ude00") and 8.2, on escapes that name half of a character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from llmgate.errors import DecodeError, excerpt
from llmgate.provider.http import decode_json, is_array, is_object, json_reader

__all__ = ["SurrogateJoiner"]

Path: TypeAlias = tuple[str | int, ...]

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTINUED = frozenset(
    {"content", "reasoning_content", "reasoning", "refusal", "arguments", "input", "transcript"}
)
"""The keys whose text goes on in the next event."""
_MAX_DEPTH = 200
"""How many levels are read: as many as the reader of JSON takes, and fewer than can be written."""


class SurrogateJoiner:
    """The high surrogates with which the texts of one stream ended so far."""

    __slots__ = ("_read", "_waiting")

    def __init__(self) -> None:
        self._read = json_reader()
        self._waiting: dict[Path, str] = {}

    def read_json(self, data: bytes) -> Any:
        """The JSON value of one event; a half at a text's end waits for that text's next piece.

        Raises:
            DecodeError: for what is not JSON.
        """
        try:
            value = self._read(data)
        except ValueError:
            pass  # out of here, so that it is no other error's context
        else:
            return self._joined(value, ()) if self._waiting else value
        if _ESCAPED_SURROGATE.search(data) is None:
            return decode_json(data)  # which explains what is wrong
        return self._joined(_with_surrogates(data), ())

    def release(self) -> Iterable[tuple[int, str]]:
        """The choice and field of each text whose other half never came; none wait afterwards.

        Those within arguments are left out, since these are truncated anyway.
        """
        paths = list(self._waiting)
        self._waiting.clear()
        for path in paths:
            match path:
                case ("choices", int(choice), "delta", "content" | "refusal" as field):
                    yield choice, field
                case ("choices", int(choice), "delta", "reasoning" | "reasoning_content"):
                    yield choice, "reasoning_content"
                case _:
                    pass

    def _joined(self, value: Any, path: Path) -> Any:
        try:
            return self._join(value, path)
        except RecursionError:
            pass
        raise DecodeError("the response is nested too deeply")

    def _join(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if len(path) > _MAX_DEPTH:
            raise DecodeError("the response is nested too deeply")
        if is_object(value):
            return {_whole(key): self._join(item, (*path, key)) for key, item in value.items()}
        if is_array(value):
            return [
                self._join(item, (*path, _number(item, position)))
                for position, item in enumerate(value)
            ]
        return value

    def _text(self, text: str, path: Path) -> str:
        # A token of the logprobs may be half of a character, which the next one does not continue.
        if not path or path[-1] not in _CONTINUED or "logprobs" in path:
            return _whole(text)
        text = self._waiting.pop(path, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._waiting[path] = text[-1]
            text = text[:-1]
        return _whole(text)


def _whole(text: str) -> str:
    """The text with adjacent surrogates joined, and any other one replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(item: Any, position: int) -> int:
    """The position of a choice or a call: its own index, or else its place in the array."""
    index = item.get("index") if is_object(item) else None
    return index if isinstance(index, int) else position


def _with_surrogates(data: bytes) -> Any:
    """The JSON value with lone surrogates in its texts, as the standard library reads it."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise DecodeError(f"the response is not JSON ({reason}): {excerpt(data)}", frame=data)
