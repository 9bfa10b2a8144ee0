"""``llmgate batch``: the calls of a file, their records in another one, and how far it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from llmgate.batch_files import batch_file
from llmgate.cli.arguments import add_call, add_connection, add_model, options_of
from llmgate.cli.configuration import configured
from llmgate.cli.progress import Progress
from llmgate.errors import InvalidRequestError

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
    given = configuration.model if arguments.model is None else arguments.model
    model = None if given is None else configuration.model_of(given)
    progress = Progress(sys.stderr)
    try:
        asyncio.run(_run(arguments, model, options, progress))
    except BaseException:
        if progress.done:
            progress.end()
        raise
    progress.end()
    return 1 if progress.failed else 0


async def _run(
    arguments: argparse.Namespace, model: str | None, options: dict[str, Any], progress: Progress
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
