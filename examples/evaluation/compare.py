"""Two models side by side: what each says to the same questions, how often it is right, its tokens.

python examples/evaluation/compare.py openai/gpt-5-mini anthropic/claude-haiku-4-5
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from llmgate import Usage, abatch

CASES = Path(__file__).with_name("cases.jsonl")
WIDTH = 24


class Case(NamedTuple):
    """A question, and the word that an answer must contain."""

    question: str
    expected: str


class Result(NamedTuple):
    """What one model said to one question; the error, where it said nothing."""

    text: str
    is_right: bool
    usage: Usage


async def results_of(model: str, cases: list[Case]) -> list[Result]:
    """What a model says to every question, in their order."""
    results = list[Result]()
    questions = [case.question for case in cases]
    async for record in abatch(questions, model=model, ordered=True, timeout=120):
        text = record.text or str(record.error)
        expected = rf"\b{re.escape(cases[record.index].expected)}\b"
        is_right = record.error is None and re.search(expected, text) is not None
        usage = record.completion.usage if record.completion else None
        results.append(Result(text, is_right, usage or Usage()))
    return results


def row(*cells: str) -> str:
    """Cells side by side, each cut to one line."""
    return "  ".join(" ".join(cell.split())[:WIDTH].ljust(WIDTH) for cell in cells).rstrip()


async def main(models: list[str]) -> None:
    """Ask all models at once, and print a table."""
    lines = CASES.read_text("utf-8").splitlines()
    cases = [Case(**json.loads(line)) for line in lines]
    columns = await asyncio.gather(*(results_of(model, cases) for model in models))
    print(row("question", *models))
    for number, case in enumerate(cases):
        answers = [column[number] for column in columns]
        said = (f"{'+' if each.is_right else '-'} {each.text}" for each in answers)
        print(row(case.question, *said))
    print(
        row("right", *(f"{sum(r.is_right for r in column)} of {len(cases)}" for column in columns))
    )
    tokens = (sum(r.usage.total_tokens for r in column) for column in columns)
    print(row("tokens", *map(str, tokens)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
