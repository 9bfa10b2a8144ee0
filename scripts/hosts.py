"""Writes the entry points of llmgate-compatible into its pyproject.toml, from its hosts.toml.

python scripts/hosts.py            # write them
python scripts/hosts.py --check    # exit with 1 when they are not current
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PLUGIN = Path(__file__).resolve().parent.parent / "plugins" / "llmgate-compatible"
PROJECT = PLUGIN / "pyproject.toml"
MARK = "# What follows is made of hosts.toml"
TAIL = """
[tool.hatch.build.targets.wheel]
packages = ["llmgate_compatible"]

[tool.hatch.build.targets.sdist]
only-include = ["llmgate_compatible"]

[tool.hatch.build.targets.sdist.force-include]
"../../LICENSE" = "LICENSE"
"""


def text() -> str:
    """The whole file: what stands before the mark, and the entry points behind it."""
    rows = tomllib.loads((PLUGIN / "llmgate_compatible" / "hosts.toml").read_text("utf-8"))
    before, mark, _ = PROJECT.read_text("utf-8").partition(MARK)
    remark = "by `python scripts/hosts.py`; a test keeps it current.\n"
    return f"{before}{mark} {remark}\n" + "\n".join(lines(rows)) + "\n" + TAIL


def lines(rows: Mapping[str, Any]) -> Iterator[str]:
    """The three groups, sorted by the names of their points."""
    yield '[project.entry-points."llmgate.providers"]'
    yield from (f"{name} = {target(name)}" for name in sorted(rows))
    yield ""
    yield '[project.entry-points."llmgate.models"]'
    yield from points(rows, "claims")
    yield ""
    yield '[project.entry-points."llmgate.keys"]'
    yield from points(rows, "key")


def points(rows: Mapping[str, Any], column: str) -> Iterator[str]:
    """A point for each text of a column."""
    named = [(text, name) for name, row in rows.items() for text in row.get(column, ())]
    yield from (f'"{text}" = {target(name)}' for text, name in sorted(named))


def target(name: str) -> str:
    """What the points of a row lead to."""
    return f'"llmgate_compatible:{name.replace("-", "_")}"'


def main() -> int:
    """Write the file, or check it."""
    if "--check" in sys.argv[1:]:
        return int(PROJECT.read_text("utf-8") != text())
    PROJECT.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
