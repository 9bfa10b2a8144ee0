"""Draws the pictures of the terminal in docs/assets from programs that run on a pseudo-terminal.

    python -m scripts.terminal_pictures            # draw all of them
    python -m scripts.terminal_pictures help       # draw one

The completions in them are those of ``llmgate.testing.server``: no model is asked.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyte

from llmgate.testing import server
from tests.cli.terminal import Terminal

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "assets"
WIDTH, HEIGHT, MARGIN = 8.4, 19, 14
"""Of a cell, and around all of them, in pixels."""
COLOURS = {
    "default": "#e6e6e6",
    "black": "#6e7681",
    "red": "#ff8a80",
    "green": "#9ccc65",
    "brown": "#ffd54f",
    "blue": "#82aaff",
    "magenta": "#d7a3f7",
    "cyan": "#80deea",
    "white": "#ffffff",
}
BACKGROUND = "#1e2127"
ANSWER = """\
A **tide** is the rise and fall of the sea, twice a day as a rule:

1. The Moon pulls the water that is nearest to it.
2. The Earth turns below that bulge.

| time  | height |
|-------|--------|
| 04:10 | 3.9 m  |
| 10:25 | 0.8 m  |
"""


_SPACE = "\N{NO-BREAK SPACE}"  # browsers join others


def picture(screen: pyte.Screen, title: str) -> str:
    """A screen as SVG, down to its last line that holds anything; no font is fetched."""
    shown = [line.rstrip() for line in screen.display]
    count = max(number for number, line in enumerate(shown, 1) if line)
    width = round(screen.columns * WIDTH + 2 * MARGIN)
    height = round(count * HEIGHT + 2 * MARGIN)
    lines = [line for number in range(count) for line in _texts(screen, number)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            '<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14">',
            *lines,
            "</g>",
            "</svg>",
            "",
        )
    )


def _texts(screen: pyte.Screen, number: int) -> Iterator[str]:
    """The pieces of a line that have one style each."""
    cells = [screen.buffer[number][column] for column in range(screen.columns)]
    column = 0
    for style, group in groupby(cells, key=_style):
        text = "".join(cell.data for cell in group)
        shown = text.strip()
        if shown:
            start = column + len(text) - len(text.lstrip())
            x, y = MARGIN + start * WIDTH, MARGIN + number * HEIGHT + 14
            yield (
                f'<text x="{x:.1f}" y="{y}" textLength="{len(shown) * WIDTH:.1f}" {style}>'
                f"{escape(shown.replace(' ', _SPACE))}</text>"
            )
        column += len(text)


def _style(cell: Any) -> str:
    colour = COLOURS.get(cell.fg, f"#{cell.fg}")
    weight = ' font-weight="bold"' if cell.bold else ""
    slant = ' font-style="italic"' if cell.italics else ""
    return f'fill="{colour}"{weight}{slant}'


# --- scenes -------------------------------------------------------------------------------


def run(words: list[str], *typed: str, lines: int = 24) -> pyte.Screen:
    """The screen after a command, and after what is typed at its prompts, has ended."""
    with tempfile.TemporaryDirectory() as home, server([ANSWER]) as mock:
        environment = {
            **({"OPENAI_BASE_URL": mock.base_url("openai")} if typed else {}),
            "OPENAI_API_KEY": "any",
            "XDG_CONFIG_HOME": home,
            "XDG_STATE_HOME": home,
            "LLMGATE_PROVIDERS": "openai",
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            "NO_COLOR": "",
        }
        with Terminal(words, Path(home), lines, **environment) as terminal:
            command = " ".join(["$ llmgate", *words])
            pyte.Stream(terminal.screen).feed(f"{command}\r\n")
            for number, text in enumerate(typed, 1):
                terminal.wait_for(partial(_asks, number))
                terminal.type(text)
            terminal.end()
            return terminal.screen


def _asks(number: int, shown: str) -> bool:
    """Whether the last line is the prompt, and this is its number: the prompt before is still the
    last line while what was typed at it is not shown yet."""
    prompts = [line for line in shown.splitlines() if line.startswith(">")]
    return shown.endswith("\n>") and len(prompts) == number


SCENES: dict[str, tuple[str, Callable[[], pyte.Screen]]] = {
    "help": ("The help of llmgate", lambda: run([], lines=26)),
    "chat": (
        "A conversation in a terminal",
        lambda: run(
            ["chat", "-m", "openai/gpt-4o"],
            *("What are tides?\r", "/system Answer in one word.\r", "/help\r", "\x04"),
            lines=40,
        ),
    ),
    "explain": ("What a model takes", lambda: run(["explain", "openai/gpt-5"], lines=48)),
}


def main(names: list[str]) -> None:
    """Draw the scenes of these names, or all."""
    os.makedirs(FOLDER, exist_ok=True)
    for name in names or SCENES:
        title, scene = SCENES[name]
        (FOLDER / f"terminal-{name}.svg").write_text(picture(scene(), title), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
