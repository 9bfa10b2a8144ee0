"""Merges JSON that comes in fragments; it knows no provider, but the names of texts in pieces."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from itertools import chain
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
    """JSON that comes in pieces, which are merged many at once: key by key, as no key has to do
    with another. A piece that repeats the one before it, as the findings of a content filter do, is
    counted, and merged when somebody asks."""

    __slots__ = ("_last", "_pieces", "_repeats", "_whole")

    def __init__(self) -> None:
        self._whole: dict[str, Any] = {}
        self._pieces: list[dict[str, Any]] = []
        self._last: dict[str, Any] = {}
        self._repeats = 0

    def add(self, piece: dict[str, Any]) -> None:
        if piece == self._last:
            self._repeats += 1
            return
        if self._repeats:
            self._add_repeats()
        self._last = piece
        self._pieces.append(piece)
        if len(self._pieces) >= _MAX_PIECES:
            self._merge()

    def settled(self) -> dict[str, Any]:
        """What the pieces so far add up to; it shares no container with what is still to come."""
        self._add_repeats()
        self._merge()
        return settled(self._whole)

    def _add_repeats(self) -> None:
        self._pieces += [self._last] * self._repeats
        self._repeats = 0

    def _merge(self) -> None:
        pieces, self._pieces = self._pieces, []
        for key in dict.fromkeys(chain.from_iterable(pieces)):
            _merge_values(self._whole, key, [piece[key] for piece in pieces if key in piece])


def _merge_values(whole: dict[str, Any], key: str, values: list[Any]) -> None:
    """Add what came under one key, one value after the other."""
    if key not in whole:
        whole[key], values = _own(key, values[0]), values[1:]
    before, kinds = whole[key], {*map(type, values)}
    if isinstance(before, _Pieces) and kinds == {str}:
        before.extend(values)
    elif type(before) is _ARRAY and kinds == {_ARRAY}:
        items = [*chain.from_iterable(values)]
        if {*map(type, items)} <= _SCALARS:
            before.extend(items)
        else:
            _extend(before, items)
    else:
        for value in values:
            merge_data(whole, {key: value})


_MAX_PIECES = 64
_SCALARS = frozenset({int, float, str, bool, type(None)})
_OBJECT: Any = dict
_ARRAY: Any = list
"""The classes of JSON's containers, by a name that leaves what is in them to the reader."""


def replace_data(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add what is said of a whole response again and again: objects merge, all else is replaced."""
    for key, value in piece.items():
        if isinstance(value, _OBJECT):
            before: Any = whole.get(key)
            if not isinstance(before, _OBJECT):
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
        before: Any = whole.get(key)
        if before is None:
            if value is not None or key not in whole:
                whole[key] = _own(key, value)
        elif value is before or value is None:
            pass
        elif type(before) is _ARRAY and isinstance(value, _ARRAY):
            _extend(before, value)
        elif isinstance(before, _Pieces) and isinstance(value, str):
            before.append(value)
        elif is_object(before) and is_object(value):
            merge_data(before, value)
        else:
            whole[key] = _own(key, value)


def _extend(whole: list[Any], items: list[Any]) -> None:
    """Add items to a list; the ones with an index to that of the same index and type, if any."""
    for item in items:
        if not isinstance(item, _OBJECT) or type(item.get("index")) is not int:
            whole.append(item)
        elif (counterpart := _counterpart(whole, item)) is None:
            whole.append(_own("", item))
        else:
            merge_data(counterpart, item)


def _counterpart(whole: list[Any], item: dict[str, Any]) -> dict[str, Any] | None:
    """The last item of a list that another one is a fragment of."""
    index, kind, identifier = item["index"], item.get("type"), item.get("id")
    for each in reversed(whole):
        if (
            is_object(each)
            and each.get("index") == index
            and (kind is None or each.get("type") in (None, kind))
            and (identifier is None or each.get("id") in (None, identifier))
        ):
            return each
    return None


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
