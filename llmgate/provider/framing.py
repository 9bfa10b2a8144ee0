"""Framers: they split bytes, as they arrive, into the frames that a decoder reads.

A framer keeps only what is not yet complete. It knows no provider and reads no JSON.
Source: the WHATWG HTML standard, "Parsing an event stream"; https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from llmgate.errors import ResponseTooLargeError

__all__ = ["MAX_FRAME", "Frame", "Framer", "NDJSONFramer", "SSEFramer", "UnframedContent"]

MAX_FRAME = 16 * 1024 * 1024
"""The largest frame that is accepted, in bytes."""

_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})
"""The names that a line of an event stream may begin with; a comment's is empty."""
_MAX_HEAD = 64 * 1024
_EVENTS_BEHIND = re.compile(rb"\n(?:data|event|id|retry)?:")
_LINE_END, _CARRIAGE_RETURN = b"\n\r"
"""As numbers: CPython needs twenty times as long to search for a bytes object of length one."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Frame(NamedTuple):
    """One event: its data, and its name and headers where the format has them."""

    data: bytes
    event: str = ""
    headers: Mapping[str, str] = _NO_HEADERS


class Framer(Protocol):
    """Splits a byte stream into frames."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The frames that these bytes complete.

        Raises:
            DecodeError: for bytes that are not of this format.
            ResponseTooLargeError: when a frame exceeds the limit.
        """
        ...

    def close(self) -> Iterable[Frame]:
        """The frame that the end of the stream completes, if any.

        Raises:
            DecodeError: when the rest is not of this format. The stream is then truncated, unless
                the provider's terminator came before.
        """
        ...


class UnframedContent(Protocol):
    """The ability of a framer to report data that is not of its format."""

    @property
    def unframed(self) -> bytes:
        """The beginning of data that came in place of frames: a page, or an error's JSON, which is
        passed to the decoder as a frame. Empty otherwise."""
        ...


class SSEFramer:
    """Server-sent events, with two differences.

    A last event without its blank line is still returned: it may be complete or cut, which the
    decoder must judge. An event with empty data is not returned, since it means nothing.
    """

    __slots__ = (
        "_after_carriage_return",
        "_at_start",
        "_head",
        "_is_silent",
        "_name",
        "_name_line",
        "_rest",
        "has_joined_events",
    )

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Remainder(b"\n\n", limit)
        self._at_start = True
        self._after_carriage_return = False
        self._is_silent = True
        self._head = b""
        self._name_line, self._name = b"", ""
        self.has_joined_events = False
        """Whether events came that are separated by a single line end, and were split."""

    @property
    def unframed(self) -> bytes:
        """The data that came in place of events: a complete JSON value, without events after it; or
        the beginning of a page. Empty otherwise."""
        first, line_end, _ = self._head.partition(b"\n")
        name, colon, _ = first.partition(b":")
        if name[:1] in (b"{", b"["):
            return _EVENTS_BEHIND.split(self._rest.peek(), 1)[0]
        if line_end or colon:
            return b"" if name in _FIELDS else self._head
        is_cut = any(field.startswith(name) for field in _FIELDS)
        return b"" if is_cut else self._head

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The events that these bytes complete."""
        data = self._with_plain_line_ends(data)
        if self._is_silent:
            if self._at_start:
                data = self._without_byte_order_mark(data)
            if self._is_json(data):
                self._rest.keep(data)
                return ()
        frames: list[Frame] = []
        for block in self._rest.split(data):
            start = block[:7]
            if start == b"data: {" and _LINE_END not in block:  # nearly every event
                frames.append(_new(Frame, (block[6:], "", _NO_HEADERS)))
            elif start == b"event: " and (frame := self._named_event(block)) is not None:
                frames.append(frame)
            else:
                frames += self._events(block)
        if frames:
            self._is_silent, self._head = False, b""
        return frames

    def _is_json(self, data: bytes) -> bool:
        """Whether the data began like a JSON value: then a blank line in it has no meaning."""
        self._head = (self._head + data[: _MAX_HEAD - len(self._head)]).lstrip()
        return self._head[:1] in (b"{", b"[")

    def _named_event(self, block: bytes) -> Frame | None:
        """The event of a line with its name and a line with its data; None for any other block."""
        first, _, second = block.partition(b"\n")
        if second[:7] != b"data: {" or _LINE_END in second:
            return None
        if first != self._name_line:  # nearly always the same as in the event before
            self._name_line, self._name = first, first[7:].decode("utf-8", "replace")
        return _new(Frame, (second[6:], self._name, _NO_HEADERS))

    def _events(self, block: bytes) -> Iterable[Frame]:
        """The event of a block, or its events if the host forgot the blank lines between them."""
        frame = _event_of_lines(block)
        if frame is None:
            return ()
        if _LINE_END not in frame.data or not _is_joined(frame.data):
            return (frame,)
        self.has_joined_events = True
        return _separated(block)

    def close(self) -> Iterable[Frame]:
        """The last event, if its blank line is missing."""
        if self._is_silent and self._head[:1] in (b"{", b"["):
            return []  # it is unframed
        return self._events(self._rest.take())

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        """Replace CR and CRLF by LF. A CR counts at once; an LF that follows it in the next piece
        is then not another line end."""
        if self._after_carriage_return and data:
            self._after_carriage_return = False
            data = data.removeprefix(b"\n")
        if _CARRIAGE_RETURN in data:
            self._after_carriage_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _without_byte_order_mark(self, data: bytes) -> bytes:
        """The stream without a byte order mark, which may arrive in pieces itself."""
        head = self._rest.take() + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._rest.keep(head)
            return b""
        self._at_start = False
        return head.removeprefix(_BOM)


# Calling the constructor of a named tuple would double the cost.
_new: Callable[[type[Frame], tuple[bytes, str, Mapping[str, str]]], Frame] = vars(tuple)["__new__"]


def _event_of_lines(block: bytes) -> Frame | None:
    """The event of one block of lines; None when it has no data."""
    event, data = "", list[bytes]()
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
    joined = b"\n".join(data)
    return Frame(joined, event) if joined else None


def _is_joined(data: bytes) -> bool:
    """Whether each line is complete by itself, so that the lines are not one JSON value."""
    lines = [line.strip(b" \"'") for line in data.split(b"\n")]
    return all((line[:1] + line[-1:]) in (b"{}", b"[]") for line in lines)


def _separated(block: bytes) -> Iterable[Frame]:
    """The events of a block that contains several, each with the name before it."""
    event = ""
    for line in block.split(b"\n"):
        frame = _event_of_lines(line)
        name, _, value = line.partition(b":")
        if name == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
        elif frame is not None:
            yield Frame(frame.data, event)


class NDJSONFramer:
    """One JSON value per line; empty lines are skipped.

    ``unframed`` is the beginning of a page that came in place of lines, and empty otherwise.
    """

    __slots__ = ("_rest", "_start", "unframed")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Remainder(b"\n", limit)
        self._start = b""
        self.unframed = b""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The lines that these bytes complete."""
        self._start = self._start or data.lstrip()[:1]
        if self._start == b"<":
            self.unframed += data[: _MAX_HEAD - len(self.unframed)]
            return []
        lines = self._rest.split(data)
        return [Frame(stripped) for line in lines if (stripped := line.strip())]

    def close(self) -> Iterable[Frame]:
        """The last line, if its line end is missing."""
        rest = self._rest.take().strip()
        return [Frame(rest)] if rest else []


class _Remainder:
    """The incomplete rest, kept in pieces: a large frame is joined once, not at every read."""

    __slots__ = ("_last", "_limit", "_pieces", "_separator", "_size")

    def __init__(self, separator: bytes, limit: int) -> None:
        self._separator = separator
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._last = b""

    def split(self, data: bytes) -> list[bytes]:
        """The blocks that these bytes complete: those that end with the separator."""
        separator = self._separator
        if data.find(separator) < 0 and (self._last + data[:1]).find(separator) < 0:
            self.keep(data)
            return []
        joined = self.take() + data if self._pieces else data
        blocks = joined.split(separator)
        self.keep(blocks.pop())
        if len(joined) > self._limit:
            for block in blocks:
                self._check(len(block))
        return blocks

    def keep(self, data: bytes) -> None:
        """Add to the rest."""
        if data:
            self._pieces.append(data)
            self._size += len(data)
            self._last = data[-1:]
            # the end may be part of the separator
            self._check(self._size - len(self._separator) + 1)

    def take(self) -> bytes:
        """Return the rest, and empty it."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._last = b""
        return rest

    def peek(self) -> bytes:
        """The rest, which is kept."""
        rest = self.take()
        self.keep(rest)
        return rest

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ResponseTooLargeError(
                f"one event is larger than the limit of {self._limit} bytes"
            )
