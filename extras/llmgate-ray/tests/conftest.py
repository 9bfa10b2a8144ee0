"""A cluster whose workers run in this process, and are lost when a test says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.batch import Budget
from llmgate.errors import ServerError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Message
from llmgate_ray.batch import source_of
from llmgate_ray.blocks import Ledger
from llmgate_ray.driver import Driver, RayRecord, WorkersLostError
from llmgate_ray.place import WorkerPlace
from llmgate_ray.shards import Shards
from llmgate_ray.worker import BatchWorker, Result, WorkerSettings


class Here:
    """A worker in this process."""

    def __init__(self, cluster: LocalCluster, number: int) -> None:
        place = WorkerPlace(number, cluster.count)
        self._worker = BatchWorker(place, cluster.settings)
        self._cluster, self.number = cluster, number
        self.is_lost = False
        self.calls: list[Any] = []
        self.results = 0

    async def start(self) -> None:
        """As an actor does."""
        if self._cluster.room <= 0:
            await asyncio.Event().wait()
        self._cluster.room -= 1
        self._check()
        await self._worker.start()

    async def exchange(self, calls: Sequence[tuple[int, Any]], patience: float) -> list[Result]:
        """A lost worker may have made calls of which nobody hears."""
        self.calls += [call for _, call in calls]
        self._cluster.blocks.append((self.number, len(calls)))
        results = await self._worker.exchange(calls, min(patience, 0.05))
        self.results += len(results)
        self._cluster.lose(self)
        self._check()
        return results

    async def aclose(self) -> None:
        """As an actor does."""
        self._check()
        await self._worker.aclose()
        self._cluster.closed += 1

    def kill(self) -> None:
        """Nothing it still does is heard of."""
        self.is_lost = True
        running = self._worker._running
        if running is not None:
            running.cancel()

    def _check(self) -> None:
        if self.is_lost:
            raise WorkersLostError("it is gone")


class LocalCluster:
    """Starts workers here. ``lose`` is called with each after an exchange; it may call ``kill``."""

    def __init__(self, count: int, settings: WorkerSettings) -> None:
        self.count, self.settings = count, settings
        self.lose: Callable[[Here], None] = lambda worker: None
        self.workers: list[Here] = []
        self.blocks: list[tuple[int, int]] = []
        self.closed = 0
        self.room = 1_000
        """How many more can be started; others wait for ever."""

    def worker(self, number: int) -> Here:
        """Another one."""
        self.workers.append(Here(self, number))
        return self.workers[-1]


class Echo(Middleware):
    """Answers with the prompt after a moment; all that it was asked stands in ``prompts``."""

    def __init__(self, prompts: list[str], seconds: float) -> None:
        self._prompts, self._seconds = prompts, seconds

    async def chat(self, call: Any, handler: Any) -> Completion:
        """Fails where the prompt says so."""
        prompt: str = call.messages[-1]["content"]
        self._prompts.append(prompt)
        await asyncio.sleep(self._seconds)
        if prompt.startswith("fail"):
            raise ServerError("oops", status=500)
        return Completion([Choice(Message(prompt), 0, "stop")])


class Batch:
    """A batch in a folder, which is run again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prompts: list[str] = []
        self.settings = WorkerSettings({"model": "fake/m"}, 8, self._client)
        self.cluster = LocalCluster(2, self.settings)
        self.seconds = 0.002
        self.size = 1_000
        self.budget = Budget(None)

    def _client(self, place: WorkerPlace) -> Client:
        echo = Echo(self.prompts, self.seconds)
        return Client(providers={"fake": FakeProvider()}, middleware=[echo])

    async def run(self, calls: Iterable[Any], most: int | None = None) -> list[RayRecord]:
        """The records, or the first of them."""
        found = list[RayRecord]()
        async with Shards(self.folder, self.size) as shards:
            items = (item for item in source_of(calls, None) if not shards.has(item.index, item.id))
            driver = Driver(Ledger(items), shards, self.cluster, self.budget, 8)
            try:
                async for record in driver.records():
                    found.append(record)
                    if len(found) == most:
                        break
            finally:
                await driver.aclose()
        return found

    def lines(self) -> list[dict[str, Any]]:
        """The output, in the order of the calls."""
        parts = sorted(self.folder.glob("part-*.jsonl"))
        lines = [
            json.loads(line) for part in parts for line in part.read_text("utf-8").splitlines()
        ]
        return sorted(lines, key=lambda line: line["index"])


@pytest.fixture(name="batch")
def _batch(tmp_path: Path) -> Batch:
    """One with two workers, eight calls at once each."""
    return Batch(tmp_path / "out")
