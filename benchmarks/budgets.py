"""Limits as data: reads budgets.toml and holds figures against it; it measures nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import PEERS

__all__ = ["Limit", "limits", "needed", "parsed", "without_counts"]

_TIMED = ("cpu/", "first/", "import/")
_FILE = Path(__file__).with_name("budgets.toml")


class Limit(NamedTuple):
    """What a figure may be at most: by itself, divided by another one, or less another one."""

    figure: str
    limit: float
    over: str | None = None
    beyond: str | None = None
    unit: str = "times"
    known: float | None = None
    """What it has come to where the limit is not reached; docs/performance.md says why."""

    @property
    def figures(self) -> tuple[str, ...]:
        """All that it needs."""
        return tuple(name for name in (self.figure, self.over, self.beyond) if name)

    @property
    def title(self) -> str:
        """What is held against the limit, in figures' names."""
        if self.over:
            return f"{self.figure} over {self.over}"
        return f"{self.figure} beyond {self.beyond}" if self.beyond else self.figure

    @property
    def has_peer(self) -> bool:
        """Whether somebody else's SDK has to be measured for it."""
        names = (figure.split("/")[-1] for figure in self.figures)
        return any(name in PEERS and PEERS[name].is_peer for name in names)

    @property
    def is_timed(self) -> bool:
        """Whether it depends on how busy the machine is."""
        return any(name.startswith(_TIMED) for name in self.figures)

    def value(self, figures: Mapping[str, float]) -> float | None:
        """What is held against the limit; None where a figure is missing."""
        if any(name not in figures for name in self.figures):
            return None
        value = figures[self.figure]
        if self.over:
            return value / figures[self.over]
        return value - figures[self.beyond] if self.beyond else value

    def is_met(self, figures: Mapping[str, float]) -> bool:
        """Whether the figures are there, and within the limit."""
        value = self.value(figures)
        return value is not None and value <= self.limit

    def is_kept(self, figures: Mapping[str, float], uncertainty: float) -> bool:
        """Whether they are at most so much beyond the limit, or beyond what is known."""
        return self._replace(limit=(self.known or self.limit) * (1 + uncertainty)).is_met(figures)


def parsed(text: str) -> list[Limit]:
    """The limits of a file."""
    return [Limit(**fields) for fields in tomllib.loads(text)["limit"]]


def limits() -> list[Limit]:
    """Those of budgets.toml."""
    return parsed(_FILE.read_text(encoding="utf-8"))


def needed(chosen: Iterable[Limit]) -> list[str]:
    """The figures that limits need, each once."""
    return list(dict.fromkeys(name for limit in chosen for name in limit.figures))


def without_counts(limit: Limit) -> Limit:
    """The same limit of CPU time, for where nothing can count instructions; and half as much
    again, as that depends on what else the machine does."""
    if not limit.figure.startswith("count"):
        return limit
    over, beyond = (_timed(name) if name else None for name in (limit.over, limit.beyond))
    timed = limit._replace(figure=_timed(limit.figure), over=over, beyond=beyond)
    if limit.unit != "instructions":
        return timed._replace(limit=limit.limit * 1.5)
    known = None if limit.known is None else limit.known * 1.5 / _PER_MICROSECOND
    return timed._replace(unit="µs", limit=limit.limit * 1.5 / _PER_MICROSECOND, known=known)


_PER_MICROSECOND = 1000
"""Instructions, on a slow machine."""


def _timed(figure: str) -> str:
    what, _, rest = figure.partition("/")
    return f"{ {'count': 'cpu', 'count-import': 'import'}.get(what, what) }/{rest}".replace(" ", "")
