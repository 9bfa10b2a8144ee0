"""Frames that differ from an earlier one in nothing but one text: that text, without parsing.

Nearly every event of a stream is such a frame. What is not certain is left to a parser.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from llmgate._text.json import texts_of

__all__ = ["FrameTemplate"]

_LARGEST_EXAMPLE = 16 * 1024
"""In bytes. To look through a text takes fifty times as much memory, where it is all escapes."""
_NUMBER = rb"(?:0|[1-9][0-9]{0,17})"
_PADDING = re.compile(rb"[0-9A-Za-z]*")
_REST_OF_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


class FrameTemplate:
    """A frame of JSON with a hole where one of its texts was.

    A frame that begins with ``before``, has the inside of a JSON text in the hole, and goes on with
    ``behind``, is the same JSON value but for that text: a parser would see the same bytes up to
    the hole, then a text, and then the same bytes again (RFC 8259, section 7). A second hole may be
    for what nobody reads there: padding of ASCII letters and digits, or counts.
    """

    __slots__ = ("_ignored", "_middle", "before", "behind")

    def __init__(
        self,
        before: bytes,
        behind: bytes,
        middle: bytes = b"",
        ignored: re.Pattern[bytes] = _PADDING,
    ) -> None:
        """``middle`` is what stands between the text and what is ``ignored``, if anything is."""
        self.before = before
        self.behind = behind
        self._middle = middle
        self._ignored = ignored

    @classmethod
    def of(
        cls,
        frame: bytes,
        key: str,
        text: str,
        padding: str = "",
        counts: Collection[str] = (),
    ) -> FrameTemplate | None:
        """The template of a frame whose only key of this name, at any depth, has this text.

        ``padding`` names the key of a text that may be any, and ``counts`` those of whole numbers
        behind the text that may be any.

        None when that cannot be told for certain from the bytes: there is an escape elsewhere than
        in the text, or the name stands elsewhere too. None for a large frame as well.
        """
        if len(frame) > _LARGEST_EXAMPLE:
            return None
        before, found, rest = _around(frame, key)
        written = _REST_OF_TEXT.match(rest)
        if not found or written is None or texts_of([written[0]]) != [text]:
            return None
        behind = rest[written.end() :]
        if b"\\" in before or b"\\" in behind:  # a name may be written with escapes
            return None
        numbers = sorted(span for name in counts if (span := _number_of(behind, name)))
        if numbers:
            return cls(before, *_around_numbers(behind, numbers))
        if not padding or padding.encode() not in frame:
            return cls(before, behind)
        middle, found, rest = _around(behind, padding)
        padded, quote, end = rest.partition(b'"')
        return cls(before, quote + end, middle) if found and padded.isalnum() else None

    def texts_in(self, pieces: list[bytes]) -> list[str] | None:
        """The texts of frames, of which these pieces stood between ``before`` and ``behind``.

        None when at least one of them needs a parser.
        """
        if not self._middle:
            return texts_of(pieces)
        holes = list[bytes]()
        for piece in pieces:
            hole, found, ignored = piece.partition(self._middle)
            if not found or self._ignored.fullmatch(ignored) is None:
                return None
            holes.append(hole)
        return texts_of(holes)


def _number_of(data: bytes, key: str) -> tuple[int, int] | None:
    """Where the number of the only key of this name stands."""
    name = b'"%s":' % key.encode()
    found = re.search(re.escape(name) + rb" ?(" + _NUMBER + rb")(?=[,}])", data)
    return found.span(1) if found and data.count(name[:-1]) == 1 else None


def _around_numbers(
    data: bytes, numbers: list[tuple[int, int]]
) -> tuple[bytes, bytes, re.Pattern[bytes]]:
    """What stands behind all of these numbers, before the first one, and what is from there on."""
    at, parts = numbers[0][0], list[bytes]()
    for start, end in numbers:
        parts += [re.escape(data[at:start]), _NUMBER]
        at = end
    return data[at:], data[: numbers[0][0]], re.compile(b"".join(parts))


def _around(data: bytes, key: str) -> tuple[bytes, bool, bytes]:
    """What stands before the text of the only key of this name, and from its first character on."""
    name = b'"%s":' % key.encode()
    before, found, rest = data.partition(name)
    if not found or data.count(name[:-1]) != 1:
        return data, False, b""
    space = b" " if rest.startswith(b" ") else b""
    quote = space + b'"'
    if not rest.startswith(quote):
        return data, False, b""
    return before + name + quote, True, rest[len(quote) :]
