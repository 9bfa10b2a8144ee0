"""Draws docs/performance.svg, which the README shows, from figures; it measures nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.peers import PEERS
from benchmarks.report import number
from benchmarks.svg import Canvas

__all__ = ["bars", "picture"]

_PANELS = (
    ("count/unary", "A call (thousand instructions)", 1e3),
    ("count/stream-300", "A chunk of a stream (thousand instructions)", 1e3),
    ("count/anthropic-stream-300", "A chunk of Anthropic's (thousand instructions)", 1e3),
    ("import", "Importing it; llmgate with a call (CPU ms)", 1.0),
)
# importing llmgate brings in next to nothing before a call wants it
_INSTEAD = {"import/llmgate": "import/first-call"}
_WIDTH, _LABEL, _VALUE = 400, 96, 64
_ROW, _HEAD, _GAP = 20, 34, 14
_BARE = ("tuned",)
_DRAWN = (
    "tuned",
    "llmgate",
    "liter-llm",
    "anthropic",
    "openai",
    "any-llm",
    "pydantic-ai",
    "litellm",
)


class Bar(NamedTuple):
    """A client's figure."""

    label: str
    value: float
    kind: str


def bars(figures: Mapping[str, float], what: str, scale: float) -> list[Bar]:
    """The bars of a panel, the shortest first."""
    found: list[Bar] = []
    for name in _DRAWN:
        figure = f"{what}/{name}"
        value = figures.get(_INSTEAD.get(figure, figure))
        if value is not None:
            kind = "ours" if name == "llmgate" else "bare" if name in _BARE else "other"
            found.append(Bar(PEERS[name].title, max(value, 0) / scale, kind))
    return sorted(found, key=lambda bar: bar.value)


def picture(figures: Mapping[str, float], versions: Mapping[str, str]) -> str:
    """Two panels in each row, as high as the longer of them."""
    panels = [(title, bars(figures, what, scale)) for what, title, scale in _PANELS]
    panels = [(title, drawn) for title, drawn in panels if drawn]
    rows = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    heights = [_HEAD + _ROW * max(len(drawn) for _, drawn in row) + _GAP for row in rows]
    canvas = Canvas(2 * _WIDTH, sum(heights) + 24, "What a call costs with llmgate and its peers")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for at, (title, drawn) in enumerate(row):
            _panel(canvas, at * _WIDTH, top, title, drawn)
        top += height
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    canvas.text(12, top + 8, shown, "quiet")
    return str(canvas)


def _panel(canvas: Canvas, left: int, top: int, title: str, drawn: Sequence[Bar]) -> None:
    canvas.text(left + 12, top + 22, title, "title")
    longest = max(bar.value for bar in drawn) or 1
    room = _WIDTH - _LABEL - _VALUE - 24
    for at, bar in enumerate(drawn):
        y = top + _HEAD + at * _ROW
        length = max(bar.value / longest * room, 1)
        canvas.text(left + _LABEL + 6, y + 12, bar.label, "end")
        canvas.box(left + _LABEL + 14, y + 2, length, _ROW - 7, bar.kind)
        canvas.text(left + _LABEL + 20 + length, y + 12, number(bar.value), "quiet")
