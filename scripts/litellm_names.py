"""Writes the table of names in llmgate-litellm's README, from the module itself.

python scripts/litellm_names.py            # write it
python scripts/litellm_names.py --check    # exit with 1 when it is not current
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import llmgate_litellm

PAGE = Path(__file__).resolve().parent.parent / "extras" / "llmgate-litellm" / "README.md"
BETWEEN = re.compile(r"(<!-- names -->\n).*(<!-- end of names -->)", re.DOTALL)


def rows() -> Iterable[tuple[str, list[str]]]:
    """Kinds of names, and the names."""
    public = {name: getattr(llmgate_litellm, name) for name in llmgate_litellm.__all__}
    classes = {name for name, value in public.items() if inspect.isclass(value)}
    errors = {name for name in classes if issubclass(public[name], BaseException)}
    functions = {name for name, value in public.items() if inspect.isfunction(value)}
    yield "calls and questions", sorted(functions)
    yield "classes", sorted(classes - errors)
    yield "exceptions", sorted(errors)
    yield "raise `NotImplementedError`", sorted(llmgate_litellm.LACKING)


def table() -> str:
    """The names as a table of Markdown."""
    lines = ["| what | names |", "|---|---|"]
    for kind, names in rows():
        lines.append(f"| {kind} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the table, or compare it."""
    before = PAGE.read_text("utf-8")
    now = BETWEEN.sub(lambda match: match[1] + table() + match[2], before)
    if "--check" in sys.argv[1:]:
        return int(now != before)
    PAGE.write_text(now, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
