"""Framers: bytes as they arrive, cut anywhere, into the frames that a decoder reads.

A framer keeps only what is not yet complete. It knows no provider and reads no JSON.
Source: the WHATWG HTML standard, "Parsing an event stream"; https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from llmgate.errors import ResponseTooLargeError
from llmgate.provider.templated_sse import FrameTemplate

__all__ = ["MAX_FRAME", "Frame", "Framer", "NDJSONFramer", "SSEFramer", "UnframedContent"]

MAX_FRAME = 16 * 1024 * 1024
"""The largest frame that is accepted, in bytes."""

_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})
"""The names that a line of an event stream begins with; a comment has none."""
_LONGEST_HEAD = 64 * 1024
_BLANK_LINE = b"\n\n"
_EVENTS_BEHIND = re.compile(rb"\n(?:data|event|id|retry)?:")
_USUAL_START = re.compile(rb"(?:event: ?[^\n]*\n)?data: ?")
_SHORTEST_WINDOW = 512
_WINDOW = 16 * 1024
"""How far ahead a run of events is looked for at most, in bytes."""


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Frame(NamedTuple):
    """One event: its data, and its name and headers where the format has them.

    With ``texts``, which has nobody who has not asked for it (:meth:`SSEFramer.learn`), it stands
    for a run of events that differ from an earlier one in these texts, and has no data.
    """

    data: bytes
    event: str = ""
    texts: tuple[str, ...] | list[str] = ()
    headers: Mapping[str, str] = _NO_HEADERS


class Framer(Protocol):
    """Cuts a byte stream into frames. Each frame is to be decoded before the next is asked for."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The frames that these bytes complete.

        Raises:
            DecodeError: for bytes that are not of this format.
            ResponseTooLargeError: when a frame passes the limit.
        """
        ...

    def close(self) -> Iterable[Frame]:
        """The frame that the end of the stream completes, if any.

        Raises:
            DecodeError: when what is left is not of this format. A stream that has ended is then
                truncated, unless the provider's terminator has come before.
        """
        ...


class UnframedContent(Protocol):
    """The ability of a framer to tell that what came is not of its format."""

    @property
    def unframed(self) -> bytes:
        """The beginning of what came in place of frames: a page, say, or an error's JSON, which is
        given to the decoder as a frame. Empty otherwise."""
        ...


class SSEFramer:
    """Server-sent events, with two differences.

    A last event without its blank line is still given, which is the decoder's to judge: it may be
    whole, or cut anywhere. An event whose data is empty is not given, as it stands for nothing.
    """

    __slots__ = (
        "_after_carriage_return",
        "_at_start",
        "_block",
        "_head",
        "_is_silent",
        "_pattern",
        "_rest",
        "has_joined_events",
    )

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Rest(_BLANK_LINE, limit)
        self._at_start = True
        self._after_carriage_return = False
        self._is_silent = True
        self.has_joined_events = False
        self._head = b""
        self._block = b""
        self._pattern: _Pattern | None = None

    def learn(self, template: FrameTemplate, frame: Frame) -> None:
        """Give events that are like the one given last, but for a text, as ``Frame.texts``.

        The frame is that of the event given last, and the template is its template. Until then, or
        where that event is written in an unusual way, every event is given unchanged: what was
        learned before is forgotten, as the texts would be taken for those of this event.
        """
        start, found, rest = self._block.partition(frame.data)
        is_usual = found and not rest and _USUAL_START.fullmatch(start)
        self._pattern = _Pattern(template, start) if is_usual else None

    def forget(self) -> None:
        """Give every event unchanged, from the next on."""
        self._pattern = None

    @property
    def unframed(self) -> bytes:
        """What came in place of events: a JSON value, whole, without events behind it; or the
        beginning of a page. Empty otherwise."""
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
        if self._pattern is not None and self._rest.is_free_for(data):
            texts = self._pattern.texts_in(data)
            if texts is not None:  # nearly always, where events arrive one by one
                return (_new(Frame, (b"", "", texts, _NO_HEADERS)),)
        data = self._with_plain_line_ends(data)
        if self._at_start:
            data = self._without_mark(data)
        if self._is_silent and self._is_json(data):
            self._rest.keep(data)
            return ()
        body = self._rest.whole(data)
        if self._is_silent:
            return self._first_frames(body)
        return self._frames(body) if body else ()

    def _is_json(self, data: bytes) -> bool:
        """Whether what came began as a JSON value does: then no blank line in it means anything."""
        self._head = (self._head + data[: _LONGEST_HEAD - len(self._head)]).lstrip()
        return self._head[:1] in (b"{", b"[")

    def _first_frames(self, body: bytes) -> Iterable[Frame]:
        """The same, as long as no event has come."""
        for frame in self._frames(body):
            self._is_silent, self._head = False, b""
            yield frame

    def _frames(self, body: bytes) -> Iterable[Frame]:
        """The events of whole blocks; what was learned from one holds for the next."""
        at = 0
        while at < len(body):
            pattern = self._pattern
            if pattern is not None and body.startswith(pattern.head, at):
                at = yield from self._run(pattern, body, at)
            else:
                end = _end_of_block(body, at + _WINDOW)  # what follows may be learned until then
                if pattern is not None:
                    found = body.find(_BLANK_LINE + pattern.head, at, end)
                    end = found + len(_BLANK_LINE) if found >= 0 else end
                at = yield from self._frames_between(body, at, end)

    def _frames_between(self, body: bytes, at: int, end: int) -> Generator[Frame, None, int]:
        """The events of these blocks, one by one, up to where another pattern was learned."""
        pattern = self._pattern
        for block in body[at:end].split(_BLANK_LINE):
            at += len(block) + len(_BLANK_LINE)
            for frame in self._events(block):
                self._block = block
                yield frame
            if self._pattern is not pattern:
                return at
        return end

    def _events(self, block: bytes) -> Iterable[Frame]:
        """The event of a block; or its events, where the host forgot the blank lines between."""
        frame = _event(block)
        if frame is None:
            return ()
        if b"\n" not in frame.data or not _is_joined(frame.data):
            return (frame,)
        self.has_joined_events = True
        return _separated(block)

    def _run(self, pattern: _Pattern, body: bytes, at: int) -> Generator[Frame, None, int]:
        """The texts of the events from here on that fit the pattern; and one event that does not,
        if it comes first or ends them."""
        pieces, end = pattern.pieces(body, at)
        at_once = pieces and pattern.window > _SHORTEST_WINDOW  # else it would often be in vain
        texts = pattern.template.texts_in(pieces) if at_once else None
        if texts is not None:
            pattern.look_ahead(end - at)
            yield _new(Frame, (b"", "", texts, _NO_HEADERS))
            return end
        run, end, is_odd = list[str](), at, not pieces
        for piece in pieces:
            inside, others_follow, _ = piece.partition(pattern.tail)
            texts = pattern.template.texts_in([inside])
            is_odd = texts is None
            if texts is None:
                break
            run += texts
            end += pattern.size + len(inside)
            if others_follow:
                break
        pattern.look_ahead(end - at)
        if run:
            yield Frame(b"", "", run)
        if not is_odd:
            return end
        return (yield from self._frames_between(body, end, _end_of_block(body, end)))

    def close(self) -> Iterable[Frame]:
        """The last event, where its blank line is missing."""
        if self._is_silent and self._head[:1] in (b"{", b"["):
            return []  # it is unframed
        return self._events(self._rest.take())

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


def _end_of_block(body: bytes, at: int) -> int:
    """Where the block ends that goes on here."""
    found = body.find(_BLANK_LINE, at)
    return found + len(_BLANK_LINE) if found >= 0 else len(body)


def _event(block: bytes) -> Frame | None:
    """The event of one block of lines; None when it has no data."""
    if block.startswith(b"data: {") and b"\n" not in block:  # nearly every event
        return _new(Frame, (block[6:], "", (), _NO_HEADERS))
    if block.startswith(b"event: "):  # the other common form
        head, _, rest = block.partition(b"\n")
        if rest.startswith(b"data: ") and b"\n" not in rest and len(rest) > 6:
            return _new(Frame, (rest[6:], head[7:].decode("utf-8", "replace"), (), _NO_HEADERS))
    return _event_of_lines(block)


# The constructor of a named tuple costs as much as all the rest.
_new: Callable[[type[Frame], tuple[bytes, str, list[str] | tuple[()], Mapping[str, str]]], Frame]
_new = vars(tuple)["__new__"]


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


def _is_joined(data: bytes) -> bool:
    """Whether each line is whole by itself, so that they are no JSON value together."""
    lines = [line.strip(b" \"'") for line in data.split(b"\n")]
    return all((line[:1] + line[-1:]) in (b"{}", b"[]") for line in lines)


def _separated(block: bytes) -> Iterable[Frame]:
    """The events of a block that is several, each with the name before it."""
    event = ""
    for line in block.split(b"\n"):
        frame = _event_of_lines(line)
        name, _, value = line.partition(b":")
        if name == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
        elif frame is not None:
            yield Frame(frame.data, event)


class _Pattern:
    """How events are written that fit a template."""

    __slots__ = ("_between", "head", "size", "tail", "template", "window")

    def __init__(self, template: FrameTemplate, start: bytes) -> None:
        """``start`` is what stands in an event's block before its data."""
        self.template = template
        self.head = start + template.before
        self.tail = template.behind + _BLANK_LINE
        self._between = self.tail + self.head
        self.size = len(self._between)
        self.window = _WINDOW

    def look_ahead(self, size: int) -> None:
        """Look twice as far as the last run went: what is looked at in vain costs no more than what
        is gained, where events of several forms take turns."""
        self.window = min(max(2 * size, _SHORTEST_WINDOW), _WINDOW)

    def texts_in(self, data: bytes) -> list[str] | None:
        """The texts of a few whole events, if all of them fit."""
        if data.startswith(self.head) and data.endswith(self.tail, len(self.head)):
            inside = data[len(self.head) : -len(self.tail)]
            return self.template.texts_in(inside.split(self._between))
        return None

    def pieces(self, body: bytes, at: int) -> tuple[list[bytes], int]:
        """What differs in the events from here on, as far as they fit; and where they end."""
        start = at + len(self.head)
        *pieces, last = body[start : start + self.window].split(self._between)
        piece, is_whole, _ = last.partition(self.tail)
        if is_whole:
            pieces.append(piece)
        elif not pieces:  # one long event
            end = _end_of_block(body, start) - len(self.tail)
            if end >= start and body.startswith(self.tail, end):
                pieces.append(body[start:end])
        return pieces, at + sum(map(len, pieces)) + len(pieces) * self.size


class NDJSONFramer:
    """One JSON value a line; empty lines are skipped.

    ``unframed`` is the beginning of a page that came in place of lines, and empty otherwise.
    """

    __slots__ = ("_rest", "_start", "unframed")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._rest = _Rest(b"\n", limit)
        self._start = b""
        self.unframed = b""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The lines that these bytes complete."""
        self._start = self._start or data.lstrip()[:1]
        if self._start == b"<":
            self.unframed += data[: _LONGEST_HEAD - len(self.unframed)]
            return []
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

    def is_free_for(self, data: bytes) -> bool:
        """Whether nothing is incomplete, and nothing in these bytes can be too large."""
        return not self._pieces and len(data) <= self._limit

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

    def whole(self, data: bytes) -> bytes:
        """All blocks that end with the mark, now that these bytes have come, in one piece."""
        mark = self._mark
        if mark not in data and mark not in self._last + data[:1]:
            self.keep(data)
            return b""
        joined = self.take() + data
        end = joined.rfind(mark) + len(mark)
        self.keep(joined[end:])
        if end > self._limit:
            for block in joined[:end].split(mark):
                self._check(len(block))
        return joined[:end]

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

    def peek(self) -> bytes:
        """The rest, which stays."""
        rest = self.take()
        self.keep(rest)
        return rest

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ResponseTooLargeError(
                f"one event is larger than the limit of {self._limit} bytes"
            )
