"""The framer of ``application/vnd.amazon.eventstream``: bytes, cut anywhere, into checked messages.

It knows no event's meaning and reads no JSON. Source: AWS, "Event stream encoding".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import Struct
from types import MappingProxyType
from typing import NoReturn
from uuid import UUID
from zlib import crc32

from llmgate.errors import DecodeError, ResponseTooLargeError
from llmgate.provider.framing import Frame

__all__ = ["MAX_HEADERS", "MAX_PAYLOAD", "EventStreamFramer"]

MAX_HEADERS = 128 * 1024
"""The largest headers of a message, in bytes."""
MAX_PAYLOAD = 24 * 1024 * 1024
"""The largest payload of a message, in bytes."""

_PRELUDE = Struct("!III")
_CHECKSUM = Struct("!I")
_LENGTH = Struct("!H")
_PRELUDE_SIZE = _PRELUDE.size
_SMALLEST = _PRELUDE_SIZE + _CHECKSUM.size
_NO_LENGTH = range(9, 127)
"""What a page or JSON begins with: as the first byte of a length, it would be too large."""
_LONGEST_UNFRAMED = 16 * 1024 * 1024
_MOST_KNOWN = 32


class EventStreamFramer:
    """Messages of an event stream, each with both of its checksums verified.

    A frame's ``data`` is the payload, its ``event`` is the header ``:event-type``, empty for
    exceptions and errors, and its ``headers`` are all of the message's as text: numbers and
    timestamps (milliseconds) in decimal, flags as ``true`` and ``false``, bytes in base64, UUIDs
    with hyphens.
    """

    __slots__ = ("_is_text", "_known", "_limit", "_needed", "_pieces", "_size")

    def __init__(self, limit: int = MAX_PAYLOAD) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []  # joined once a message is whole, not at every read
        self._size = 0
        self._needed = _PRELUDE_SIZE
        self._is_text: bool | None = None
        self._known: dict[bytes, Mapping[str, str]] = {}

    @property
    def unframed(self) -> bytes:
        """What came in place of messages, such as an error's JSON; empty otherwise."""
        return b"".join(self._pieces) if self._is_text else b""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The messages that these bytes complete.

        Raises:
            DecodeError: for a checksum that does not match, or lengths that cannot be.
            ResponseTooLargeError: for a payload that is larger than the limit.
        """
        if self._is_text is None and data:
            self._is_text = data[0] in _NO_LENGTH
        if self._pieces or self._is_text:
            self._keep(data)
            if self._is_text or self._size < self._needed:
                return ()
            data = b"".join(self._pieces)
            self._pieces, self._size = [], 0
        return self._messages(data)

    def close(self) -> Iterable[Frame]:
        """Nothing, since each message says how long it is.

        Raises:
            DecodeError: when the bytes ended within a message.
        """
        if self._pieces and not self._is_text:
            raise DecodeError(f"the stream ended {self._size} bytes into a message")
        return ()

    def _messages(self, data: bytes) -> Iterator[Frame]:
        at, end, needed = 0, len(data), _PRELUDE_SIZE
        while end - at >= _PRELUDE_SIZE:
            needed, headers_size = self._lengths(data, at)
            if end - at < needed:
                break
            message = data[at : at + needed]
            at, needed = at + needed, _PRELUDE_SIZE
            yield self._frame(message, headers_size)
        self._needed = needed
        if at < end:
            self._keep(data[at:])

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._is_text and self._size > _LONGEST_UNFRAMED:
            raise ResponseTooLargeError(f"the response is larger than {_LONGEST_UNFRAMED} bytes")

    def _lengths(self, data: bytes, at: int) -> tuple[int, int]:
        """The size of the message that begins there, and that of its headers."""
        size, headers_size, checksum = _PRELUDE.unpack_from(data, at)
        prelude = data[at : at + _PRELUDE_SIZE]
        if crc32(prelude[:8]) != checksum:
            _refuse("the checksum of a message's prelude does not match", prelude)
        payload_size = size - headers_size - _SMALLEST
        if headers_size > MAX_HEADERS or payload_size < 0:
            _refuse("the lengths in a message's prelude cannot be", prelude)
        if payload_size > self._limit:
            raise ResponseTooLargeError(f"a message is larger than {self._limit} bytes")
        return size, headers_size

    def _frame(self, message: bytes, headers_size: int) -> Frame:
        end = len(message) - 4
        if crc32(message[:end]) != _CHECKSUM.unpack_from(message, end)[0]:
            _refuse("the checksum of a message does not match", message)
        start = _PRELUDE_SIZE + headers_size
        raw = message[_PRELUDE_SIZE:start]
        headers = self._known.get(raw)
        if headers is None:
            headers = _headers(raw)
            if len(self._known) < _MOST_KNOWN:  # nearly all messages of a stream have the same few
                self._known[raw] = headers
        return Frame(message[start:end], headers.get(":event-type", ""), headers)


def _refuse(why: str, message: bytes) -> NoReturn:
    raise DecodeError(why, frame=message)


# --- headers ------------------------------------------------------------------------------


def _headers(raw: bytes) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    at = 0
    while at < len(raw):
        name, at = _piece(raw, at + 1, raw[at])
        kind, at = _piece(raw, at, 1)
        size, read = _KINDS.get(kind[0], (0, None))
        if read is None:
            _refuse(f"a header has the unknown type {kind[0]}", raw)
        if size is None:
            length, at = _piece(raw, at, 2)
            size = _LENGTH.unpack(length)[0]
        value, at = _piece(raw, at, size)
        try:
            key, text = name.decode(), read(value)
        except UnicodeDecodeError:
            _refuse("a header is not UTF-8", raw)
        if key in headers:
            _refuse("a message has a header twice", raw)
        headers[key] = text
    return MappingProxyType(headers)


def _piece(raw: bytes, at: int, size: int) -> tuple[bytes, int]:
    """So many bytes from there on, and where they end."""
    end = at + size
    if end > len(raw):
        _refuse("the headers of a message end within one", raw)
    return raw[at:end], end


def _integer(value: bytes) -> str:
    return str(int.from_bytes(value, signed=True))


_KINDS: Mapping[int, tuple[int | None, Callable[[bytes], str]]] = {
    0: (0, lambda _: "true"),
    1: (0, lambda _: "false"),
    2: (1, _integer),
    3: (2, _integer),
    4: (4, _integer),
    5: (8, _integer),
    6: (None, lambda value: b64encode(value).decode()),
    7: (None, bytes.decode),
    8: (8, _integer),
    9: (16, lambda value: str(UUID(bytes=value))),
}
"""How each type of a header's value is written: its size, None for one with a length of its own."""
