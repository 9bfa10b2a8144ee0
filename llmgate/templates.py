"""Frames that differ from an earlier one in nothing but one text: that text, without parsing.

Nearly every event of a stream is such a frame. What is not certain is left to a parser.
"""

from __future__ import annotations

__all__ = ["FrameTemplate"]


class FrameTemplate:
    """A frame of JSON with a hole where one of its texts was.

    A frame that begins as this one does, has neither backslashes nor control characters in the
    hole, and goes on as this one does from the first quote, is the same JSON value but for that
    text: a parser would see the same bytes up to the hole, then a text that ends at that quote, and
    then the same bytes again (RFC 8259, section 7). A second hole may be for padding that nobody
    reads, of ASCII letters and digits.
    """

    __slots__ = ("_before", "_behind", "_end", "_starts")

    def __init__(self, before: bytes, behind: bytes, end: bytes | None = None) -> None:
        """``end`` is what stands behind the padding, where there is some."""
        self._before = before
        self._starts = len(before)
        self._behind = behind
        self._end = end

    @classmethod
    def of(cls, frame: bytes, key: str, text: str, padding: str = "") -> FrameTemplate | None:
        """The template of a frame whose only key of this name, at any depth, has this text.

        ``padding`` names the key of a text that may be any.

        None when that cannot be told for certain from the bytes: the frame has an escape, or the
        name stands elsewhere too.
        """
        if b"\\" in frame:
            return None
        before, found, rest = _around(frame, key)
        written = text.encode() + b'"'
        if not found or not rest.startswith(written):
            return None
        behind = rest[len(written) - 1 :]
        if not padding or padding.encode() not in frame:
            return cls(before, behind)
        middle, found, rest = _around(behind, padding)
        padded, quote, end = rest.partition(b'"')
        return cls(before, middle, quote + end) if found and padded.isalnum() else None

    def text_in(self, frame: bytes) -> str | None:
        """The text in the hole; None when the frame is another, or needs a parser."""
        if not frame.startswith(self._before):
            return None
        quote = frame.find(b'"', self._starts)
        if frame[quote:] != self._behind and not self._is_padded(frame, quote):
            return None
        said = frame[self._starts : quote]
        if b"\\" in said:
            return None
        try:
            text = said.decode()
        except UnicodeDecodeError:
            return None
        return text if text.isprintable() else None  # control characters are no JSON

    def _is_padded(self, frame: bytes, quote: int) -> bool:
        if self._end is None or quote < 0 or not frame.startswith(self._behind, quote):
            return False
        starts = quote + len(self._behind)
        return frame.endswith(self._end) and frame[starts : -len(self._end)].isalnum()


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
