"""Shows a completion as it comes: as it is, or on a terminal as rendered markdown.

Rendering needs the package rich; without it, the text is shown as it is.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmgate.cli.output import is_styled, visible, write

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.segment import Segment

    from llmgate.cli.asking import Shown

__all__ = ["MarkdownPrinter", "PlainPrinter", "printer", "settled_length"]


def printer(*, markdown: bool) -> Shown:
    """What shows completions on standard output.

    Args:
        markdown: Whether they may be rendered, where standard output is a terminal that can.
    """
    if markdown and is_styled(sys.stdout):
        try:
            return MarkdownPrinter()
        except ImportError:
            pass
    return PlainPrinter()


class PlainPrinter:
    """Writes each piece as it comes, and a line end at the end."""

    def __init__(self) -> None:
        self._last = "\n"

    def add(self, text: str) -> None:
        """The next piece."""
        if text:
            write(text)
            self._last = text

    def end(self) -> None:
        """The end of a completion."""
        if not self._last.endswith("\n"):
            write("\n")
        self._last = "\n"


class MarkdownPrinter:
    """Renders markdown: blocks that are over stay, and the block that grows is drawn again and
    again, as far as it fits on the screen.

    Raises:
        ImportError: when rich is not installed.
    """

    _INTERVAL = 0.08
    """Seconds between two drawings while pieces come: eyes see no more of them."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow to import

        self._console = Console(file=sys.stdout, highlight=False)
        self._live: Live | None = None
        self._tail, self._drawn, self._has_blocks = "", 0.0, False

    def add(self, text: str) -> None:
        """The next piece."""
        self._tail += visible(text)
        settled = settled_length(self._tail)
        if settled:
            block, self._tail = self._tail[:settled], self._tail[settled:]
            self._print(block)
        self._draw()

    def end(self) -> None:
        """The end of a completion: what is left of it stays."""
        block, self._tail = self._tail, ""
        self._print(block)
        self._has_blocks = False

    def _draw(self) -> None:
        if self._live is None:
            from rich.live import Live  # noqa: PLC0415 - an extra

            self._live = Live(
                console=self._console,
                refresh_per_second=4,  # for the pieces since the last drawing, where none follows
                transient=True,
                vertical_overflow="crop",
            )
            self._live.start()
        now = time.monotonic()
        is_due = now - self._drawn >= self._INTERVAL
        if is_due:
            self._drawn = now
        self._live.update(_Block(self._tail, grows=True), refresh=is_due)

    def _print(self, block: str) -> None:
        """Put a block that is over in the place of what was drawn of it."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if block.strip():
            if self._has_blocks:
                self._console.print()
            self._console.print(_Block(block))
            self._has_blocks = True


class _Block:
    """A block of markdown without the spaces that would fill each line, and without empty lines
    around it; it is parsed when it is drawn. One that still grows has as many of its last lines as
    fit on the screen."""

    def __init__(self, text: str, *, grows: bool = False) -> None:
        self._text, self._grows = text, grows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.markdown import Markdown  # noqa: PLC0415 - an extra
        from rich.segment import Segment  # noqa: PLC0415 - likewise

        # links are shown with their addresses: a text could name another one
        markdown = Markdown(self._text, code_theme="ansi_dark", hyperlinks=False)
        rendered = console.render_lines(markdown, options, pad=False)
        lines = [_without_spaces_at_end(line) for line in rendered]
        while lines and not lines[-1]:
            lines.pop()
        first = next((number for number, line in enumerate(lines) if line), 0)
        if self._grows:
            first = max(first, len(lines) - max(console.height - 2, 1))
        for line in lines[first:]:
            yield from line
            yield Segment.line()


def _without_spaces_at_end(line: Iterable[Segment]) -> list[Segment]:
    """A line of segments without the spaces at its end, unless they have a background."""
    kept = [*line]
    while kept and not (kept[-1].style and kept[-1].style.bgcolor):
        last = kept.pop()
        if last.text.strip():
            return [*kept, last._replace(text=last.text.rstrip(" "))]
    return kept


_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def settled_length(text: str) -> int:
    """How much of a markdown text nothing that follows can change: up to the last blank line that
    stands between two blocks, neither in a fence nor before an indented line."""
    fence, position, settled, was_blank = "", 0, 0, False
    for line in text.splitlines(keepends=True):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        else:
            if was_blank and line[:1].strip():
                settled = position
            if opened:
                fence = opened[1]
        was_blank = not line.strip()
        position += len(line)
    return settled
