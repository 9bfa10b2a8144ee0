"""The README: its examples run, and its table is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", FOLDER.joinpath("README.md").read_text("utf-8"), re.S)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.splitlines()[0])
def test_examples_run(code: str) -> None:
    """In a process of their own."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_table_is_current() -> None:
    """It is made by a script."""
    script = FOLDER.parents[1] / "scripts" / "litellm_names.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False, timeout=60)
    assert done.returncode == 0, "run: python scripts/litellm_names.py"
