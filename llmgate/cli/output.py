"""What commands write: text that no model can forge a terminal's state with, tables, notes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from textwrap import fill, wrap
from typing import TextIO

__all__ = ["dim", "is_styled", "note", "print_names", "print_table", "visible", "write"]

_VISIBLE = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\t\n\r"
}


def visible(text: str) -> str:
    """The text with control characters as escapes, for a terminal."""
    return text.translate(_VISIBLE)


def write(text: str) -> None:
    """Write at once, whatever the output's encoding. A terminal is given no control characters."""
    output = sys.stdout
    if output.isatty():
        text = visible(text)
    encoding = output.encoding or "utf-8"
    output.write(text.encode(encoding, "backslashreplace").decode(encoding))
    output.flush()


def note(text: str) -> None:
    """Write a line about the command itself, to standard error."""
    print(f"llmgate: {text}", file=sys.stderr)


def is_styled(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows styles, and nobody asked for none.

    Source: no-color.org, for ``NO_COLOR``; ``TERM=dumb`` says that there are no escapes.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def dim(text: str, stream: TextIO) -> str:
    """The text in a weaker style, where the stream has styles."""
    return f"\x1b[2m{text}\x1b[0m" if is_styled(stream) else text


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as their widest cells. On a terminal, the last column is
    wrapped where there is room for some words of it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = sum(widths[:-1]) + 2 * len(widths[:-1])
    room = shutil.get_terminal_size().columns - indent if sys.stdout.isatty() else 0
    for row in rows:
        *cells, last = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines = wrap(last.rstrip(), room) if room >= _LEAST_ROOM else [last]
        begin = "".join(f"{cell}  " for cell in cells)
        write((begin + f"\n{' ' * indent}".join(lines)).rstrip() + "\n")


_LEAST_ROOM = 20


def print_names(title: str, names: Sequence[str]) -> None:
    """Print a list of names, in lines of at most 80 characters."""
    if names:
        write(fill(f"{title}: {', '.join(names)}", 80, subsequent_indent="  ") + "\n")
