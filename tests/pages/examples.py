"""The examples of the manual's pages, as texts; it runs none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["DOCS", "Example", "examples_of"]

DOCS = Path(__file__).parents[2] / "docs"
_EXAMPLE = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Example(NamedTuple):
    """A program, and what it prints; ``…`` stands for any text within a line."""

    code: str
    output: str


def examples_of(page: str) -> list[Example]:
    """Those of a page of the manual, in order."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return [Example(found["code"], found["output"] or "") for found in _EXAMPLE.finditer(text)]
