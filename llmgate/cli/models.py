"""``llmgate models``: the models that a provider lists, or those of all that have a key."""

from __future__ import annotations

import asyncio
import sys

from llmgate import Model, ModelList, alist_models
from llmgate.cli.providers import print_table
from llmgate.errors import excerpt

__all__ = ["run"]

_HEADINGS = ("model", "context", "output")


def run(provider: str | None, *, as_json: bool) -> int:
    """Print one model a line, and on standard error what kept a provider from listing its own."""
    found: ModelList = asyncio.run(alist_models(provider))
    if as_json:
        for model in found:
            print(model.model_dump_json(exclude_none=True))
    elif found:
        print_table([_HEADINGS, *map(_row, found)])
    for name, error in found.errors.items():
        print(f"llmgate: {name}: {excerpt(str(error))}", file=sys.stderr)
    return 1 if found.errors else 0


def _row(model: Model) -> tuple[str, str, str]:
    return excerpt(model.name), _tokens(model.context_window), _tokens(model.max_output)


def _tokens(limit: int | None) -> str:
    return "-" if limit is None else str(limit)
