"""Draws curves: on axes of equal steps, where what is linear is straight, or of equal factors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.svg import Canvas

__all__ = ["Axis", "Curve", "Panel", "drawing", "linear", "logarithmic"]

_WIDTH, _HEIGHT = 400, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 52, 44
_MARKS = 5


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
    is_linear: bool = False
    """Whether the axes begin at nothing and have equal steps; else they have equal factors."""


class Axis(NamedTuple):
    """Where values stand, and which of them are marked."""

    place: Callable[[float], float]
    marks: Sequence[float]


def logarithmic(values: Sequence[float], start: float, end: float) -> Axis:
    """From the power of ten below all values to the one above them."""
    least = math.floor(math.log10(min(values)))
    most = max(math.ceil(math.log10(max(values))), least + 1)
    marks = [10.0**power for power in range(least, most + 1)]
    scale = (end - start) / (most - least)

    def place(value: float) -> float:
        return start + (math.log10(value) - least) * scale

    return Axis(place, marks)


def linear(values: Sequence[float], start: float, end: float) -> Axis:
    """From nothing in steps of 1, 2 or 5 (or ten times, or a hundred times that)."""
    most = max(values)
    magnitude = 10.0 ** math.floor(math.log10(most))
    steps = (step * magnitude for step in (0.1, 0.2, 0.5, 1.0, 2.0))
    step = next(step for step in steps if most / step <= _MARKS)
    count = math.ceil(most / step)

    def place(value: float) -> float:
        return start + value / (count * step) * (end - start)

    return Axis(place, [step * at for at in range(count + 1)])


def drawing(panels: Sequence[Panel]) -> str:
    """Two panels in each row."""
    rows = math.ceil(len(panels) / 2)
    canvas = Canvas(2 * _WIDTH, rows * _HEIGHT, "How the cost of calls grows")
    for at, panel in enumerate(panels):
        _draw(canvas, at % 2 * _WIDTH, at // 2 * _HEIGHT, panel)
    return str(canvas)


def _draw(canvas: Canvas, left: int, top: int, panel: Panel) -> None:
    points = [point for curve in panel.curves for point in curve.points]
    first, last, bottom = left + _LEFT, left + _WIDTH - _RIGHT, top + _HEIGHT - _BOTTOM
    axis = linear if panel.is_linear else logarithmic
    across = axis([x for x, _ in points], first, last)
    up = axis([y for _, y in points], bottom, top + _TOP)
    canvas.text(left + 12, top + 22, panel.title, "title")
    for value in up.marks:
        canvas.line([(first, up.place(value)), (last, up.place(value))], "axis")
        canvas.text(first - 8, up.place(value) + 4, _mark(value), "quiet end")
    for value in across.marks:
        canvas.text(across.place(value), bottom + 16, _mark(value), "quiet middle")
    canvas.text((first + last) / 2, bottom + 34, panel.across, "quiet middle")
    _legend(canvas, left, top, panel)
    for curve in panel.curves:
        drawn = [(across.place(size), up.place(value)) for size, value in curve.points]
        canvas.line(drawn, curve.kind)
        for point in drawn:
            canvas.dot(*point, curve.kind)


def _legend(canvas: Canvas, left: int, top: int, panel: Panel) -> None:
    at = left + 12
    for curve in panel.curves:
        canvas.dot(at + 4, top + 36, curve.kind)
        canvas.text(at + 12, top + 40, curve.label, "quiet")
        at += 24 + 7 * len(curve.label)


def _mark(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:.2g}"
