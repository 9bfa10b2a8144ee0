"""``llmgate cost``: what the completions of files cost together, or the prices of a model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmgate._core.advice import install
from llmgate._core.registry import Registry
from llmgate._text.json import is_object
from llmgate.cli.arguments import UsageError, add_model, lines_in, piped_text
from llmgate.cli.asking import describe_amount
from llmgate.cli.configuration import configured
from llmgate.cli.output import note, print_table
from llmgate.cost import Cost, Prices, cost_by, cost_of, load_prices, rates_of, total_cost
from llmgate.errors import InvalidRequestError, UnknownProviderError, excerpt
from llmgate.types import Completion, Usage

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", nargs="*", help=argparse.SUPPRESS)
    add_model(parser)
    parser.add_argument(
        "--prompt-tokens", type=int, metavar="N", help="without FILE: show the cost of so many"
    )
    parser.add_argument(
        "--completion-tokens", type=int, metavar="N", help="without FILE: show the cost of so many"
    )
    parser.epilog = (
        "FILE may be - for standard input. With FILE, -m is the model of completions\n"
        "that do not name one; without FILE, it is the model to show prices of."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a table; 1 is returned where no price is known, or not every one.

    Raises:
        InvalidRequestError: for a file that cannot be read, or holds something else.
        UsageError: when there is neither a file nor a model.
    """
    given = arguments.model
    model = None if given is None else configured().model_of(given)
    if arguments.file:
        return _add_up(arguments.file, model)
    if model is None:
        raise UsageError("give files of completions, or a model with -m provider/model")
    return _show_prices(model, arguments.prompt_tokens, arguments.completion_tokens)


# --- prices -------------------------------------------------------------------------------


def _show_prices(model: str, prompt_tokens: int | None, completion_tokens: int | None) -> int:
    target = Registry().target(model)
    rates = rates_of(target.provider, (target.model,), tokens=prompt_tokens or 0)
    if rates is None:
        note(_unknown(f"no price of {model} is known"))
        return 1
    if prompt_tokens is None and completion_tokens is None:
        units = {"requests": "a request", "rerank_searches": "a search"}
        rows = [
            (name, str(price), units.get(name, "a million tokens"))
            for name, price in rates.known().items()
        ]
        print_table([("price", rates.currency, "for"), *rows])
    else:
        usage = Usage(prompt_tokens=prompt_tokens or 0, completion_tokens=completion_tokens or 0)
        cost = cost_by(rates, usage)
        if cost is None:
            note(f"the prices of {model} do not cover that")
            return 1
        print_table([(f"{describe_amount(cost)} {cost.currency}", f"by {cost.source}")])
    return 0


def _unknown(what: str) -> str:
    return what if load_prices() else f"{what}; for public prices: {install('cost')}"


# --- files --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Origin:
    """Of whom a completion is; what is not in its JSON."""

    provider: str
    model: str
    prices: Prices | None = None
    cache: str | None = None


@dataclass(slots=True)
class _Sum:
    """What the completions of one model have together."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    costs: list[Cost | None] = field(default_factory=list[Cost | None])

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many calls, and tokens of prompts and completions."""
        return self.calls, self.prompt_tokens, self.completion_tokens

    def add(self, completion: Completion, cost: Cost | None) -> None:
        """Another one."""
        usage = completion.usage or Usage()
        self.calls += 1
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.costs.append(cost)


def _add_up(files: list[str], model: str | None) -> int:
    sums: dict[str, _Sum] = {}
    for file in files:
        for completion in _completions(file):
            origin = _origin(completion, model)
            name = f"{origin.provider}/{completion.model}".lstrip("/")
            sums.setdefault(name, _Sum()).add(completion, cost_of(completion, origin))
    rows = [
        (excerpt(name), *map(str, each.counts), _amount(each.costs)) for name, each in sums.items()
    ]
    every = [cost for each in sums.values() for cost in each.costs]
    totals = [sum(each) for each in zip(*(each.counts for each in sums.values()), strict=True)]
    rows.append(("in all", *map(str, totals or (0, 0, 0)), _amount(every)))
    print_table([("model", "calls", "prompt", "completion", "cost"), *rows])
    unknown = every.count(None)
    if unknown:
        note(_unknown(f"the cost of {unknown} of {len(every)} completions is not known"))
    return 1 if unknown else 0


def _amount(costs: list[Cost | None]) -> str:
    total = total_cost(costs)
    return "-" if total is None else f"{describe_amount(Decimal(total))} {total.currency}"


def _origin(completion: Completion, model: str | None) -> _Origin:
    try:
        target = Registry().target(model or completion.model)
    except (UnknownProviderError, InvalidRequestError):
        return _Origin("", model or "")
    return _Origin(target.provider, target.model)


def _completions(file: str) -> Iterator[Completion]:
    """The completions of a file: objects of their own, or those of a batch's records."""
    try:
        text = piped_text(sys.stdin) if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"it cannot be read: {error}", path=file) from None
    for number, line in enumerate(lines_in(text), 1):
        if line.strip():
            completion = _completion(line, f"{file}:{number}")
            if completion is not None:
                yield completion


def _completion(line: str, path: str) -> Completion | None:
    """The completion of a line; None for the record of a call that failed."""
    try:
        given: Any = json.loads(line)
    except ValueError:
        given = None
    if is_object(given) and "error" in given and "completion" not in given:
        return None
    found = given.get("completion", given) if is_object(given) else None
    if not (is_object(found) and "choices" in found):
        raise InvalidRequestError("expected the JSON of a completion", path=path)
    return Completion.model_validate(found)
