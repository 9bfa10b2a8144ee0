"""``llmgate batch``: the calls of a file, their records in another one, and how far it is."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from llmgate.batch_files import batch_file
from llmgate.errors import InvalidRequestError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("input", help="JSON objects or texts, one a line, or a CSV file")
    parser.add_argument("-o", "--output", required=True, help="where the records are written")
    parser.add_argument("-m", "--model", help="provider/model, for calls that name none")
    parser.add_argument("--template", help="makes each prompt, as in 'Translate: {text}'")
    parser.add_argument("--system", help="instructions that come before each prompt")
    parser.add_argument("--schema", help="a file with the JSON schema of each completion")
    parser.add_argument("--max-cost", type=float, help="what this run may cost at most")
    parser.add_argument("--concurrency", type=int, default=64, help="the most calls at once (64)")
    parser.add_argument(
        *("-p", "--param"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of each call, as in temperature=0; JSON or text",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the calls, and say how far they are on standard error.

    1 is returned where a call failed: running it again makes those again.

    Raises:
        LLMGateError: when a file cannot be read or written, or an argument is wrong.
    """
    options = dict(_parameter(text) for text in arguments.param)
    if arguments.schema is not None:
        options["response_format"] = _schema(Path(arguments.schema))
    progress = _Progress(sys.stderr)
    try:
        asyncio.run(_run(arguments, options, progress))
    finally:
        progress.end()
    return 1 if progress.failed else 0


async def _run(arguments: argparse.Namespace, options: dict[str, Any], progress: _Progress) -> None:
    records = batch_file(
        arguments.input,
        arguments.output,
        template=arguments.template,
        system=arguments.system,
        model=arguments.model,
        concurrency=arguments.concurrency,
        max_cost=arguments.max_cost,
        **options,
    )
    async for record in records:
        progress.add(None if record.error is None else f"{record.id}: {record.error}")


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InvalidRequestError(f"expected NAME=VALUE, got {text!r}", path="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        failure = InvalidRequestError(str(error), path="--schema")
    else:
        form = {"name": path.stem, "schema": schema, "strict": True}
        return {"type": "json_schema", "json_schema": form}
    raise failure


class _Progress:
    """One line that is written over on a terminal, and a new one every ten seconds elsewhere."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._is_terminal = output, output.isatty()
        self._began = self._shown = time.monotonic()
        self.done = self.failed = 0

    def add(self, failure: str | None) -> None:
        """Another record is there."""
        self.done += 1
        if failure is not None:
            self.failed += 1
            if self.failed <= _MOST_FAILURES:
                self._line(f"llmgate: {failure}", over=False)
        now = time.monotonic()
        if now - self._shown >= (0.2 if self._is_terminal else 10):
            self._shown = now
            self._line(self._text(now), over=True)

    def end(self) -> None:
        """Say how it ended."""
        if self.failed > _MOST_FAILURES:
            more = self.failed - _MOST_FAILURES
            self._line(f"llmgate: {more} more failures are in the output", over=False)
        self._line(self._text(time.monotonic()), over=False)

    def _text(self, now: float) -> str:
        seconds = max(now - self._began, 0.001)
        return f"{self.done} calls, {self.failed} failed, {self.done / seconds:.1f} a second"

    def _line(self, text: str, *, over: bool) -> None:
        if self._is_terminal:
            text = f"\r\x1b[K{text}"
        self._output.write(text + ("" if over and self._is_terminal else "\n"))
        self._output.flush()


_MOST_FAILURES = 5
