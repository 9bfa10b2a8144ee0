"""Finds texts in texts, and changes a body that is cut into pieces. It knows no secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from operator import eq
from typing import NamedTuple

__all__ = ["Edit", "cut_again", "spans_of"]

_LONG_BEGINNING = 16
"""So many characters of a secret are taken for it, such as where a text was cut off."""


class Edit(NamedTuple):
    """Bytes that take the place of others."""

    begin: int
    end: int
    data: bytes


def spans_of(text: str, secrets: Iterable[str]) -> list[tuple[int, int]]:
    """Where secrets, or long beginnings of them, stand; in order, and apart from each other."""
    found: list[tuple[int, int]] = []
    for secret in secrets:
        beginning, start = secret[:_LONG_BEGINNING], 0
        while (place := text.find(beginning, start)) >= 0:
            window = text[place : place + len(secret)]
            start = place + sum(takewhile(bool, map(eq, window, secret)))
            found.append((place, start))
    return _joined(sorted(found))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def cut_again(pieces: Sequence[bytes], edits: Sequence[Edit]) -> list[bytes]:
    """As many pieces, after edits of the whole. A boundary within an edit moves to its end."""
    if not edits:
        return [*pieces]
    whole, made, position, offset = b"".join(pieces), list[bytes](), 0, 0
    waiting = iter([*edits, Edit(len(whole) + 1, len(whole) + 1, b"")])
    edit = next(waiting)
    for piece in pieces:
        offset += len(piece)
        parts = list[bytes]()
        while edit.begin < offset:
            parts += (whole[position : edit.begin], edit.data)
            position, edit = edit.end, next(waiting)
        parts.append(whole[position:offset])
        position = max(position, offset)
        made.append(b"".join(parts))
    return made
