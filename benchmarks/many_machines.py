"""Batches on one and on two nodes: calls a second, and what a call costs, against 0.2 s of latency.

.tools/ray/bin/python -m benchmarks.many_machines, after `make ray`; both nodes are this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from llmgate import Client
from llmgate.batch_files import batch_file
from llmgate_openai import OpenAI
from llmgate_ray import WorkerPlace, ray_batch
from tests.ray_nodes import add_node, start_head

UPSTREAM = Path(__file__).parents[1] / "extras/llmgate-ray/tests/upstream.py"
MODEL = "openai/gpt-4o-mini"
LATENCY = 0.2


@contextlib.contextmanager
def upstream(folder: Path) -> Generator[int]:
    """The port of a server on loopback."""
    command = [sys.executable, str(UPSTREAM), str(folder / "notes"), str(LATENCY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        assert server.stdin is not None
        server.stdin.close()


def seconds_of(pids: Iterable[int]) -> float:
    """The processor time of processes that are there."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def command_of(pid: int) -> str:
    """What a process was started with; nothing of one that ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    return ""


class Measured:
    """Calls a second and processor time a call, from when all workers are warm to the last record.

    Args:
        count: How many calls there are.
        pids: The groups of processes, once all of them are there; nothing before.
    """

    def __init__(self, count: int, pids: Callable[[], list[set[int]]]) -> None:
        self._count, self._pids = count, pids

    async def read(self, records: AsyncIterator[Any]) -> tuple[float, list[float]]:
        """Calls a second, and microseconds a call of each group of processes."""
        seen, first, began = 0, 0, 0.0
        before = list[float]()
        rate, spent = 0.0, list[float]()
        async for _ in records:
            seen += 1
            if not first and seen % 100 == 0 and self._pids():
                first = seen + self._count // 10
            if seen == first:
                before = [seconds_of(group) for group in self._pids()]
                began = time.perf_counter()
            if seen == self._count:
                rate = (seen - first) / (time.perf_counter() - began)
                after = [seconds_of(group) for group in self._pids()]
                spent = [(a - b) / (seen - first) for a, b in zip(after, before, strict=True)]
        return rate, [each * 1e6 for each in spent]


def client_of(port: int) -> Client:
    """One for the server."""
    return Client(providers={"openai": OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k")})


def children() -> set[int]:
    """All processes below this one."""
    parents = dict[int, int]()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = (path / "stat").read_text("utf-8").rpartition(")")[2].split()
            parents[int(path.name)] = int(fields[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


Row: TypeAlias = tuple[str, int, float, list[float]]


async def of_one_process(folder: Path, count: int, each: int, port: int) -> Row:
    """A plain batch."""

    def own() -> list[set[int]]:
        return [{os.getpid()}]

    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    async with client_of(port) as client:
        calls = folder / "in.jsonl"
        records = batch_file(calls, out, model=MODEL, concurrency=each, client=client)
        return "one process", each, *await Measured(count, own).read(records)


async def of_workers(
    folder: Path, count: int, each: int, port: int, workers: int, address: str
) -> Row:
    """A batch on the nodes: of the driver and its workers, and of Ray's own processes."""
    other = {pid for pid in children() if UPSTREAM.name not in command_of(pid)}

    def made(_: WorkerPlace) -> Client:
        (folder / f"pid-{os.getpid()}").touch()
        return client_of(port)

    def groups() -> list[set[int]]:
        pids = {int(path.name[4:]) for path in folder.glob("pid-*")} & children()
        return [{os.getpid(), *pids}, other - pids] if len(pids) == workers else []

    records = ray_batch(
        folder / "in.jsonl",
        Path(tempfile.mkdtemp(dir=folder)),
        model=MODEL,
        concurrency=each,
        client=made,
        workers=workers,
        address=address,
    )
    return f"workers: {workers}", each, *await Measured(count, groups).read(records)


def show(row: Row) -> None:
    """As a line of a table."""
    name, each, rate, spent = row
    costs = " | ".join(f"{cost:.0f}" for cost in spent)
    print(f"| {name} | {each} | {rate:.0f} | {costs} |", flush=True)


async def measure(folder: Path, count: int, rounds: int, concurrencies: list[int]) -> None:
    """Print a row for each."""
    lines = "".join(f"{json.dumps(f'p {number}')}\n" for number in range(count))
    (folder / "in.jsonl").write_text(lines, "utf-8")
    print("| | calls at once, each | calls a second | µs of CPU a call | of Ray itself |")
    print("|---|---|---|---|---|")
    cases = [each for _ in range(rounds) for each in concurrencies]
    for each in cases:
        with upstream(folder) as port:
            show(await of_one_process(folder, count, each, port))
    cluster = start_head(str(folder))
    try:
        add_node(cluster)
        for each in cases:
            for workers in (1, 2):
                with upstream(folder) as port:
                    show(await of_workers(folder, count, each, port, workers, cluster.address))
    finally:
        import_module("ray").shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[16, 64, 256])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray") as name:
        asyncio.run(measure(Path(name), given.calls, given.rounds, given.concurrency))
