"""Instructions of a call or a chunk, counted by valgrind; they do not depend on the machine's load.

    .venv/bin/python -m benchmarks.count [--only llmgate,tuned] [--case unary,stream]

A driver makes N runs in one process and 2 N in another; the difference is the cost of N runs, with
no start-up in it. The kernel's part is not in it either.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.peers import PEERS, Peer
from benchmarks.upstream import ROOT, Upstream

__all__ = ["count", "has_valgrind", "instructions"]

_VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
_TOTAL = re.compile(rb"I\s+refs:\s+([\d,]+)")


def has_valgrind() -> bool:
    """Whether there is what counts."""
    return shutil.which(_VALGRIND[0]) is not None


def instructions(command: Sequence[str], **environment: str) -> int:
    """Of a whole process."""
    with tempfile.TemporaryDirectory() as logs:
        _run([f"--log-file={logs}/log", *command], environment)
        return _total(Path(logs, "log"))


def count(peer: Peer, cases: Iterable[str], port: int) -> dict[str, float]:
    """Instructions of one unit of each case; a case in which the peer fails is left out."""
    cases = [case for case in cases if peer.can(CASES[case])]
    plan: list[str] = []
    for case in cases:
        runs = _runs(peer, case)
        plan += [case, str(runs), case, str(2 * runs)] * CASES[case].counts
    totals = _totals(peer, plan, port)
    found: dict[str, float] = {}
    for case in cases:
        runs, units = _runs(peer, case), CASES[case].units
        less, more = totals.get((case, runs)), totals.get((case, 2 * runs))
        if less and more:
            found[case] = (statistics.median(more) - statistics.median(less)) / runs / units
    return found


def _runs(peer: Peer, case: str) -> int:
    return max(CASES[case].runs // peer.slowness, 1)


def _totals(peer: Peer, plan: Sequence[str], port: int) -> dict[tuple[str, int], list[int]]:
    """What each child of the plan has cost, with what its parent had cost when it was born."""
    with tempfile.TemporaryDirectory() as logs:
        command = [f"--log-file={logs}/%p", peer.python, "-m", "benchmarks.counted", peer.driver]
        start = "forked" if peer.forks else "cold"
        printed = _run([*command, str(port), start, *plan], peer.environment)
        totals: dict[tuple[str, int], list[int]] = {}
        for line in printed.splitlines():
            process, case, runs = line.split(maxsplit=2)
            if runs.isdecimal():
                totals.setdefault((case, int(runs)), []).append(_total(Path(logs, process)))
            else:
                print(f"{peer.title}: {case} {runs}", file=sys.stderr)
        return totals


def _run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run it under valgrind, with the same hashes each time; what it has printed."""
    done = subprocess.run(
        [*_VALGRIND, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # some peers have much to say there
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""},
        check=True,
        text=True,
    )
    return done.stdout


def _total(log: Path) -> int:
    found = _TOTAL.search(log.read_bytes())
    assert found is not None
    return int(found[1].replace(b",", b""))


def main() -> None:
    """Count, and print a row for each case and peer."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="llmgate,tuned")
    options.add_argument("--case", default="unary,answer,history,stream,anthropic-stream")
    chosen = options.parse_args()
    peers, cases = chosen.only.split(","), chosen.case.split(",")
    with Upstream() as upstream:
        for name in peers:
            for case, each in count(PEERS[name], cases, upstream.port).items():
                print(f"{CASES[case].title:<56}{name:<14}{each / 1e3:>12,.1f} thousand", flush=True)


if __name__ == "__main__":
    main()
