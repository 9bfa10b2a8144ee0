"""Measures the figures that are asked for by name, and no others.

A name says what, which load, and whose: ``count/unary/llmgate`` are the instructions of a call,
``cpu/stream/openai`` the CPU microseconds of a chunk, ``waiting/tuned`` the memory of a call.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks import rounds, statics
from benchmarks.count import count, has_valgrind
from benchmarks.peers import PEERS
from benchmarks.upstream import Upstream

__all__ = ["Figures", "measured"]

Figures = dict[str, float]
_IMPORT_ROUNDS = 5


def measured(wanted: Collection[str], how_many_rounds: int, jobs: int) -> Figures:
    """All that is wanted and can be had."""
    found: Figures = {}
    with Upstream() as upstream:
        _note("CPU time, imports and sizes")
        found |= _timed(wanted, how_many_rounds, upstream)
        if names := [name for (name,) in _after(wanted, "import")]:
            found |= statics.imports(names, upstream.port, _IMPORT_ROUNDS)
        if _after(wanted, "installed") or _after(wanted, "wheel"):
            found |= statics.sizes(
                name for (name,) in _after(wanted, "installed") if PEERS[name].is_peer
            )
        _note("instructions and memory")
        found |= _unhurried(wanted, upstream.port, jobs)
    return found


def _after(wanted: Iterable[str], what: str) -> list[list[str]]:
    """The rest of the names of such figures."""
    return [name.split("/")[1:] for name in wanted if name.startswith(what + "/")]


def _timed(wanted: Iterable[str], how_many_rounds: int, upstream: Upstream) -> Figures:
    loads = [(case, name) for case, name in _after(wanted, "cpu")]
    waits = [name for (name,) in _after(wanted, "first")]
    names = dict.fromkeys([*(name for _, name in loads), *waits])
    with rounds.workers(names, upstream.port) as everyone:
        found = rounds.timings(everyone, loads, how_many_rounds, upstream)
        found |= rounds.first_chunks({name: everyone[name] for name in waits}, how_many_rounds)
    return found


def _unhurried(wanted: Iterable[str], port: int, jobs: int) -> Figures:
    """What does not depend on how busy the machine is: several of these are made at once."""
    cases: dict[str, list[str]] = {}
    for case, name in _after(wanted, "count") if has_valgrind() else ():
        cases.setdefault(name, []).append(case)
    # what takes longest begins first
    names = sorted(cases, key=lambda name: (-PEERS[name].slowness, name))
    work: list[Callable[[], Figures]] = [
        partial(_counted, name, cases[name], port) for name in names
    ]
    if _after(wanted, "count-import") and has_valgrind():
        work.append(partial(statics.imports_counted, port))
    memory = [name for name in wanted if name.split("/")[0] in rounds.MEMORY]
    work.append(partial(rounds.memory, memory, port))
    found: Figures = {}
    with ThreadPoolExecutor(jobs) as pool:
        for figures in [pool.submit(step) for step in work]:
            found |= figures.result()
    return found


def _counted(name: str, cases: Iterable[str], port: int) -> Figures:
    counts = count(PEERS[name], cases, port)
    return {f"count/{case}/{name}": value for case, value in counts.items()}


def _note(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
