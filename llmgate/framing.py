"""Framers: bytes as they arrive, cut anywhere, into the frames that a decoder reads.

A framer keeps only what is not yet complete. It knows no provider and reads no JSON.
Source: the WHATWG HTML standard, "Parsing an event stream"; https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from llmgate.errors import ResponseTooLargeError

__all__ = ["MAX_FRAME", "Frame", "Framer", "NDJSONFramer", "SSEFramer"]

MAX_FRAME = 16 * 1024 * 1024
"""The largest frame that is accepted, in bytes."""

_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})
"""The names that a line of an event stream begins with; a comment has none."""
_LONGEST_HEAD = 64 * 1024


class Frame(NamedTuple):
    """One event: its data, and its name where the format has names."""

    data: bytes
    event: str = ""


class Framer(Protocol):
    """Cuts a byte stream into frames."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The frames that these bytes complete.

        Raises:
            ResponseTooLargeError: when a frame passes the limit.
        """
        ...

    def close(self) -> Iterable[Frame]:
        """The frame that the end of the stream completes, if any."""
        ...


class SSEFramer:
    """Server-sent events, with two differences.

    A last event without its blank line is still given, which is the decoder's to judge: it may be
    whole, or cut anywhere. An event whose data is empty is not given, as it stands for nothing.
    """

    __slots__ = ("_after_carriage_return", "_at_start", "_head", "_is_silent", "_rest")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Rest(b"\n\n", limit)
        self._at_start = True
        self._after_carriage_return = False
        self._is_silent = True
        self._head = b""

    @property
    def stray(self) -> bytes:
        """The beginning of what came where no event did, and what is no event stream at all: a
        page, say, or the JSON of an error. Empty otherwise."""
        first, line_end, _ = self._head.lstrip().partition(b"\n")
        name, colon, _ = first.partition(b":")
        if line_end or colon:
            return b"" if name in _FIELDS else self._head
        is_cut = any(field.startswith(name) for field in _FIELDS)
        return b"" if is_cut else self._head

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The events that these bytes complete."""
        data = self._with_plain_line_ends(data)
        if self._at_start:
            data = self._without_mark(data)
        blocks = self._rest.split(data)
        frames: list[Frame] = []
        for block in blocks:
            if block.startswith(b"data: {") and b"\n" not in block:  # nearly every event
                frames.append(_new(Frame, (block[6:], "")))
            elif (frame := _event(block)) is not None:
                frames.append(frame)
        if self._is_silent:
            self._is_silent = not frames
            self._head = b"" if frames else self._head + data[: _LONGEST_HEAD - len(self._head)]
        return frames

    def close(self) -> Iterable[Frame]:
        """The last event, where its blank line is missing."""
        frame = _event(self._rest.take())
        return [] if frame is None else [frame]

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        """LF for CR and CRLF; a CR counts at once, and an LF that follows it in the next piece is
        then no further line end."""
        if self._after_carriage_return and data:
            self._after_carriage_return = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_carriage_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _without_mark(self, data: bytes) -> bytes:
        """The stream without a byte order mark, which may arrive in pieces itself."""
        head = self._rest.take() + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._rest.keep(head)
            return b""
        self._at_start = False
        return head.removeprefix(_BOM)


def _event(block: bytes) -> Frame | None:
    """The event of one block of lines; None when it has no data."""
    if block.startswith(b"event: "):  # the other common form
        head, _, rest = block.partition(b"\n")
        if rest.startswith(b"data: ") and b"\n" not in rest and len(rest) > 6:
            return _new(Frame, (rest[6:], head[7:].decode("utf-8", "replace")))
    return _event_of_lines(block)


# The constructor of a named tuple costs as much as all the rest.
_new: Callable[[type[Frame], tuple[bytes, str]], Frame] = vars(tuple)["__new__"]


def _event_of_lines(block: bytes) -> Frame | None:
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


class NDJSONFramer:
    """One JSON value a line; empty lines are skipped."""

    __slots__ = ("_rest",)

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Rest(b"\n", limit)

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The lines that these bytes complete."""
        lines = self._rest.split(data)
        return [Frame(stripped) for line in lines if (stripped := line.strip())]

    def close(self) -> Iterable[Frame]:
        """The last line, where its line end is missing."""
        rest = self._rest.take().strip()
        return [Frame(rest)] if rest else []


class _Rest:
    """What is not yet complete, kept in pieces: a large frame is joined once, not at every read."""

    __slots__ = ("_last", "_limit", "_mark", "_pieces", "_size")

    def __init__(self, mark: bytes, limit: int) -> None:
        self._mark = mark
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._last = b""

    def split(self, data: bytes) -> list[bytes]:
        """The blocks that end with the mark, now that these bytes have come."""
        mark = self._mark
        if mark not in data and mark not in self._last + data[:1]:
            self.keep(data)
            return []
        *blocks, rest = (self.take() + data).split(mark)
        for block in blocks:
            self._check(len(block))
        self.keep(rest)
        return blocks

    def keep(self, data: bytes) -> None:
        """Add to the rest."""
        if data:
            self._pieces.append(data)
            self._size += len(data)
            self._last = data[-1:]
            self._check(self._size - len(self._mark) + 1)  # the end may be a part of the mark

    def take(self) -> bytes:
        """The rest, which is empty afterwards."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._last = b""
        return rest

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ResponseTooLargeError(
                f"one event is larger than the limit of {self._limit} bytes"
            )
