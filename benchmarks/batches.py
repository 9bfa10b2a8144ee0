"""What a batch costs beside the same calls in a loop: processor time, and memory as rows go by.

    .venv/bin/python -m benchmarks.batches [--calls 100000]

Both are made 64 at once, by one client each, in a process of its own, of the C upstream.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cases import CASES, task_of
from benchmarks.drivers import KEY
from benchmarks.upstream import ROOT, Upstream
from llmgate import Client, abatch
from llmgate_openai import OpenAI

__all__ = ["main"]

_AT_ONCE = 64
_FIRST = 10_000
"""Rows after which memory is not to grow."""


def _memory() -> float:
    """The resident set, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _loop(client: Client, model: str, calls: int) -> None:
    left = iter(range(calls))

    async def some() -> None:
        for number in left:
            await client.acompletion(model, [{"role": "user", "content": f"Question {number}"}])

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


async def _batch(client: Client, model: str, calls: int) -> None:
    count, first = 0, 0.0
    prompts = (f"Question {number}" for number in range(calls))
    records = abatch(prompts, model=model, client=client, concurrency=_AT_ONCE)
    async for record in records:
        assert record.error is None, record.error
        count += 1
        if count == min(_FIRST, calls):
            first = _memory()
    assert count == calls
    print(f"{_memory() - first:.1f}", end=" ")


async def _measured(what: str, calls: int, port: int) -> None:
    """Make the calls of one kind, once the first hundred are behind; print what they cost."""
    task = task_of(CASES["unary"], port)
    provider = OpenAI(api_key=KEY, base_url=f"{task.url}/v1")
    async with Client(providers={"openai": provider}) as client:
        model = f"openai/{task.model}"
        await _loop(client, model, 100)
        began = time.process_time()
        await (_loop if what == "loop" else _batch)(client, model, calls)
        print(f"{(time.process_time() - began) / calls * 1e6:.1f}")


def _figures(calls: int, port: int) -> Iterator[tuple[str, str]]:
    for what in ("loop", "batch"):
        command = [sys.executable, "-m", "benchmarks.batches", "--calls", str(calls)]
        done = subprocess.run(
            [*command, "--what", what, "--port", str(port)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        yield what, done.stdout.strip()


def main() -> None:
    """Measure both, and print what a call costs in each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=100_000)
    options.add_argument("--what", choices=("loop", "batch"))
    options.add_argument("--port", type=int, default=0)
    chosen = options.parse_args()
    if chosen.what:
        asyncio.run(_measured(chosen.what, chosen.calls, chosen.port))
        return
    with Upstream() as upstream:
        figures = dict(_figures(chosen.calls, upstream.port))
    growth, batch = map(float, figures["batch"].split())
    loop = float(figures["loop"])
    print(f"a loop {loop:.0f} µs CPU a call, a batch {batch:.0f} µs: {batch / loop:.2f} times")
    print(f"memory after {_FIRST:,} rows: {growth:+.1f} MB at {chosen.calls:,}")


if __name__ == "__main__":
    main()
