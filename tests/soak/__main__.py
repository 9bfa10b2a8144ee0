"""Long loads, and a table of what they left behind: python -m tests.soak.

``CALLS=1000000`` in the environment is the number of whole answers, and of rows of a batch and of
calls through all middleware, which are 100,000 at least; the other loads are as long as they ever
are. It exits with the number of loads that left too much.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from tests.soak import soaking
from tests.soak.mixed import mixed
from tests.soak.soaking import Growth

MEMORY = 5.0
"""By how many MB memory may grow after the first tenth of a load."""

HEAD = """\
| load                       |     calls | seconds | MB then |    now | growth | sockets | warned |
|----------------------------|----------:|--------:|--------:|-------:|-------:|--------:|-------:|
"""


def faults(growth: Growth) -> list[str]:
    """What a load left that it must not leave."""
    found: list[str] = []
    if growth.memory >= MEMORY:
        found.append(f"memory grew by {growth.memory:.1f} MB")
    if growth.sockets or growth.open_at_server:
        found.append(f"{growth.sockets} sockets are open, {growth.open_at_server} at the server")
    return [f"{growth.name}: {fault}" for fault in (*found, *growth.warned, *growth.held)]


def row(growth: Growth) -> str:
    """A load's line of the table."""
    return (
        f"| {growth.name:<26} | {growth.calls:>9,} | {growth.seconds:>7,.1f} "
        f"| {growth.before:>7.1f} | {growth.after:>6.1f} | {growth.memory:>+6.1f} "
        f"| {growth.sockets + growth.open_at_server:>7} | {len(growth.warned):>6} |"
    )


def main() -> int:
    """Run the loads one after the other."""
    calls = int(os.environ.get("CALLS", "20000"))
    loads: list[Callable[[str], Growth]] = [
        lambda url: soaking.looped(url, 50_000, 100),
        lambda url: soaking.unary(url, calls),
        lambda url: soaking.batched(url, max(calls, 100_000)),
        lambda url: soaking.abandoned(url, 10_000),
        lambda url: soaking.cancelled(url, 12),
        lambda url: mixed(url, max(calls, 100_000)),
    ]
    wrong: list[str] = []
    print(HEAD, end="")
    for load in loads:
        with soaking.serving() as url:
            growth = load(url)
        print(row(growth), flush=True)
        wrong += faults(growth)
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return len(wrong)


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
