"""Runs the programs of a page, and compares what they print with what the page shows.

A program is a block fenced as ``python``; the block fenced as ``text`` behind it, or behind the
last of several that do the same, is what it prints. ``…`` stands for any text within a line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ROOT", "check_page", "pattern_of", "programs_of", "run_programs"]

ROOT = Path(__file__).parents[1]
GROUP = re.compile(
    r"((?:^```python\n(?:(?!^```)[^\n]*\n)*^```$\s*)+)^```text\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNER = """
import contextlib, io, json, sys
printed = []
for name, code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    printed.append(output.getvalue())
json.dump(printed, sys.stdout)
"""


def programs_of(page: str) -> list[tuple[str, str]]:
    """The programs of ``docs/<page>.md`` and what each of them prints, in order."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return [(code, found[2]) for found in GROUP.finditer(text) for code in CODE.findall(found[1])]


def run_programs(
    programs: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> list[str]:
    """What each prints, all in one process far from the checkout, with every warning an error."""
    given = [(f"program {number}", code) for number, code in enumerate(programs, 1)]
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", RUNNER],
        input=json.dumps(given),
        capture_output=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        timeout=120,
        check=False,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


def pattern_of(shown: str) -> str:
    """The regular expression for what a page shows."""
    return re.escape(shown).replace("…", ".*")


def check_page(
    page: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    which: slice = slice(None),
) -> int:
    """Run the programs of a page, or some of them, and return how many they are.

    Raises:
        AssertionError: when one prints something else.
    """
    programs = programs_of(page)[which]
    printed = run_programs([code for code, _ in programs], folder, environment)
    for (code, shown), said in zip(programs, printed, strict=True):
        assert re.fullmatch(pattern_of(shown), said), f"{code}\n{said}"
    return len(programs)
