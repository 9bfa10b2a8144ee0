"""The rows that are shipped: of the table, only the one that is asked for is read.

The names are repeated as entry points, so that nothing of this is needed to know them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from llmgate_compatible.columns import row_of
from llmgate_compatible.rows import Row

__all__ = ["TABLE", "shipped_row"]

TABLE = Path(__file__).with_name("hosts.toml")


@cache
def shipped_row(name: str) -> Row | None:
    """The row of that name; None where there is none."""
    text = TABLE.read_text(encoding="utf-8")
    start = text.find(f"\n[{name}]\n") + 1
    if not start:
        return None
    end = text.find("\n[", start)
    return row_of(name, tomllib.loads(text[start : end if end > 0 else None])[name])
