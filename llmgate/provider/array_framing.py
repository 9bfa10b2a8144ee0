"""Cuts a stream into its events: server-sent events, or one JSON array of them.

Some hosts send an array if the caller does not ask for events; the first character shows it.
Each element is yielded as soon as it is complete. Elements are not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmgate.errors import ResponseTooLargeError
from llmgate.provider.framing import MAX_FRAME, Frame, SSEFramer

__all__ = ["EventOrArrayFramer"]

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_OUTSIDE = re.compile(rb'["{}\[\],]')
_INSIDE = re.compile(rb'["\\]')


class EventOrArrayFramer(SSEFramer):
    """Server-sent events, or the elements of a JSON array."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        super().__init__(limit)
        self._limit = limit
        self._is_decided = False
        self._undecided: bytes = b""
        self._size = 0
        self._array: _ArrayElements | None = None

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The events that these bytes complete."""
        if not self._is_decided:
            self._size += len(data)
            data = self._undecided + data
            begun = data.removeprefix(_BOM).lstrip(_BLANK)
            if not begun or _BOM.startswith(data):
                # among blanks, the last one says whether a line has begun
                self._undecided = data if _BOM.startswith(data) else data[-1:]
                if self._size > self._limit:
                    raise ResponseTooLargeError(f"more than {self._limit} bytes contain no event")
                return ()
            self._is_decided = True
            if begun.startswith(b"["):
                self._array = _ArrayElements(self._limit)
        if self._array is not None:
            return [Frame(element) for element in self._array.feed(data)]
        return super().feed(data)

    def close(self) -> Iterable[Frame]:
        """The last event, if its blank line is missing; an element that was cut is not returned."""
        return () if self._array is not None else super().close()


class _ArrayElements:
    """The elements of one JSON array, each as soon as its last byte has come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._is_in_text = False
        self._is_escaped = False

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The elements that these bytes complete."""
        at, start = 0, 0
        while at < len(data):
            if self._is_escaped:
                self._is_escaped = False
                at += 1
                continue
            found = (_INSIDE if self._is_in_text else _OUTSIDE).search(data, at)
            if found is None:
                break
            at = found.end()
            if self._is_in_text:
                self._is_escaped = found[0] == b"\\"
                self._is_in_text = self._is_escaped
            elif (end := self._structure(found[0], found.start(), at)) is not None:
                self._keep(data[start:end])
                start = at
                yield from self._element()
        if self._depth:
            self._keep(data[start:])

    def _structure(self, mark: bytes, before: int, after: int) -> int | None:
        """Follow a character outside all strings; returns where the element ends if the character
        completes it."""
        if mark == b'"':
            self._is_in_text = True
            return None
        if mark == b",":
            return before if self._depth == 1 else None
        if mark in b"{[":
            self._depth += 1
            return before if self._depth == 1 else None
        self._depth -= 1
        if self._depth == 1:
            return after
        return before if self._depth == 0 else None

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            raise ResponseTooLargeError(f"an event is larger than {self._limit} bytes")

    def _element(self) -> Iterable[bytes]:
        element = b"".join(self._pieces).strip(_BLANK + _BOM)
        self._pieces, self._size = [], 0
        if element:
            yield element
