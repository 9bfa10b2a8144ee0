"""``llmgate batch``: the calls of a file, their records in another one, and how far it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from llmgate.batch_files import batch_file
from llmgate.cli.arguments import add_call, add_connection, add_model, options_of
from llmgate.cli.configuration import configured
from llmgate.errors import InvalidRequestError

if TYPE_CHECKING:
    from llmgate.cost import Cost

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("input", help=argparse.SUPPRESS)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the file for the completions and errors",
    )
    add_model(parser)
    parser.add_argument(
        "--template", metavar="TEXT", help="makes each prompt: 'Translate: {column}'"
    )
    add_call(parser)
    add_connection(parser)
    parser.add_argument(
        "--max-cost", type=float, metavar="X", help="stop when this run has cost this much"
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        default=64,
        metavar="N",
        help="maximum number of calls at once (64)",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run on all nodes of this Ray cluster")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="with --ray: processes (one per node)"
    )
    parser.epilog = "INPUT has one JSON object or text per line, or is a CSV file with a header."


def run(arguments: argparse.Namespace) -> int:
    """Make the calls, and say how far they are on standard error.

    1 is returned where a call failed: running it again makes those again.

    Raises:
        LLMGateError: when a file cannot be read or written, or an argument is wrong.
    """
    options = options_of(arguments)
    configuration = configured()
    given = arguments.model or configuration.model
    model = None if given is None else configuration.model_of(given)
    progress = _Progress(sys.stderr)
    try:
        asyncio.run(_run(arguments, model, options, progress))
    except BaseException:
        if progress.done:
            progress.end()
        raise
    progress.end()
    return 1 if progress.failed else 0


async def _run(
    arguments: argparse.Namespace, model: str | None, options: dict[str, Any], progress: _Progress
) -> None:
    if arguments.ray is not None:
        options |= {"address": arguments.ray, "workers": arguments.workers}
    make_calls: Any = batch_file if arguments.ray is None else _of_package("ray")
    records = make_calls(
        arguments.input,
        arguments.output,
        template=arguments.template,
        system=arguments.system,
        model=model,
        concurrency=arguments.concurrency,
        max_cost=arguments.max_cost,
        **options,
    )
    async for record in records:
        if not progress.done:
            progress.total = await asyncio.to_thread(_rows_in, Path(arguments.input))
        failure = None if record.error is None else f"{record.id}: {record.error}"
        completion = getattr(record, "completion", None)  # of other packages' records, only lines
        cost = None if completion is None else completion.cost
        progress.add(failure, cost, record.index)


def _rows_in(path: Path) -> int:
    """How many calls a file has, about, by its lines; 0 for what cannot be read twice."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(not line.isspace() for line in file)


def _of_package(name: str) -> Any:
    """What makes the calls of a file elsewhere than here, from the package that has it."""
    for point in entry_points(group="llmgate.batch", name=name):
        return point.load()
    reason = f"this needs the package llmgate-{name}, which is not installed"
    raise InvalidRequestError(reason, path=f"--{name}")


class _Progress:
    """One line that is written over on a terminal, and a new one every ten seconds elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._is_terminal = output, output.isatty()
        self._began = self._shown = time.monotonic()
        self.done = self.failed = 0
        self._cost, self._currency = Decimal(0), ""
        self.total = self._reached = 0

    def add(self, failure: str | None, cost: Cost | None = None, index: int = 0) -> None:
        """Another record is there, of the call in this place."""
        self.done += 1
        self._reached = max(self._reached, index + 1)
        if failure is not None:
            self.failed += 1
            if self.failed <= _MOST_FAILURES:
                self._line(f"llmgate: {failure}", over=False)
        if cost is not None:
            self._cost += cost
            self._currency = cost.currency
        now = time.monotonic()
        if now - self._shown >= (0.2 if self._is_terminal else 10):
            self._shown = now
            self._line(self._text(now) + self._left(now), over=True)

    def end(self) -> None:
        """Say how it ended."""
        if self.failed > _MOST_FAILURES:
            more = self.failed - _MOST_FAILURES
            self._line(f"llmgate: {more} more failures are in the output", over=False)
        self._line(self._text(time.monotonic()), over=False)

    def _text(self, now: float) -> str:
        seconds = max(now - self._began, 0.001)
        text = f"{self.done} calls, {self.failed} failed, {self.done / seconds:.1f} a second"
        return f"{text}, {self._cost:.4f} {self._currency}" if self._currency else text

    def _left(self, now: float) -> str:
        """How long the calls take that were not read yet, if they go as those of this run did."""
        calls = self.total - self._reached
        seconds = calls * (now - self._began) / self.done
        return f", about {_span(seconds)} left" if calls > 0 else ""

    def _line(self, text: str, *, over: bool) -> None:
        if self._is_terminal:
            text = f"\r\x1b[K{text}"
        self._output.write(text + ("" if over and self._is_terminal else "\n"))
        self._output.flush()


_MOST_FAILURES = 5


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.0f} h"
