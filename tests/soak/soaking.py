"""Long loads, each a function that makes very many calls and says what was left behind.

It measures and judges nothing: the limits are in ``__main__`` and in the tests.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmgate import Client, abatch
from tests.faults.calls import MODEL, client_of

__all__ = [
    "Growth",
    "abandoned",
    "batched",
    "cancelled",
    "looped",
    "measured",
    "said",
    "serving",
    "together",
    "unary",
    "warm",
]

ROOT = Path(__file__).parents[2]
AT_ONCE = 20
"""How many calls are under way at a time."""


@dataclass
class Growth:
    """What a load left behind. Memory is the resident set, in MB, and grows after the warm-up."""

    name: str
    calls: int = 0
    seconds: float = 0.0
    before: float = 0.0
    after: float = 0.0
    sockets: int = 0
    open_at_server: int = 0
    warned: list[str] = field(default_factory=list[str])
    held: list[str] = field(default_factory=list[str])

    @property
    def memory(self) -> float:
        """By how much memory grew, in MB."""
        return self.after - self.before


@contextmanager
def serving() -> Generator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.soak.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


@contextmanager
def measured(name: str, url: str) -> Generator[Growth]:
    """Count sockets and warnings; what is done inside counts its calls and its memory."""
    growth = Growth(name)
    gc.collect()
    sockets, started = _sockets(), time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield growth
        gc.collect()
    growth.seconds = time.monotonic() - started
    growth.after = _memory()
    growth.sockets = _sockets() - sockets
    growth.open_at_server = _open_at(url)
    growth.warned = [str(warning.message) for warning in caught]


def looped(url: str, calls: int, loops: int) -> Growth:
    """Streams that are read to their end, over so many event loops, with one client for all."""
    client = client_of(url)
    with measured(f"streams over {loops} loops", url) as growth:
        for number in range(loops):
            if number == max(1, loops // 10):
                warm(growth)
            asyncio.run(together(calls // loops, lambda: _read(client)))
            growth.calls += calls // loops
        asyncio.run(client.aclose())
    return growth


def unary(url: str, calls: int) -> Growth:
    """Calls that are answered whole, on one loop."""

    async def run(growth: Growth) -> None:
        async with client_of(url) as client:
            for number in range(10):
                if number == 1:
                    warm(growth)
                await together(calls // 10, lambda: client.acompletion(MODEL, said("Hi")))
                growth.calls += calls // 10

    with measured("whole answers", url) as growth:
        asyncio.run(run(growth))
    return growth


def batched(url: str, calls: int) -> Growth:
    """The rows of one batch, read as they are needed."""

    async def run(growth: Growth) -> None:
        async with client_of(url) as client:
            rows = ("Hi" for _ in range(calls))
            async for record in abatch(rows, model=MODEL, client=client, concurrency=AT_ONCE):
                assert record.error is None, record.error
                growth.calls += 1
                if growth.calls == calls // 10:
                    warm(growth)

    with measured("rows of a batch", url) as growth:
        asyncio.run(run(growth))
    return growth


def abandoned(url: str, calls: int) -> Growth:
    """Streams of which every other one is left by ``break``, with half of its answer still owed."""

    async def run(growth: Growth) -> None:
        async with client_of(url) as client:
            for number in range(10):
                if number == 1:
                    warm(growth)
                await together(calls // 20, lambda: _leave(client))
                await together(calls // 20, lambda: _read(client))
                growth.calls += calls // 20 * 2

    with measured("streams, half of them left", url) as growth:
        asyncio.run(run(growth))
    return growth


def cancelled(url: str, rounds: int, seed: int = 1) -> Growth:
    """A pool of four under calls that are cancelled at random, and cancelled again while they end.

    After each round as many healthy calls as the pool has places must be answered within two
    seconds, or a ``TimeoutError`` comes out.
    """
    chance = random.Random(seed)

    async def run(growth: Growth) -> None:
        async with client_of(url, limit=4) as client:
            for _ in range(rounds):
                await _torment(client, chance)
                growth.calls += 40
                async with asyncio.timeout(2):
                    await together(4, lambda: client.acompletion(MODEL, said("Hi")), 4)
                if growth.calls == 40:
                    warm(growth)

    with measured(f"{rounds} rounds of cancellation", url) as growth:
        asyncio.run(run(growth))
    return growth


# --- calls --------------------------------------------------------------------------------


def said(text: str) -> list[Any]:
    """A conversation."""
    return [{"role": "user", "content": text}]


async def _read(client: Client) -> None:
    stream = await client.acompletion(MODEL, said("Hi"), stream=True)
    texts = [text async for text in stream.text()]
    assert len(texts) == 10


async def _leave(client: Client) -> None:
    async for _ in await client.acompletion(MODEL, said("half"), stream=True):
        break


async def _torment(client: Client, chance: random.Random) -> None:
    """Forty calls of every kind, each cancelled once or twice at some time, or not at all."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: client.acompletion(MODEL, said("Hi")),
        lambda: client.acompletion(MODEL, said("never")),
        lambda: _read(client),
        lambda: _stay(client),
    ]
    tasks = [asyncio.ensure_future(chance.choice(calls)()) for _ in range(40)]
    for task in chance.sample(tasks, len(tasks)):
        await asyncio.sleep(chance.choice((0, 0, 0.0005, 0.002)))
        task.cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(chance.choice((0, 0, 0.0002)))
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    wrong = [
        result
        for result in results
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError)
    ]
    assert not wrong, wrong[0]


async def _stay(client: Client) -> None:
    """Wait in the middle of a stream."""
    async for _ in await client.acompletion(MODEL, said("half"), stream=True):
        pass


async def together(
    calls: int, call: Callable[[], Awaitable[object]], at_once: int = AT_ONCE
) -> None:
    """So many calls, of which so many are under way at a time."""
    left = iter(range(calls))

    async def work(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work(left))


# --- what is left -------------------------------------------------------------------------


def warm(growth: Growth) -> None:
    """From here on memory is not to grow."""
    gc.collect()
    growth.before = _memory()


def _memory() -> float:
    """The resident set of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _sockets() -> int:
    """How many sockets this process holds."""
    names: list[str] = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that lists them is gone already
            names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(name.startswith("socket:") for name in names)


def _open_at(url: str, patience: float = 2.0) -> int:
    """How many connections the server still holds, once it had time to see them close."""
    end = time.monotonic() + patience
    while (count := asyncio.run(_asked(url))) and time.monotonic() < end:
        time.sleep(0.05)
    return count


async def _asked(url: str) -> int:
    port = int(url.rpartition(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    count = int(await reader.read(20))
    writer.close()
    await writer.wait_closed()
    return count
