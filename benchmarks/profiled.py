"""Where the time of a call or a chunk goes, by module and by function: shares, by cProfile.

    .venv/bin/python -m benchmarks.profiled [--case unary] [--runs 300] [--top 20]

The profiler costs most where functions are small: compare shares, and take costs from elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import re
import time
from collections.abc import Iterable

from benchmarks.cases import CASES, Case, task_of
from benchmarks.counted import check, run
from benchmarks.drivers import load
from benchmarks.peers import PEERS
from benchmarks.upstream import Upstream

__all__ = ["place_of"]

_PLACES = (
    re.compile(r"site-packages/([^/]+)"),
    re.compile(r"/(llmgate(?:_\w+)?/.*)\.py$"),
    re.compile(r"/lib/python[^/]*/([^/.]+)"),
)


def place_of(path: str) -> str:
    """The module of ours, or the package of others, that a file belongs to."""
    for place in _PLACES:
        if found := place.search(path):
            return found[1]
    return "built-in" if path == "~" else "benchmarks"


async def _profile(case: Case, runs: int, port: int) -> cProfile.Profile:
    client = load(PEERS["llmgate"].driver)(task_of(case, port))
    await check(client, case)
    await run(client, case, 3)
    profile = cProfile.Profile(timer=time.process_time)  # not the time spent waiting
    profile.enable()
    await run(client, case, runs)
    profile.disable()
    await client.close()
    return profile


def _rows(profile: cProfile.Profile, each: int, top: int) -> Iterable[str]:
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = vars(pstats.Stats(profile))["stats"]
    total = sum(own for _, _, own, _, _ in stats.values())
    places: dict[str, float] = {}
    for (path, _, _), (_, _, own, _, _) in stats.items():
        place = place_of(path)
        places[place] = places.get(place, 0.0) + own
    for place, own in sorted(places.items(), key=lambda item: -item[1])[:top]:
        yield f"{own / total:6.1%}  {place}"
    yield ""
    slowest = sorted(stats.items(), key=lambda item: -item[1][2])[:top]
    for (path, line, name), (_, calls, own, _, _) in slowest:
        yield f"{own / total:6.1%}  {calls / each:6.2f} times  {place_of(path)}:{line} {name}"


def main() -> None:
    """Profile, and print shares."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--case", default="unary", help="of " + ", ".join(CASES))
    options.add_argument("--runs", type=int, default=0)
    options.add_argument("--top", type=int, default=20)
    chosen = options.parse_args()
    case = CASES[chosen.case]
    runs = chosen.runs or (300 if case.units == 1 else 3)
    with Upstream() as upstream:
        profile = asyncio.run(_profile(case, runs, upstream.port))
    print(*_rows(profile, runs * case.units, chosen.top), sep="\n")


if __name__ == "__main__":
    main()
