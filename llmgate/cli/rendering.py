"""Shows a completion as it comes: as it is, or on a terminal as rendered markdown.

Rendering needs the package rich; without it, the text is shown as it is.
"""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from llmgate.cli.output import is_styled, visible, write

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import Markdown

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
    """Seconds between two drawings: more would cost the terminal more than eyes can see."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow to import
        from rich.live import Live  # noqa: PLC0415 - likewise

        self._console = Console(file=sys.stdout, highlight=False)
        self._new_live = lambda: Live(
            console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop"
        )
        self._live: Live | None = None
        self._tail, self._drawn, self._has_blocks = "", 0.0, False

    def add(self, text: str) -> None:
        """The next piece."""
        self._tail += visible(text)
        settled = settled_length(self._tail)
        if settled:
            block, self._tail = self._tail[:settled], self._tail[settled:]
            self._print(block)
        now = time.monotonic()
        if now - self._drawn >= self._INTERVAL:
            self._drawn = now
            self._draw()

    def end(self) -> None:
        """The end of a completion: what is left of it stays."""
        block, self._tail = self._tail, ""
        self._print(block)
        self._has_blocks = False

    def _draw(self) -> None:
        if self._live is None:
            self._live = self._new_live()
            self._live.start()
        self._live.update(_Growing(self._markdown(self._tail)), refresh=True)

    def _print(self, block: str) -> None:
        """Put a block that is over in the place of what was drawn of it."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if block.strip():
            if self._has_blocks:
                self._console.print()
            self._console.print(self._markdown(block))
            self._has_blocks = True

    def _markdown(self, text: str) -> Markdown:
        """Links are shown with their addresses: a text could name another one."""
        from rich.markdown import Markdown  # noqa: PLC0415 - an extra

        return Markdown(text, code_theme="ansi_dark", hyperlinks=False)


class _Growing:
    """The last lines of a block: as many as fit on the screen."""

    def __init__(self, markdown: Markdown) -> None:
        self._markdown = markdown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment  # noqa: PLC0415 - an extra

        lines = console.render_lines(self._markdown, options, pad=False)
        for line in lines[-max(console.height - 2, 1) :]:
            yield from line
            yield Segment.line()


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
