"""The README: its examples run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.splitlines()[0])
def test_examples_run(code: str) -> None:
    """In a process of their own."""
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
    assert ("chat fake-1" in done.stdout.decode()) == ("ConsoleSpanExporter" in code)
