"""CPU time in interleaved rounds: within a round, the peers take turns at each load.

    .venv/bin/python -m benchmarks.rounds [--only llmgate,tuned] [--case unary,stream] [--rounds 5]

A machine that is busy for a while so slows all of them alike. Figures are medians of all rounds,
by the names of budgets.toml: ``cpu/<case>/<peer>``, in microseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from benchmarks.cases import CASES
from benchmarks.peers import PEERS
from benchmarks.upstream import ROOT, Upstream

__all__ = ["MEMORY", "TIMED_CASES", "Worker", "first_chunks", "memory", "timings", "workers"]

TIMED_CASES = (
    "unary",
    "unary-64",
    "unary-1000",
    "tool",
    "answer",
    "history",
    "stream",
    "stream-each",
    "stream-paced",
    "stream-calls",
    "anthropic",
    "anthropic-stream",
)
_BURST = 0.2
MEMORY: dict[str, dict[str, Any]] = {
    "waiting": {"do": "waiting", "calls": 1_000},
    "paused": {"do": "paused", "answer": "openai-stream-1000-held", "streams": 100},
    "paused-ahead": {"do": "paused", "answer": "openai-stream-1000", "streams": 100},
    "growth": {"do": "growth", "calls": 20_000},
}


class Worker:
    """A process of ``benchmarks.timed`` in a peer's environment."""

    def __init__(self, name: str, port: int) -> None:
        self.peer = PEERS[name]
        self._name = name
        self._told = set[str]()
        self._process = subprocess.Popen(
            [self.peer.python, "-m", "benchmarks.timed", self.peer.driver, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **self.peer.environment},
            text=True,
        )

    def ask(self, do: str, **order: Any) -> Any:
        """What it answers; None, with a line for people, when it fails."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        answer = json.loads(line) if line else {"failed": "its process has ended"}
        if failure := answer.get("failed"):
            if failure not in self._told:
                print(f"{self._name}: {do} {order}: {failure}", file=sys.stderr)
            self._told.add(failure)
        return answer.get("answer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def workers(names: Iterable[str], port: int) -> Generator[dict[str, Worker]]:
    """A worker for each name."""
    made: dict[str, Worker] = {}
    try:
        for name in names:
            made[name] = Worker(name, port)
        yield made
    finally:
        for worker in made.values():
            worker.__exit__(None, None, None)


def timings(
    everyone: Mapping[str, Worker],
    loads: Collection[tuple[str, str]],
    rounds: int,
    upstream: Upstream,
) -> dict[str, float]:
    """Of each case and name: ``cpu``, ``rate`` (a second), and the upstream's ``busy`` share."""
    seen: dict[str, list[float]] = {}
    order = list(CASES)
    for _ in range(rounds):
        for case, name in sorted(loads, key=lambda load: order.index(load[0])):
            served = upstream.cpu_seconds()
            burst = everyone[name].ask("time", case=case, seconds=_BURST)
            if burst is None:
                continue
            served = upstream.cpu_seconds() - served
            seen.setdefault(f"cpu/{case}/{name}", []).append(burst["cpu"])
            seen.setdefault(f"rate/{case}/{name}", []).append(burst["rate"])
            seen.setdefault(f"busy/{case}/{name}", []).append(served / burst["wall"])
    return {figure: statistics.median(values) for figure, values in seen.items()}


def first_chunks(everyone: Mapping[str, Worker], rounds: int, times: int = 40) -> dict[str, float]:
    """``first/<peer>``: microseconds until the first chunk of a stream is there."""
    seen: dict[str, list[float]] = {}
    for _ in range(rounds + 1):
        for name, worker in everyone.items():
            case = "short-stream" if "openai" in worker.peer.dialects else "anthropic-short-stream"
            delay = worker.ask("first", case=case, times=times)
            if delay is not None:
                seen.setdefault(f"first/{name}", []).append(delay)
    return {figure: statistics.median(values[1:]) for figure, values in seen.items()}


def memory(figures: Iterable[str], port: int) -> dict[str, float]:
    """Kilobytes: ``waiting/…``, ``paused…/…`` and ``growth/…`` over 20,000 calls, as asked for."""
    found: dict[str, float] = {}
    for figure in figures:
        what, name = figure.split("/")
        with Worker(name, port) as worker:
            value = worker.ask(**MEMORY[what])
        if value is not None:
            found[figure] = value
    return found


def main() -> None:
    """Measure, and print a row for each figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="llmgate,tuned")
    options.add_argument("--case", default=",".join(TIMED_CASES))
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    names = chosen.only.split(",")
    cases = chosen.case.split(",")
    loads = [(case, name) for case in cases for name in names if PEERS[name].can(CASES[case])]
    with Upstream() as upstream, workers(names, upstream.port) as everyone:
        found = timings(everyone, loads, chosen.rounds, upstream)
    for figure, value in found.items():
        if not figure.startswith("rate"):
            print(f"{figure:<50}{value:>12,.2f}")


if __name__ == "__main__":
    main()
