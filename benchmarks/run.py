"""Measures everybody side by side, prints one table with ratios, and keeps the figures.

    make bench      or: .venv/bin/python -m benchmarks.run [--only llmgate,tuned] [--case stream]

A whole run writes benchmarks/results.json, docs/performance.svg, and the tables of
docs/performance.md; a part of it only prints.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from benchmarks.budgets import limits, needed
from benchmarks.cases import CASES
from benchmarks.count import has_valgrind
from benchmarks.figures import Figures, measured
from benchmarks.peers import PEERS
from benchmarks.picture import picture
from benchmarks.report import figure_rows, limit_rows, markdown, placed, table, upstream_line
from benchmarks.rounds import TIMED_CASES
from benchmarks.statics import versions
from benchmarks.upstream import ROOT

__all__ = ["wanted"]

_RESULTS = ROOT / "benchmarks" / "results.json"
_PICTURE = ROOT / "docs" / "performance.svg"
_PAGE = ROOT / "docs" / "performance.md"
_COUNTED = (
    "unary",
    "unary-64",
    "tool",
    "answer",
    "history",
    "tools-10",
    "tools-50",
    "calls-50",
    "schema",
    "hook",
    "logging",
    "pass",
    "fallback",
    "limits",
    "cache",
    "sync",
    "stream",
    "stream-300",
    "stream-padded",
    "stream-spaced",
    "stream-calls",
    "anthropic",
    "anthropic-stream",
    "anthropic-stream-300",
)
# under valgrind a stream of theirs takes half a minute, and a history longer
# they would take minutes, and no limit asks for them
_NOT_OF_PEERS = ("unary-1000", "tool", "stream-calls")
_COUNTED_OF_PEERS = ("unary", "stream-300", "anthropic", "anthropic-stream-300")


def wanted(names: Iterable[str], cases: Collection[str] = ()) -> list[str]:
    """The figures of these clients; of all cases, or of those that are named and nothing else."""
    figures = [figure for name in names for figure in _of(name, cases or CASES)]
    if cases:
        return figures
    singles = ("llmgate", "first-call", "needed")
    figures += [f"import/{name}" for name in singles if "llmgate" in names]
    figures += ["installed/llmgate", "wheel/llmgate"] if "llmgate" in names else []
    known = set(names) | set(singles)
    ours = (figure for figure in needed(limits()) if figure.split("/")[-1] in known)
    return list(dict.fromkeys([*figures, *ours, *_singles(names)]))


def _of(name: str, cases: Collection[str]) -> Iterator[str]:
    peer = PEERS[name]
    for what, all_of_it in (
        ("count", _COUNTED_OF_PEERS if peer.is_peer else _COUNTED),
        ("cpu", TIMED_CASES),
    ):
        for case in all_of_it:
            if peer.is_peer and case in _NOT_OF_PEERS:
                continue
            if case in cases and peer.can(CASES[case]):
                yield f"{what}/{case}/{name}"


def _singles(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield f"first/{name}"
        if "openai" in PEERS[name].dialects:
            yield f"waiting/{name}"
        if name in ("llmgate", "tuned"):
            yield from (f"paused/{name}", f"paused-ahead/{name}", f"growth/{name}")
        if PEERS[name].is_peer:
            yield from (f"import/{name}", f"installed/{name}")


def _keep(figures: Figures, names: Collection[str], took: float) -> None:
    shown = versions(names)
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "minutes": round(took / 60, 1),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": shown,
        "figures": {name: round(figures[name], 4) for name in sorted(figures)},
    }
    _RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _PICTURE.write_text(picture(figures, shown), encoding="utf-8")
    versions_line = ", ".join(f"{name} {version}" for name, version in shown.items())
    page = _PAGE.read_text(encoding="utf-8")
    for name, text in {
        "figures": markdown(figure_rows(figures, list(names))),
        "limits": markdown(limit_rows(limits(), figures)),
        "upstream": upstream_line(figures),
        "versions": f"Python {found['python']}, {found['machine']}; {versions_line}.",
    }.items():
        page = placed(page, name, text)
    _PAGE.write_text(page, encoding="utf-8")


def main() -> None:
    """Measure, print, and keep what was measured if it is the whole."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default=",".join(PEERS), help="clients, of " + ", ".join(PEERS))
    options.add_argument("--case", default="", help="loads, of " + ", ".join(CASES))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--jobs", type=int, default=2, help="counts made at once")
    chosen = options.parse_args()
    names = [name for name in chosen.only.split(",") if Path(PEERS[name].python).exists()]
    missing = [name for name in chosen.only.split(",") if name not in names]
    if missing:
        print("not installed, and left out:", ", ".join(missing), "(see make bench-setup)")
    if not has_valgrind():
        print("valgrind is not here: no instructions are counted")
    began = time.monotonic()
    cases = chosen.case.split(",") if chosen.case else ()
    asked = wanted(names, cases)
    figures = measured(asked, chosen.rounds, chosen.jobs)
    print(table(figure_rows(figures, names)))
    print("\n" + upstream_line(figures))
    if not cases:
        print("\n" + table(limit_rows(limits(), figures)))
    if lost := [name for name in asked if name not in figures]:
        print("\ncould not be measured:", ", ".join(lost))
    if names == list(PEERS) and not cases and not any(name.endswith("/llmgate") for name in lost):
        _keep(figures, names, time.monotonic() - began)


if __name__ == "__main__":
    main()
