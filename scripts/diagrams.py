"""Draws the diagrams of the manual, as SVG that is readable on light and on dark pages.

python scripts/diagrams.py    # write docs/assets/*.svg

It draws what is written here, and measures nothing; charts of figures are the benchmarks' to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

__all__ = ["DIAGRAMS", "FOLDER"]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "assets"

_STYLE = """\
text{font:13px system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328;text-anchor:middle}
.small{font-size:11.5px;fill:#59636e}.left{text-anchor:start}.right{text-anchor:end}
.strong{font-weight:600}
.box{fill:#f6f8fa;stroke:#8c959f}.own{fill:#dbeafe;stroke:#4067c4}.good{fill:#dafbe1;stroke:#1a7f37}
.bad{fill:#ffebe9;stroke:#cf222e}.wait{fill:none;stroke:#8c959f;stroke-dasharray:4 3}
.frame{fill:none;stroke:#4067c4;stroke-dasharray:6 4}
.line{fill:none;stroke:#59636e;stroke-width:1.4}.limit{stroke:#cf222e;stroke-width:1.6}
.head{fill:#59636e}.page{fill:#ffffff}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.small{fill:#9aa4af}
.box{fill:#1b2028;stroke:#6e7681}.own{fill:#16233d;stroke:#6f94e8}.good{fill:#12261a;stroke:#3fb950}
.bad{fill:#2d1517;stroke:#f85149}.wait{stroke:#6e7681}.frame{stroke:#6f94e8}
.line{stroke:#9aa4af}.limit{stroke:#f85149}.head{fill:#9aa4af}
.page{fill:#0d1117}
}"""


def document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """A whole picture, of this size in pixels; the title is for those who cannot see it."""
    arrow = (
        '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="head" d="M0 0 8 4 0 8z"/></marker>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">'
    )
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            f"<defs>{arrow}</defs>",
            # of its own, since a site's dark pages may be on a system that asks for light ones
            f'<rect width="{width}" height="{height}" rx="6" class="page"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Words on one line, whose middle is at this place unless their kind is left or right."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str, *lines: str) -> str:
    """A rectangle with lines of text in it: the first is larger than the others."""
    middle, top = x + width / 2, y + height / 2 + 5 - 8 * (len(lines) - 1)
    words = [
        text(middle, top + 16 * number, line, "small" if number else "strong")
        for number, line in enumerate(lines)
    ]
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return "\n".join([f'<rect {size} rx="6" class="{kind}"/>', *words])


def path(steps: str, kind: str) -> str:
    """A line."""
    return f'<path d="{steps}" class="{kind}"/>'


def arrow(steps: str) -> str:
    """A line with a head at its end."""
    return f'<path d="{steps}" class="line" marker-end="url(#arrow)"/>'


def call_path() -> str:
    """What a call passes on its way to the provider and back."""
    steps = [
        ("your code", "acompletion(…)", "box"),
        ("check", "arguments", "own"),
        ("middleware", "cache, limits", "own"),
        ("fit", "drop, translate", "own"),
        ("provider", "the request", "own"),
        ("attempt", "key, send", "own"),
        ("the API", "over HTTP", "box"),
    ]
    width, gap, left = 95, 13, 4
    at = [left + number * (width + gap) for number in range(len(steps))]
    parts = [
        box(place, 56, width, 52, kind, name, what)
        for place, (name, what, kind) in zip(at, steps, strict=True)
    ]
    parts += [arrow(f"M{place + width} 82H{place + width + gap - 1}") for place in at[:-1]]
    wide = at[5] + width - at[1]
    parts += [
        box(at[1] - 8, 34, wide + 16, 192, "frame"),
        text(at[1] - 8, 26, "one deadline: timeout=…", "small left"),
        box(at[5], 154, width, 52, "own", "read", "status, frames"),
        box(at[4], 154, width, 52, "own", "decode", "chunks"),
        box(at[2], 154, at[3] + width - at[2], 52, "own", "add up", "a completion, or a stream"),
        arrow(f"M{at[6] + width / 2} 108V180H{at[5] + width + 1}"),
        arrow(f"M{at[5]} 180H{at[4] + width + 1}"),
        arrow(f"M{at[4]} 180H{at[3] + width + 1}"),
        arrow(f"M{at[2]} 180H{at[0] + width / 2}V109"),
        box(at[1] - 8, 250, wide + 16, 36, "box", "hooks watch, on a thread of their own"),
        path(f"M{at[1] + wide / 2} 250V226", "wait"),
    ]
    title = "The path of a call: check, middleware, fit, request, attempts; and back by decoding"
    return document(at[6] + width + left, 292, title, parts)


def deadline() -> str:
    """Attempts, waits and limits of one streamed call on one axis of time."""
    spans = [
        (10, 104, "bad", "attempt 1", "429"),
        (114, 84, "wait", "wait", "Retry-After"),
        (198, 94, "bad", "attempt 2", "503"),
        (292, 66, "wait", "wait", "backoff"),
        (358, 250, "good", "attempt 3", "chunks of the stream"),
    ]
    parts = [box(x, 74, width, 40, kind, name, what) for x, width, kind, name, what in spans]
    brackets = [
        (10, 34, 132, 152, "connect"),
        (358, 440, 132, 152, "first_token"),
        (480, 560, 132, 152, "idle"),
        (10, 720, 40, 31, "total: timeout=…"),
    ]
    for start, end, y, words, name in brackets:
        ends = f"M{start} {y - 5}V{y + 5}M{end} {y - 5}V{y + 5}"
        parts.append(path(f"{ends}M{start} {y}H{end}", "line"))
        parts.append(text(max((start + end) / 2, 34), words, name, "small"))
    parts += [
        path("M720 28V190", "limit"),
        text(713, 166, "DeadlineExceededError", "small right"),
        text(713, 182, "whatever is going on then", "small right"),
        arrow("M10 196H744"),
        text(744, 213, "time", "small right"),
        text(10, 213, "the call begins", "small left"),
    ]
    title = "Attempts and waits of a call on an axis of time, under the limits of its Timeout"
    return document(752, 222, title, parts)


def routing_states() -> str:
    """How a target of a router comes to be left alone, and back."""
    parts = [
        box(24, 90, 126, 56, "good", "asked", "gets calls"),
        box(328, 90, 126, 56, "bad", "left alone", "gets none"),
        box(620, 90, 126, 56, "own", "probed", "one call at a time"),
        arrow("M150 118H327"),
        text(239, 92, "a 429, or no quota left,", "small"),
        text(239, 108, "or 3 failures in a row", "small"),
        arrow("M454 106H619"),
        text(537, 96, "the time is over", "small"),
        arrow("M620 130H455"),
        text(537, 150, "it fails: twice as long,", "small"),
        text(537, 166, "at most 300 s", "small"),
        arrow("M683 90V34H87V89"),
        text(391, 26, "it answers: all is forgotten", "small"),
        text(391, 168, "Retry-After, or 5 s;", "small"),
        text(391, 184, "300 s for a quota", "small"),
        arrow("M56 146V180H118V147"),
        text(6, 198, "it answers, or fails once or twice", "small left"),
    ]
    title = "A routing target is asked, left alone after failures, then probed, then asked again"
    return document(752, 208, title, parts)


DIAGRAMS: dict[str, Callable[[], str]] = {
    "call-path.svg": call_path,
    "deadline.svg": deadline,
    "routing-states.svg": routing_states,
}

if __name__ == "__main__":
    for name, draw in DIAGRAMS.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")
