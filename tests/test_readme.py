"""The README's examples, each run as it stands, on the model that is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TITLES = ["a call", "a stream", "tools", "structured output", "errors, limits and the report"]
EXPECTED = {
    "a call": r"\S[\s\S]*\nUsage\(prompt_tokens=\d+, completion_tokens=\d+, total_tokens=\d+",
    "a stream": r"\S[\s\S]*\n Usage\(",
    "tools": r"weather \{'city': '[^']*'\}\n\S",
    "structured output": r"name='[^']*' capital='[^']*'\n$",
    # the limit may pass while the provider is still being imported, and then it has not been asked
    "errors, limits and the report": (
        r"total .*provider local, model (?:local/)?smollm2\)\n"
        r"2 attempts: cannot connect to .*\n"
        r"user dropped: local has no such parameter\n"
        r"user is not supported\n$"
    ),
}


def run(code: str, directory: Path) -> str:
    """What a program prints, far from the checkout, with every warning an error."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=directory,
        timeout=300,
        check=False,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_there_are_five_examples() -> None:
    """One for each thing that a newcomer wants to see."""
    assert len(TITLES) == len(EXAMPLES)


@pytest.mark.parametrize(("title", "code"), [*zip(TITLES, EXAMPLES, strict=False)], ids=TITLES)
def test_an_example_does_what_it_says(title: str, code: str, tmp_path: Path) -> None:
    """It runs alone, in a process of its own, and prints what the text around it promises."""
    assert re.match(EXPECTED[title], run(code, tmp_path))


def test_the_commands_are_those_of_the_makefile() -> None:
    """The README opens with two commands, and all that it names are there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert ["demo", "test"] == commands[:2]
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)


def test_the_demonstration_runs(tmp_path: Path) -> None:
    """A streamed answer, a function call that the report calls emulated, and the usage."""
    demo = (ROOT / "examples" / "demo.py").read_text(encoding="utf-8")
    shorter, changes = re.subn(r"^LONGEST_ANSWER = \d+", "LONGEST_ANSWER = 8", demo, flags=re.M)
    assert 1 == changes
    printed = run(shorter, tmp_path)
    assert re.search(r"the model calls +weather\(\{'city': ", printed)
    assert re.search(r"the report says +tools emulated: ", printed)
    assert re.search(r"answer +\d+ tokens in the prompt, +8 in the answer", printed)
