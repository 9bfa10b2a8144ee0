"""Frames that differ from an earlier one in nothing but one text: that text, without parsing.

Nearly every event of a stream is such a frame. What is not certain is left to a parser.
"""

from __future__ import annotations

__all__ = ["FrameTemplate"]


class FrameTemplate:
    """A frame of JSON with a hole where one of its texts was.

    A frame that begins and ends as this one does, and has neither quotes, backslashes nor control
    characters between, is the same JSON value but for that text: up to the hole a parser has seen
    the very same bytes, what follows cannot end the text before the quote that did so in the first
    frame, and the rest is the same bytes again (RFC 8259, section 7).
    """

    __slots__ = ("_before", "_behind", "_ends", "_starts")

    def __init__(self, before: bytes, behind: bytes) -> None:
        self._before = before
        self._behind = behind
        self._starts = len(before)
        self._ends = len(behind)

    @classmethod
    def of(cls, frame: bytes, key: str, text: str) -> FrameTemplate | None:
        """The template of a frame whose only key of this name, at any depth, has this text.

        None when that cannot be told for certain from the bytes: the frame has an escape, or the
        name stands elsewhere too.
        """
        name = b'"%s":' % key.encode()
        if b"\\" in frame or frame.count(name[:-1]) != 1 or not text.isprintable():
            return None
        before, found, rest = frame.partition(name)
        space = b" " if rest.startswith(b" ") else b""
        written = b'%s"%s"' % (space, text.encode())
        if not found or not rest.startswith(written):
            return None
        return cls(before + name + space + b'"', b'"' + rest[len(written) :])

    def text_in(self, frame: bytes) -> str | None:
        """The text in the hole; None when the frame is another, or needs a parser."""
        if not (frame.startswith(self._before) and frame.endswith(self._behind)):
            return None
        between = frame[self._starts : len(frame) - self._ends]
        if b'"' in between or b"\\" in between or len(frame) < self._starts + self._ends:
            return None
        try:
            text = between.decode()
        except UnicodeDecodeError:
            return None
        return text if text.isprintable() else None  # control characters are no JSON
