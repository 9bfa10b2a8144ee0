"""How cost grows with how many calls there are at once, and with how long they are; draws it.

    make bench-scaling      or: .venv/bin/python -m benchmarks.scaling

It prints each curve as a row, and writes docs/scaling.svg.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.curves import Curve, Panel, drawing
from benchmarks.peers import PEERS
from benchmarks.report import number, table
from benchmarks.rounds import Worker, workers
from benchmarks.upstream import ROOT, Upstream

__all__: list[str] = []

_PICTURE = ROOT / "docs" / "scaling.svg"
_NAMES = ("llmgate", "tuned")
_AT_ONCE = (1, 8, 64, 512, 4096)
_TURNS = (2, 50, 100, 200, 400)
_STREAMS = (1, 16, 64, 256, 2_000)
_CHUNKS = (10, 1_000, 2_000, 5_000, 10_000)


class Sweep(NamedTuple):
    """One load in several sizes."""

    title: str
    across: str
    sizes: Sequence[int]
    order: Mapping[str, Any]
    varied: str
    """What of the order the size is put into; an answer is chosen by its size."""
    figure: str = ""
    """What of the answer is drawn, if it has parts."""
    is_linear: bool = False
    """Whether its axes begin at nothing and have equal steps."""
    scale: float = 0.0
    """If it is the cost of one: what makes it that of all, when multiplied by the size."""

    def ordered(self, size: int) -> dict[str, Any]:
        """What a worker is asked for."""
        value = f"openai-stream-{size}" if self.varied == "answer" else size
        return {**self.order, self.varied: value}

    def value(self, answer: Any, size: int) -> float:
        """What is drawn of its answer."""
        value = float(answer[self.figure] if self.figure else answer)
        return value * size * self.scale if self.scale else value


_CALL = {"do": "time", "case": "unary", "seconds": 0.4}
_STREAM = {"do": "time", "case": "stream", "seconds": 0.3}
_SWEEPS = (
    Sweep("Calls a second", "calls at once", _AT_ONCE, _CALL, "at_once", "rate"),
    Sweep(
        "CPU of a call, µs",
        "messages of its history, 2 kB each",
        _TURNS,
        _CALL,
        "turns",
        "cpu",
        True,
    ),
    Sweep("CPU of a stream, ms", "its chunks", _CHUNKS, _STREAM, "answer", "cpu", True, 1e-3),
)
_CROWDS = tuple(
    Sweep(
        f"First chunk of {part} %, ms",
        "streams at once",
        _STREAMS,
        {"do": "crowd"},
        "streams",
        f"p{part}",
    )
    for part in (50, 95)
)
_WAITING = Sweep(
    "Memory of calls that wait, MB",
    "calls at once",
    _AT_ONCE,
    {"do": "waiting"},
    "calls",
    scale=1 / 1024,
)


def _swept(sweep: Sweep, everyone: Mapping[str, Worker], rounds: int) -> Panel:
    """Its curves: medians of interleaved rounds."""
    seen: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for size in sweep.sizes:
            for name, worker in everyone.items():
                answer = worker.ask(**sweep.ordered(size))
                if answer is not None:
                    seen.setdefault((name, size), []).append(sweep.value(answer, size))
    return _panel(sweep, {key: statistics.median(values) for key, values in seen.items()})


def _waiting(port: int) -> Panel:
    """Memory, in a fresh process for each figure."""
    found: dict[tuple[str, int], float] = {}
    for name in _NAMES:
        for size in _WAITING.sizes:
            with Worker(name, port) as worker:
                answer = worker.ask(**_WAITING.ordered(size))
            if answer is not None:
                found[name, size] = max(_WAITING.value(answer, size), 0.01)
    return _panel(_WAITING, found)


def _panel(sweep: Sweep, found: Mapping[tuple[str, int], float]) -> Panel:
    curves: list[Curve] = []
    for name in _NAMES:
        points = [(size, found[name, size]) for size in sweep.sizes if (name, size) in found]
        kind = "ours" if name == "llmgate" else "bare"
        curves.append(Curve(PEERS[name].title, points, kind))
    return Panel(sweep.title, sweep.across, curves, sweep.is_linear)


def _printed(panel: Panel) -> str:
    sizes = [f"{size:,}" for size, _ in panel.curves[0].points]
    rows = [[f"{panel.title}, by {panel.across}", *sizes]]
    rows += [
        [f"  {curve.label}", *(number(value) for _, value in curve.points)]
        for curve in panel.curves
    ]
    return table(rows)


def main() -> None:
    """Measure, print and draw."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    panels: list[Panel] = []
    with Upstream() as upstream:
        with workers(_NAMES, upstream.port) as everyone:
            panels += [_swept(sweep, everyone, chosen.rounds) for sweep in _SWEEPS]
            panels += [_swept(sweep, everyone, 1) for sweep in _CROWDS]
        panels.insert(1, _waiting(upstream.port))
    print("\n\n".join(_printed(panel) for panel in panels))
    _PICTURE.write_text(drawing(panels), encoding="utf-8")


if __name__ == "__main__":
    main()
