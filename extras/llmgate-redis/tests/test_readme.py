"""The examples of the README and of docs/fleets.md, with a server of the tests' own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("extras/llmgate-redis/README.md", "docs/fleets.md")
TEXT = "\n".join(ROOT.joinpath(page).read_text("utf-8") for page in PAGES)
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_run(shared: Any, code: str) -> None:
    """In a process of their own."""
    assert "redis://127.0.0.1:6379" in code
    own = code.replace("redis://127.0.0.1:6379", shared.url)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", own], check=True, timeout=60, capture_output=True
    )
    expected = {"limits.aclose": b"Hello.\n", "cache.aclose": b"miss\nhit\n"}
    assert b"" == done.stderr
    assert {done.stdout} <= {*expected.values(), b""}
    assert [done.stdout] == [text for name, text in expected.items() if name in code] or [b""]
