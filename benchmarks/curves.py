"""Draws curves on two logarithmic axes, on which what is linear is straight; measures nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks.report import number
from benchmarks.svg import Canvas

__all__ = ["Curve", "Panel", "drawing", "logarithmic"]

_WIDTH, _HEIGHT = 400, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 52, 44


class Curve(NamedTuple):
    """A client's values by size, both above nothing."""

    label: str
    points: Sequence[tuple[float, float]]
    kind: str


class Panel(NamedTuple):
    """Curves that share their axes."""

    title: str
    across: str
    curves: Sequence[Curve]


def logarithmic(values: Iterable[float], start: float, end: float) -> Callable[[float], float]:
    """Where a value stands between start and end, when the least stands at one and the most at the
    other."""
    logs = [math.log(value) for value in values]
    least, span = min(logs), (max(logs) - min(logs)) or 1.0
    return lambda value: start + (math.log(value) - least) / span * (end - start)


def drawing(panels: Sequence[Panel]) -> str:
    """Two panels in each row."""
    rows = math.ceil(len(panels) / 2)
    canvas = Canvas(2 * _WIDTH, rows * _HEIGHT, "How the cost of calls grows")
    for at, panel in enumerate(panels):
        _draw(canvas, at % 2 * _WIDTH, at // 2 * _HEIGHT, panel)
    return str(canvas)


def _draw(canvas: Canvas, left: int, top: int, panel: Panel) -> None:
    points = [point for curve in panel.curves for point in curve.points]
    sizes, values = sorted({x for x, _ in points}), [y for _, y in points]
    bottom = top + _HEIGHT - _BOTTOM
    x = logarithmic(sizes, left + _LEFT, left + _WIDTH - _RIGHT)
    y = logarithmic(_round_bounds(values), bottom, top + _TOP)
    canvas.text(left + 12, top + 22, panel.title, "title")
    for value in _decades(values):
        canvas.line([(x(sizes[0]), y(value)), (x(sizes[-1]), y(value))], "axis")
        canvas.text(left + _LEFT - 8, y(value) + 4, _tick(value), "quiet end")
    for size in sizes:
        canvas.text(x(size), bottom + 16, f"{size:,.0f}", "quiet middle")
    canvas.text((x(sizes[0]) + x(sizes[-1])) / 2, bottom + 34, panel.across, "quiet middle")
    _legend(canvas, left, top, panel)
    for curve in panel.curves:
        drawn = [(x(size), y(value)) for size, value in curve.points]
        canvas.line(drawn, curve.kind)
        for point in drawn:
            canvas.dot(*point, curve.kind)


def _legend(canvas: Canvas, left: int, top: int, panel: Panel) -> None:
    at = left + 12
    for curve in panel.curves:
        canvas.dot(at + 4, top + 36, curve.kind)
        canvas.text(at + 12, top + 40, curve.label, "quiet")
        at += 24 + 7 * len(curve.label)


def _round_bounds(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around the values."""
    return 10.0 ** math.floor(math.log10(min(values))), 10.0 ** math.ceil(math.log10(max(values)))


def _decades(values: Sequence[float]) -> list[float]:
    least, most = _round_bounds(values)
    return [10.0**power for power in range(round(math.log10(least)), round(math.log10(most)) + 1)]


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else number(value)
