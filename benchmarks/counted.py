"""Runs beneath valgrind: makes a number of calls, in a child process for each number.

    python -m benchmarks.counted DRIVER PORT forked|cold CASE RUNS [CASE RUNS ...]

The children start where this process has got to by importing its driver and, unless it is cold, by
making a first run; what this costs is in each of their counts alike, and is paid once. It prints a
line for each child: its process id, the case and the number of runs, or how it failed. It counts
nothing itself; valgrind does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys

from benchmarks.cases import CASES, Case, task_of
from benchmarks.drivers import Driver, Reading, load

__all__ = ["check", "run"]

_WARM = 10
_CONNECTIONS = 100
"""As many as llmgate opens by default; they are there before anything is counted."""


async def run(client: Driver, case: Case, runs: int) -> None:
    """As many runs, as many of them at once as the case says."""
    act = getattr(client, case.action)
    left = iter(range(runs))

    async def some() -> None:
        for _ in left:
            await act()

    if case.at_once == 1:
        await some()
    else:
        await asyncio.gather(*(some() for _ in range(case.at_once)))


async def check(client: Driver, case: Case) -> None:
    """One run, of which every word is compared with what the upstream has sent."""
    said = await getattr(client, case.action)()
    if isinstance(said, Reading):
        said = said.text
    if isinstance(said, str) and case.expected.text not in (said, _compact(said)):
        raise AssertionError(f"read {said[:80]!r}…, not {case.expected.text[:80]!r}…")


def _compact(text: str) -> str:
    """Arguments of a function, as they were before somebody parsed them."""
    if not text.startswith("{"):
        return text
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


async def _work(driver: type[Driver], case: Case, port: int, runs: int) -> None:
    client = driver(task_of(case, port))
    await check(client, case)
    if runs:
        if case.units == 1:
            await run(client, case, max(_WARM, min(case.at_once, _CONNECTIONS)))
        gc.collect()
        await run(client, case, runs)
    await client.close()


def _child(driver: type[Driver], case: Case, port: int, runs: int) -> None:
    """Never returns: nothing of the parent is taken down in a child."""
    try:
        asyncio.run(asyncio.wait_for(_work(driver, case, port, runs), 600))
    except BaseException as error:  # noqa: BLE001 - told to whoever reads what is printed
        print(os.getpid(), case.answer, f"failed: {error!r}"[:300], flush=True)
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Run the plan, child after child, once all that a first run imports is there."""
    name, port, start, *plan = sys.argv[1:]
    driver = load(name)
    if start == "forked":
        for first in {CASES[case].answer: CASES[case] for case in plan[::2]}.values():
            asyncio.run(_work(driver, first, int(port), 0))
    for case, runs in zip(plan[::2], plan[1::2], strict=True):
        child = os.fork()
        if child == 0:
            _child(driver, CASES[case], int(port), int(runs))
        _, status = os.waitpid(child, 0)
        if status == 0:
            print(child, case, runs, flush=True)


if __name__ == "__main__":
    main()
