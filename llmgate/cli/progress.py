"""Says how far a batch is: a bar on a terminal where rich is installed, else plain lines."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TextIO

from llmgate.cli.output import is_styled, visible

if TYPE_CHECKING:
    from llmgate.cost import Cost

__all__ = ["Progress"]

_MAX_FAILURES = 5


class Progress:
    """How many calls were made, at what rate, what they cost, and about how long the rest takes.

    Args:
        output: Where that is said.
    """

    def __init__(self, output: TextIO) -> None:
        self._display = _display_on(output)
        self._began = self._shown = time.monotonic()
        self.done = self.failed = 0
        self._costs = dict[str, Decimal]()
        self.total = self._reached = 0

    def add(self, failure: str | None, cost: Cost | None = None, index: int = 0) -> None:
        """Another record is there, of the call in this place."""
        self.done += 1
        self._reached = max(self._reached, index + 1)
        if failure is not None:
            self.failed += 1
            if self.failed <= _MAX_FAILURES:
                self._display.say(f"llmgate: {failure}")
        if cost is not None:
            self._costs[cost.currency] = self._costs.get(cost.currency, Decimal(0)) + cost
        now = time.monotonic()
        if now - self._shown >= self._display.interval:
            self._shown = now
            self._display.show(self._text(now) + self._left(now), self._reached, self.total)

    def end(self) -> None:
        """Say how it ended."""
        if self.failed > _MAX_FAILURES:
            more = self.failed - _MAX_FAILURES
            self._display.say(f"llmgate: {more} more failures are in the output")
        self._display.end(self._text(time.monotonic()))

    def _text(self, now: float) -> str:
        seconds = max(now - self._began, 0.001)
        text = f"{self.done} calls, {self.failed} failed, {self.done / seconds:.1f} a second"
        costs = [f"{amount:.4f} {currency}" for currency, amount in self._costs.items()]
        return ", ".join([text, *costs])

    def _left(self, now: float) -> str:
        """How long the calls take that were not read yet, if they go as those of this run did."""
        calls = self.total - self._reached
        seconds = calls * (now - self._began) / self.done
        return f", about {_span(seconds)} left" if calls > 0 else ""


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.0f} h"


class _Display(Protocol):
    """Where progress is said, and after how many seconds again."""

    interval: float

    def show(self, text: str, done: int, total: int) -> None:
        """How far it is, of so many; 0 where that is not known."""
        ...

    def say(self, text: str) -> None:
        """A line that stays."""
        ...

    def end(self, text: str) -> None:
        """The last line."""
        ...


def _display_on(output: TextIO) -> _Display:
    if is_styled(output):
        try:
            return _Bar(output)
        except ImportError:
            pass
    return _Lines(output)


class _Lines:
    """One line that is written over on a terminal, and a new one every ten seconds elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._is_terminal = output, output.isatty()
        self.interval = 0.2 if self._is_terminal else 10.0

    def show(self, text: str, done: int, total: int) -> None:  # noqa: ARG002 - as for every display
        self._write(text, "" if self._is_terminal else "\n")

    def say(self, text: str) -> None:
        self._write(text, "\n")

    def end(self, text: str) -> None:
        self.say(text)

    def _write(self, text: str, end: str) -> None:
        if self._is_terminal:
            text = f"\r\x1b[K{visible(text)}"
        self._output.write(text + end)
        self._output.flush()


class _Bar:
    """A bar below the lines that stay, drawn by rich.

    Raises:
        ImportError: when rich is not installed.
    """

    interval = 0.2

    def __init__(self, output: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - an extra, and slow to import
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415 - likewise
        from rich.progress import Progress as Bars  # noqa: PLC0415 - likewise

        text = TextColumn("{task.description}", markup=False)
        console = Console(file=output, highlight=False, markup=False, emoji=False)
        self._bars = Bars(BarColumn(), text, console=console, auto_refresh=False, transient=True)
        self._bar = self._bars.add_task("", total=None)

    def show(self, text: str, done: int, total: int) -> None:
        if not self._bars.live.is_started:
            self._bars.start()
            self._bars.console.show_cursor(True)  # also where the process is killed
        self._bars.update(
            self._bar, description=text, completed=done, total=total or None, refresh=True
        )

    def say(self, text: str) -> None:
        self._bars.console.print(visible(text), soft_wrap=True)

    def end(self, text: str) -> None:
        self._bars.stop()
        self.say(text)
