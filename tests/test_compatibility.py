"""The compatibility table in the documentation is what the providers declare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_table_is_current() -> None:
    """docs/compatibility.md says what the installed providers say of themselves."""
    script = ROOT / "scripts" / "compatibility.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False)
    assert 0 == done.returncode, "run: python scripts/compatibility.py"
