"""Hands the calls of a batch to workers, writes what became of them, and replaces lost workers.

How workers are started and reached is a ``Cluster``'s matter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from llmgate.batch import BatchRecord, Budget
from llmgate.batch_files import encoded_line
from llmgate.errors import InvalidRequestError, LLMGateError
from llmgate_ray.blocks import Item, Ledger
from llmgate_ray.shards import Shards
from llmgate_ray.worker import Result

__all__ = ["Cluster", "Driver", "RayRecord", "WorkerHandle", "WorkersLostError"]


class WorkersLostError(LLMGateError):
    """A worker was lost, and so were those that took its place, before any of them did anything.

    What was done is in the output; run again, the batch goes on from there.
    """


@dataclass(frozen=True, slots=True)
class RayRecord:
    """What became of one call: its line in the output, and the error if it failed."""

    index: int
    id: str
    line: bytes
    error: str | None = None

    @property
    def text(self) -> str | None:
        """The text of the completion; None where there is none."""
        completion: Any = self.as_dict().get("completion") or {}
        for choice in completion.get("choices", ()):
            text: str | None = choice["message"]["content"]
            return text
        return None

    def as_dict(self) -> dict[str, Any]:
        """The line, read: ``index``, ``id``, and ``completion`` or ``error``."""
        read: dict[str, Any] = json.loads(self.line)
        return read


class WorkerHandle(Protocol):
    """A worker in another process.

    Its methods raise :class:`WorkersLostError` when it is not there any more.
    """

    async def start(self) -> None:
        """Wait until it runs, and have it make its client."""
        ...

    async def exchange(self, calls: Sequence[tuple[int, Any]], patience: float) -> list[Result]:
        """See :meth:`~llmgate_ray.worker.BatchWorker.exchange`."""
        ...

    async def aclose(self) -> None:
        """Let it close its client's connections."""
        ...

    def kill(self) -> None:
        """End its process, whether it is there or not."""
        ...


class Cluster(Protocol):
    """Where workers run."""

    count: int
    """How many are wanted."""

    def worker(self, number: int) -> WorkerHandle:
        """Begin to start a worker."""
        ...


class Driver:
    """One run of a batch.

    Args:
        ledger: The calls.
        shards: The output, which is open.
        cluster: What starts workers.
        budget: What the calls may cost.
        concurrency: The most calls that a worker makes at once.
    """

    def __init__(
        self, ledger: Ledger, shards: Shards, cluster: Cluster, budget: Budget, concurrency: int
    ) -> None:
        self._ledger, self._shards, self._cluster = ledger, shards, cluster
        self._budget = budget
        self._concurrency = concurrency
        self._most = concurrency + max(_LEAST_AHEAD, concurrency)
        self._records: asyncio.Queue[RayRecord | BaseException | None] = asyncio.Queue(_MOST_AHEAD)
        self._running: asyncio.Task[None] | None = None

    async def records(self) -> AsyncIterator[RayRecord]:
        """What became of each call, as it is known; the calls are made as this is read.

        Raises:
            WorkersLostError: when no worker stays alive.
            LLMGateError: what a worker's client, or the output, raised.
        """
        self._running = asyncio.create_task(self._run())
        while (record := await self._records.get()) is not None:
            if isinstance(record, BaseException):
                raise record
            yield record
        self._budget.check()

    async def aclose(self) -> None:
        """End what still runs, the workers included."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        self._ledger.close()

    async def _run(self) -> None:
        """Have the calls made, by so many workers, until all are done or one cannot be kept."""
        slots = {
            asyncio.create_task(self._keep_worker(number)) for number in range(self._cluster.count)
        }
        over = asyncio.create_task(self._ledger.over.wait())
        try:
            while not over.done():
                waited: set[asyncio.Task[Any]] = {over, *slots}
                ended, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                slots -= ended
                for each in ended:
                    each.result()
            await self._close(slots)
        except Exception as error:  # noqa: BLE001 - it is raised where records are read
            await self._records.put(error)
        else:
            await self._records.put(None)
        finally:
            over.cancel()
            for slot in slots:
                slot.cancel()
            if slots:
                await asyncio.wait(slots)

    async def _close(self, slots: set[asyncio.Task[None]]) -> None:
        """All is done: workers that are there close their connections, others are not awaited."""
        if slots:
            await asyncio.wait(slots, timeout=_CLOSING_SECONDS)

    async def _keep_worker(self, number: int) -> None:
        """One worker, and those that take its place, until all calls are done."""
        lost = 0
        while not self._ledger.over.is_set():
            worker = self._cluster.worker(number)
            held: dict[int, Item] = {}
            had_result = False
            try:
                if await self._started(worker):
                    async for _ in self._feed(worker, held):
                        had_result = True
                    await worker.aclose()
            except WorkersLostError:
                lost = 1 if had_result else lost + 1
                if lost >= _MOST_LOST and not self._ledger.over.is_set():
                    raise
                await self._give_back(held)
                await asyncio.sleep(_PAUSE_SECONDS * (lost - 1))
            finally:
                worker.kill()

    async def _started(self, worker: WorkerHandle) -> bool:
        """Whether the worker runs before all is done: there may never be room for it."""
        starting = asyncio.create_task(worker.start())
        over = asyncio.create_task(self._ledger.over.wait())
        both: set[asyncio.Task[Any]] = {starting, over}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return False
            await starting
        finally:
            starting.cancel()
            over.cancel()
        return True

    async def _feed(self, worker: WorkerHandle, held: dict[int, Item]) -> AsyncIterator[int]:
        """Give a worker calls and take its results until all is done; how many came each time."""
        while True:
            given = await self._next_block(held)
            held.update((item.index, item) for item in given)
            if not held:
                if not await self._ledger.has_more():
                    return
                continue
            has_room = bool(given) and self._room(held) > 0
            calls = [(item.index, item.call) for item in given]
            results = await worker.exchange(calls, 0 if has_room else _PATIENCE_SECONDS)
            if results:
                await self._take(results, held)
                yield len(results)

    def _room(self, held: Mapping[int, Item]) -> int:
        """How many more calls a worker may have, if above 0; none beside those that may end it."""
        has_suspects = any(item.is_suspect for item in islice(held.values(), 1))
        if has_suspects:
            return 0
        is_large = sum(item.size for item in held.values()) > _MOST_BYTES
        return (self._concurrency if is_large else self._most) - len(held)

    async def _next_block(self, held: Mapping[int, Item]) -> list[Item]:
        """A few more calls for a worker; of those that are none, there are records at once."""
        room = self._room(held)
        if room <= 0:
            return []
        taken = await self._ledger.take(min(room, _BLOCK), is_idle=not held)
        if taken and not self._budget.allows_a_call():
            self._ledger.stop()
            await self._ledger.settle(len(taken))
            return []
        wrong = [item for item in taken if isinstance(item.call, LLMGateError)]
        await self._fail([(item, item.call) for item in wrong])
        return [item for item in taken if not isinstance(item.call, LLMGateError)]

    async def _take(self, results: Sequence[Result], held: dict[int, Item]) -> None:
        """Write results, and pass them on."""
        known = [(held.pop(each.place), each) for each in results if each.place in held]
        await self._shards.add([result.line for _, result in known])
        for item, result in known:
            if result.error is None:
                self._budget.count(result.cost, result.model)
            await self._records.put(RayRecord(item.index, item.id, result.line, result.error))
        await self._ledger.settle(len(known))

    async def _fail(self, failed: Sequence[tuple[Item, LLMGateError]]) -> None:
        """Records of calls that no worker makes."""
        for item, error in failed:
            line = encoded_line(BatchRecord(item.index, item.id, error=error))
            await self._shards.add([line])
            shown = f"{type(error).__name__}: {error}"
            await self._records.put(RayRecord(item.index, item.id, line, shown))
        await self._ledger.settle(len(failed))

    async def _give_back(self, held: dict[int, Item]) -> None:
        """Have the calls of a lost worker made by others, but for those that many were lost with.

        A call that ends its worker, as by its size, would otherwise end all of them.
        """
        hopeless = [item for item in held.values() if item.losses + 1 >= _MOST_LOSSES]
        reason = f"each of {_MOST_LOSSES} workers was lost while it made this call"
        await self._fail([(item, WorkersLostError(reason)) for item in hopeless])
        await self._ledger.give_back(each for each in held.values() if each not in hopeless)


_BLOCK = 128
"""The most calls that are handed out at once."""
_LEAST_AHEAD = 128
_MOST_BYTES = 8_000_000
"""Of the calls that a worker has, beyond which none is ahead of those that it makes."""
_MOST_AHEAD = 1_000
_MOST_LOST = 4
_MOST_LOSSES = 5
_PATIENCE_SECONDS = 1.0
_PAUSE_SECONDS = 0.5
_CLOSING_SECONDS = 5.0


def check_count(value: object, path: str) -> None:
    """Raise unless it is an integer above 0."""
    if type(value) is not int or value < 1:
        raise InvalidRequestError(f"expected an integer above 0, got {value!r:.80}", path=path)
