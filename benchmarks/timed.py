"""Runs in a peer's environment and does what it is told, one JSON order a line; times itself.

    python -m benchmarks.timed DRIVER PORT

CPU time is that of the whole process with all its threads, user's and kernel's together.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.cases import CASES, Case, task_of
from benchmarks.counted import check, run
from benchmarks.drivers import Driver, load
from benchmarks.upstream import keep_to_core

__all__ = ["serve"]


class Timed:
    """One driver's clients, one for each case, kept from order to order."""

    def __init__(self, driver: str, port: int) -> None:
        self._driver = load(driver)
        self._port = port
        self._clients: dict[Case, Driver] = {}
        self._fitting: dict[Case, int] = {}

    async def time(self, case: str, seconds: float, **changed: Any) -> dict[str, float]:
        """What a unit of a case costs in a burst of about so many seconds."""
        chosen = CASES[case]._replace(**changed)
        client = await self._client(chosen)
        if chosen not in self._fitting:
            await run(client, chosen, chosen.at_once)
            self._fit(chosen, await self._burst(client, chosen, chosen.at_once), seconds)
        elif chosen.at_once > 1:  # connections that have been idle for long are opened again
            await run(client, chosen, min(chosen.at_once, 64))
        burst = await self._burst(client, chosen, self._fitting[chosen])
        self._fit(chosen, burst, seconds)
        return burst

    async def first(self, case: str, times: int) -> float:
        """Microseconds from the call to the first chunk, by the clock on the wall.

        It is the lower quartile: what is above tells of whoever else wants the core.
        """
        client = await self._client(CASES[case])
        delays: list[float] = []
        for _ in range(times):
            began = time.perf_counter()
            reading = await client.stream()
            delays.append(reading.first - began)
        return statistics.quantiles(delays, n=4)[0] * 1e6

    async def crowd(self, streams: int) -> dict[str, float]:
        """Milliseconds until the first chunk, by the clock on the wall, of so many streams that
        begin at once and last for two seconds each: of the slowest of half of them (``p50``), and
        of 95 in a hundred (``p95``)."""
        case = CASES["stream"]._replace(answer="openai-stream-20-held")
        client = await self._client(case)
        began = time.perf_counter()
        readings = await asyncio.gather(*(client.stream() for _ in range(streams)))
        delays = sorted((reading.first - began) * 1e3 for reading in readings)
        return {f"p{part}": delays[math.ceil(streams * part / 100) - 1] for part in (50, 95)}

    async def waiting(self, calls: int) -> float:
        """Kilobytes of memory for each of so many calls that wait for their answer.

        This and what follows wants a process of its own: memory that was used before is used
        again, and shows in no figure.
        """
        await self.first("short-stream", 3)
        case = CASES["unary"]._replace(answer="openai-late")
        async with self._fresh(case) as client:
            before = _resident()
            waiting = [asyncio.create_task(_swallow(client.call())) for _ in range(calls)]
            await _settle(0.25)
            grown = _resident() - before
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return grown / calls

    async def paused(self, answer: str, streams: int) -> float:
        """Kilobytes for each of so many streams of which one chunk has been taken."""
        await self.first("short-stream", 3)
        case = CASES["stream"]._replace(answer=answer)
        async with self._fresh(case) as client:
            before = _resident()
            hold: Callable[[], Coroutine[Any, Any, object]] = getattr(client, "hold")  # noqa: B009
            held = await asyncio.gather(*(hold() for _ in range(streams)))
            await _settle(0.25)
            grown = _resident() - before
            del held
        return grown / streams

    async def growth(self, calls: int) -> float:
        """Kilobytes by which memory grows over so many calls, 64 at once."""
        case = CASES["unary-64"]
        client = await self._client(case)
        await run(client, case, calls // 10)
        before = _resident()
        await run(client, case, calls)
        return _resident() - before

    async def _client(self, case: Case) -> Driver:
        if case not in self._clients:
            self._clients[case] = client = self._driver(task_of(case, self._port))
            await check(client, case)
        return self._clients[case]

    @asynccontextmanager
    async def _fresh(self, case: Case) -> AsyncGenerator[Driver]:
        client = self._driver(task_of(case, self._port))
        try:
            yield client
        finally:
            await client.close()

    async def _burst(self, client: Driver, case: Case, runs: int) -> dict[str, float]:
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        await run(client, case, runs)
        wall = time.perf_counter() - wall
        await _settle()
        cpu = time.process_time() - cpu
        units = runs * case.units
        return {"cpu": cpu / units * 1e6, "wall": wall, "rate": units / wall, "runs": runs}

    def _fit(self, case: Case, burst: dict[str, float], seconds: float) -> None:
        """How many runs take about so long, by the wall: a slow upstream makes long bursts too."""
        fitting = int(seconds / (burst["wall"] / burst["runs"]))
        self._fitting[case] = max(fitting, case.at_once)


async def _swallow(call: Coroutine[Any, Any, str]) -> None:
    await call


async def _settle(step: float = 0.01) -> None:
    """Wait until nothing is done any more: log writers, connections that open or close."""
    for _ in range(100):
        before = time.process_time()
        await asyncio.sleep(step)
        if time.process_time() - before < step / 10:
            return


def _resident() -> float:
    """Kilobytes of memory that are in use now."""
    gc.collect()
    # statm and status are quicker, and out by megabytes: their counters are per processor
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        return next(float(line.split()[1]) for line in file if line.startswith("Rss:"))


def serve(timed: Timed, loop: asyncio.AbstractEventLoop) -> None:
    """Answer each order of stdin on stdout; whatever else writes to stdout goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        action = getattr(timed, order.pop("do"))
        try:
            said = loop.run_until_complete(asyncio.wait_for(action(**order), 300))
            answer = {"answer": said}
        except Exception as error:  # noqa: BLE001 - the other side says which peer failed, and how
            answer = {"failed": f"{type(error).__name__}: {error}"[:400]}
        print(json.dumps(answer), file=answers)


def main() -> None:
    """Serve until stdin ends."""
    keep_to_core(-1)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    serve(Timed(sys.argv[1], int(sys.argv[2])), loop)


if __name__ == "__main__":
    main()
