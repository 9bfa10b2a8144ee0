"""Merges JSON that comes in fragments; it knows no provider, but the names of texts in pieces."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from llmgate._text.json import is_array, is_object

__all__ = ["Merged", "join_base64", "merge_data", "replace_data", "settled"]


def join_base64(pieces: Sequence[str]) -> str:
    """The base64 of all bytes of these pieces, each of which may be padded by itself.

    Pieces that are not base64 are joined as text.
    """
    text = "".join(pieces)
    if "=" not in text.rstrip("="):  # only the last is padded, if any
        return text
    try:
        return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return text


class _Pieces(list[str]):
    """A text that is still coming, so that joining it costs once."""

    def joined(self) -> str:
        """The text so far."""
        return "".join(self)


class _Base64Pieces(_Pieces):
    """Bytes that are still coming, such as those of audio."""

    def joined(self) -> str:
        """The base64 of the bytes so far."""
        return join_base64(self)


class Merged:
    """JSON that comes in pieces, which are merged only when somebody asks for it.

    A piece that repeats the one before it, as the findings of a content filter do, is counted.
    """

    __slots__ = ("_last", "_pieces", "_times", "_whole")

    def __init__(self) -> None:
        self._whole: dict[str, Any] = {}
        self._pieces: list[tuple[dict[str, Any], int]] = []
        self._last: dict[str, Any] = {}
        self._times = 0

    def add(self, piece: dict[str, Any]) -> None:
        if piece is self._last or piece == self._last:
            self._times += 1
            return
        self._pieces.append((self._last, self._times))
        self._last, self._times = piece, 1
        if len(self._pieces) >= _MOST_PIECES:
            self._merge()

    def settled(self) -> dict[str, Any]:
        """What the pieces so far add up to; it shares no container with what is still to come."""
        self._pieces.append((self._last, self._times))
        self._last, self._times = {}, 0
        self._merge()
        return settled(self._whole)

    def _merge(self) -> None:
        for piece, times in self._pieces:
            for _ in range(times):
                merge_data(self._whole, piece)
        self._pieces.clear()


_MOST_PIECES = 64


def replace_data(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add what is said of a whole response again and again: objects merge, all else is replaced."""
    for key, value in piece.items():
        before = whole.get(key)
        if is_object(value):
            if not is_object(before):
                before = whole[key] = {}
            replace_data(before, value)
        elif value is not None or key not in whole:
            whole[key] = value


def merge_data(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add a fragment of JSON to what came before, in place; :func:`settled` gives the result.

    Lists grow, objects merge, texts are joined where the fragment continues one (``data``,
    ``transcript``, ``input`` …) and replaced where it names something (``id``, ``type``, ``name``).
    Where the items of a list have an ``index``, those of one index and type are merged. The
    fragment itself is never changed.
    """
    for key, value in piece.items():
        before = whole.get(key)
        if isinstance(before, _Pieces) and isinstance(value, str):
            before.append(value)
        elif is_array(before) and is_array(value) and not isinstance(before, _Pieces):
            _extend(before, value)
        elif is_object(before) and is_object(value):
            merge_data(before, value)
        elif value is not None or key not in whole:
            whole[key] = _own(key, value)


def _extend(whole: list[Any], items: list[Any]) -> None:
    """Add items to a list; the ones with an index to that of the same index and type, if any."""
    for item in items:
        if not is_object(item) or type(item.get("index")) is not int:
            whole.append(item)
            continue
        counterpart = next((each for each in reversed(whole) if _is_continued(each, item)), None)
        if counterpart is None:
            whole.append(_own("", item))
        else:
            merge_data(counterpart, item)


def _is_continued(before: Any, item: dict[str, Any]) -> bool:
    """Whether an item of a list is a fragment of one before it."""
    if not is_object(before) or before.get("index") != item["index"]:
        return False
    pairs = ((before.get(key), item.get(key)) for key in ("type", "id"))
    return all(one == other or one is None or other is None for one, other in pairs)


def _own(key: str, value: Any) -> Any:
    """A first value, as a container that may be changed."""
    if isinstance(value, str) and key in _CONTINUED:
        return _Base64Pieces([value]) if key in _BASE64 else _Pieces([value])
    if is_object(value):
        owned: dict[str, Any] = {}
        merge_data(owned, value)
        return owned
    if is_array(value):
        items: list[Any] = []
        _extend(items, value)
        return items
    return value


def settled(data: dict[str, Any]) -> dict[str, Any]:
    """What was merged, as plain JSON that shares no container with what is still growing."""
    return {key: _plain(value) for key, value in data.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return value.joined()
    if is_object(value):
        return settled(value)
    if is_array(value):
        return [settled(item) if is_object(item) else item for item in value]
    return value


_BASE64 = frozenset({"bytes", "data"})
_CONTINUED = _BASE64 | frozenset(
    {
        "arguments",
        "content",
        "input",
        "reasoning",
        "signature",
        "summary",
        "text",
        "thinking",
        "transcript",
    }
)
"""The keys whose texts come in pieces, in the formats that this library reads."""
