"""Figures as text: the table of all clients, and that of the limits. It measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.budgets import Limit
from benchmarks.cases import CASES
from benchmarks.peers import PEERS

__all__ = [
    "figure_rows",
    "limit_rows",
    "markdown",
    "number",
    "placed",
    "table",
    "upstream_line",
]

_SINGLE = {
    "first": "until the first chunk, µs",
    "waiting": "memory of a call that waits, kB",
    "paused": "memory of a stream that waits, kB",
    "paused-ahead": "memory of a stream whose reader waits, kB",
    "growth": "memory growth by 20,000 calls, kB",
    "import": "importing it, CPU ms",
    "modules": "modules that it imports",
    "installed": "installed with all it needs, MB",
}


def number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same for a document."""
    first, *others = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([first, "|---" * len(rows[0]) + "|", *others])


def placed(page: str, name: str, text: str) -> str:
    """A document with the text between the marks of this name, in place of what stood there."""
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not end:
        raise ValueError(f"the document has no marks for {name}")
    return f"{before}{begin}{text}\n{end}{after}"


def figure_rows(figures: Mapping[str, float], names: Sequence[str]) -> list[list[str]]:
    """A row for each load and a column for each client; in brackets, how many times tuned's."""
    rows = [["", *(PEERS[name].title for name in names)]]
    for what, unit, scale in (("count", "thousand instructions", 1e3), ("cpu", "CPU µs", 1.0)):
        for case, described in CASES.items():
            cells = [_cell(figures, f"{what}/{case}", name, scale) for name in names]
            if any(cells):
                rows.append([f"{described.title}, {unit}", *cells])
    for what, title in _SINGLE.items():
        cells = [_cell(figures, what, name, 1.0) for name in names]
        if any(cells):
            rows.append([title, *cells])
    return rows


def _cell(figures: Mapping[str, float], what: str, name: str, scale: float) -> str:
    value, tuned = figures.get(f"{what}/{name}"), figures.get(f"{what}/tuned")
    if value is None:
        return ""
    shown = number(value / scale)
    return f"{shown} ({number(value / tuned)})" if tuned and tuned > 0 else shown


def limit_rows(held: Iterable[Limit], figures: Mapping[str, float]) -> list[list[str]]:
    """A row for each limit."""
    rows = [["", "measured", "limit", ""]]
    for limit in held:
        value = limit.value(figures)
        shown = "not measured" if value is None else _amount(value, limit.unit)
        verdict = "met" if limit.is_met(figures) else "over" if value is not None else "-"
        rows.append([limit.title, shown, _amount(limit.limit, limit.unit), verdict])
    return rows


def upstream_line(figures: Mapping[str, float]) -> str:
    """How much of its core the upstream has used where it used most: far from all, or it is what
    was measured."""
    shares = {name: share for name, share in figures.items() if name.startswith("busy/")}
    if not shares:
        return ""
    most = max(shares, key=lambda name: shares[name])
    _, case, name = most.split("/")
    return (
        f"The upstream's core was busy for {shares[most]:.0%} of the time at most: "
        f"{PEERS[name].title}, {CASES[case].title}."
    )


def _amount(value: float, unit: str) -> str:
    return f"{value:,.3g} {unit}" if abs(value) < 1000 else f"{value:,.0f} {unit}"
