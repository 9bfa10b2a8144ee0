"""The manual's pages for users: each example is a whole program, and prints what the page shows.

The examples name real providers, whose part a mock server on this machine plays; the reader sees
the example alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import NamedTuple

import pytest

from llmgate.testing import server
from tests.pages.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
RUNNER = ROOT / "tests" / "pages" / "run_examples.py"
EXAMPLE = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
MOST_LINES = 150
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "COHERE_API_KEY")


class Example(NamedTuple):
    """A program, and what it prints; ``…`` stands for any text within a line."""

    code: str
    output: str


def examples_of(page: str) -> list[Example]:
    """Those of a page of the manual, in order."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return [Example(found["code"], found["output"] or "") for found in EXAMPLE.finditer(text)]


def put_files(folder: Path) -> None:
    """The files that examples read: what they hold is that of their type, and little of it."""
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7\n")
    with wave.open(str(folder / "question.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(160))


def run(page: str, examples: list[Example], folder: Path) -> list[str]:
    """What each program prints, far from the checkout, with every warning an error."""
    put_files(folder)
    given = [(f"{page}.md[{number}]", each.code) for number, each in enumerate(examples, 1)]
    with server(SCRIPTS[page]) as mock:
        done = subprocess.run(
            [sys.executable, "-I", "-W", "error", RUNNER],
            input=json.dumps(given),
            capture_output=True,
            cwd=folder,
            env={**os.environ, **dict.fromkeys(KEYS, "none"), "MOCK_SERVER": mock.url},
            timeout=60,
            check=False,
            text=True,
        )
    assert 0 == done.returncode, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("page", SCRIPTS)
def test_examples_print_what_the_page_shows(page: str, tmp_path: Path) -> None:
    """To the letter, where the page does not leave something out; and nothing that it hides."""
    examples = examples_of(page)
    assert examples
    for example, printed in zip(examples, run(page, examples, tmp_path), strict=True):
        pattern = re.escape(example.output).replace("…", ".*")
        if "local/" in example.code:  # what a model makes of it depends on the processor
            pattern = r"\S[\s\S]*\n"
        assert re.fullmatch(pattern, printed), f"{example.code}\n{printed}"


@pytest.mark.parametrize("page", SCRIPTS)
def test_a_page_is_short(page: str) -> None:
    """It is one task's: what is longer is two pages."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
