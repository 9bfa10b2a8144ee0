"""``llmgate models``: the models that a provider lists, or those of all that have a key."""

from __future__ import annotations

import argparse
import asyncio

from llmgate import Model, ModelList, alist_models
from llmgate.cli.arguments import UsageError, add_connection, connection_of
from llmgate.cli.configuration import configured
from llmgate.cli.output import note, print_table, write
from llmgate.errors import excerpt

__all__ = ["add_arguments", "run"]

_HEADINGS = ("model", "context", "output")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("-p", "--provider", metavar="NAME", help="the same as PROVIDER")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one model a line, and on standard error what kept a provider from listing its own.

    Raises:
        LLMGateError: where the only provider that was asked could not.
    """
    provider, options = arguments.name or arguments.provider, connection_of(arguments)
    if provider is None and (arguments.base_url or arguments.key_env):
        raise UsageError("--base-url and --key-env are for one provider: name it")
    configured()
    found: ModelList = asyncio.run(alist_models(provider, **options))
    if arguments.json:
        for model in found:
            write(model.model_dump_json(exclude_none=True) + "\n")
    elif found:
        print_table([_HEADINGS, *map(_row, found)])
    for name, error in found.errors.items():
        note(f"{name}: {excerpt(str(error))}")
    return 1 if found.errors else 0


def _row(model: Model) -> tuple[str, str, str]:
    return excerpt(model.name), _tokens(model.context_window), _tokens(model.max_output)


def _tokens(limit: int | None) -> str:
    return "-" if limit is None else str(limit)
