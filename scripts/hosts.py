"""Writes what is made of llmgate-compatible's hosts.toml: the entry points in its pyproject.toml,
and the page that has an example of each host.

python scripts/hosts.py            # write both
python scripts/hosts.py --check    # exit with 1 when they are not current
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PLUGIN = Path(__file__).resolve().parent.parent / "plugins" / "llmgate-compatible"
PROJECT = PLUGIN / "pyproject.toml"
PAGE = PLUGIN.parent.parent / "docs" / "each-host.md"
HEAD = """\
# Each host of OpenAI's format

Made from the rows of `llmgate-compatible` by `python scripts/hosts.py`; a test keeps it current.
Each host is called by its name before the slash, and `llmgate models -p NAME` lists its models
where it can. Other providers have a page of their own, such as [OpenAI](providers/openai.md). What
a row may say is on the page on [adding a host](hosts.md).
"""
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


def page() -> str:
    """The page: a section for each host, with what it needs, what it has, and an example."""
    rows = tomllib.loads((PLUGIN / "llmgate_compatible" / "hosts.toml").read_text("utf-8"))
    return HEAD + "".join(section(name, rows[name]) for name in sorted(rows))


def section(name: str, row: Mapping[str, Any]) -> str:
    """What there is to know of one host."""
    paths = row.get("paths", ["models"])
    has = [what for path, what in _PATHS.items() if path in paths]
    if row.get("chat_path") != "":
        has.insert(0, "chat")
    about = [
        f"- [documentation]({row['docs']})" if "docs" in row else "",
        f"- key: {_variables(row.get('key', ()))}{', none needed' if row.get('keyless') else ''}",
        f"- address: {_address(row)}",
        *(f"- setting `{each}`: {_variables(names)}" for each, names in _settings(row)),
        f"- {', '.join(has)}",
    ]
    listed = "\n".join(each for each in about if each)
    return f"\n## {row['title']}\n\n{listed}\n\n```python\n{example(name, row)}\n```\n"


_PATHS = {
    "embeddings": "embeddings",
    "rerank": "rerankings",
    "models": "list of models",
    "tokens": "count of tokens",
}


def _settings(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [*row.get("settings", {}).items()]


def _variables(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names) or "none"


def _address(row: Mapping[str, Any]) -> str:
    own, others = row["base_url"], row.get("address", ())
    shown = "to be given" if own.startswith("/") else f"`{own}`"
    return f"{shown}; {_variables(others)} names another" if others else shown


def example(name: str, row: Mapping[str, Any]) -> str:
    """A call that can be copied."""
    if row.get("chat_path") == "":
        return (
            "import llmgate\n\n"
            f'found = llmgate.rerank("{name}/MODEL", "Who made Ruby?", texts, top_n=3)\n'
            f'vectors = llmgate.embedding("{name}/MODEL", texts, input_type="document").vectors'
        )
    return (
        "import llmgate\n\n"
        f'answer = llmgate.completion("{name}/MODEL", [{{"role": "user", "content": "Hi"}}])\n'
        "print(answer.text)"
    )


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
        is_current = PROJECT.read_text("utf-8") == text() and PAGE.read_text("utf-8") == page()
        return int(not is_current)
    PROJECT.write_text(text(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
