"""Writes SVG: texts, boxes and lines on a canvas that follows the reader's light or dark theme."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Canvas"]

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.quiet { fill: #59636e; font-size: 11px }
.end { text-anchor: end }
.middle { text-anchor: middle }
rect, circle { fill: currentColor }
polyline { fill: none; stroke: currentColor; stroke-width: 2 }
.page { color: #ffffff }
.ours { color: #1a7f37 }
.bare { color: #57606a }
.other { color: #c2c8cf }
.axis { color: #d1d9e0; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .page { color: #0d1117 }
  .ours { color: #3fb950 }
  .bare { color: #9198a1 }
  .other { color: #484f58 }
  .axis { color: #3d444d }
}
"""


class Canvas:
    """A picture under construction."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">'
        )
        self._parts = [f"<title>{escape(title)}</title>", f"<style>\n{_STYLE}</style>"]
        self.box(0, 0, width, height, "page")

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Words whose baseline begins at a point; ``end`` and ``middle`` align them to it."""
        kinds = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text x="{_short(x)}" y="{_short(y)}"{kinds}>{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """A filled rectangle."""
        size = f'width="{_short(width)}" height="{_short(height)}"'
        self._parts.append(f'<rect x="{_short(x)}" y="{_short(y)}" {size} class="{kind}"/>')

    def line(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        """A line through points."""
        path = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" class="{kind}"/>')

    def dot(self, x: float, y: float, kind: str) -> None:
        """A point that shows."""
        self._parts.append(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="3" class="{kind}"/>')

    def __str__(self) -> str:
        return "\n".join([self._head, *self._parts, "</svg>", ""])


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
