"""What runs on each node: an async client that makes the calls it is given, hundreds at once.

It knows nothing of Ray, of files, or of other workers: what it is given and what became of it go
through :meth:`BatchWorker.exchange`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from llmgate import Client
from llmgate.batch import BatchRecord, Budget, run_numbered
from llmgate.batch_files import encoded_line
from llmgate.errors import InvalidRequestError, describe_value
from llmgate_ray.place import WorkerPlace

__all__ = ["BatchWorker", "ClientFactory", "Result", "WorkerSettings"]

ClientFactory: TypeAlias = Callable[[WorkerPlace], Client]
"""Makes the client of a worker, in the worker's process."""


@dataclass(frozen=True)
class WorkerSettings:
    """What all workers of a batch are given."""

    common: Mapping[str, Any]
    concurrency: int
    client: ClientFactory | str | None = None
    with_costs: bool = False


class Result(NamedTuple):
    """What became of a call: its line for the output, and what the driver has to know of it."""

    place: int
    line: bytes
    error: str | None = None
    cost: Decimal | None = None
    model: str | None = None


class BatchWorker:
    """Makes calls, and keeps their results until they are fetched.

    Args:
        place: Which worker it is.
        settings: What all of them are given.
    """

    def __init__(self, place: WorkerPlace, settings: WorkerSettings) -> None:
        self._place, self._settings = place, settings
        self._calls: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self._results: deque[Result] = deque()
        self._has_results = asyncio.Event()
        self._has_many = asyncio.Event()
        self._many = max(_FEW, settings.concurrency // 2)
        self._unfinished = self._size = 0
        self._client: Client | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make its client."""
        factory = self._settings.client
        if factory is not None:
            make = _named(factory) if isinstance(factory, str) else factory
            self._client = make(self._place)
        self._running = asyncio.create_task(self._run())

    async def exchange(self, calls: Sequence[tuple[int, Any]], patience: float) -> list[Result]:
        """Take calls over, and hand out results of earlier ones, each of them once.

        Args:
            calls: With their places.
            patience: Seconds to wait for the first result. From then on further ones are waited
                for, 0.2 s at most, since each exchange costs as much as ten calls; with 0 there is
                no wait.

        Raises:
            BaseException: what ended the worker's batch.
        """
        self._unfinished += len(calls)
        for call in calls:
            self._calls.put_nowait(call)
        if patience:
            await self._wait(patience)
        found = list[Result]()
        size = 0
        while self._results and size < _MOST_BYTES:
            found.append(self._results.popleft())
            size += len(found[-1].line)
        self._size -= size
        if not self._results:
            self._has_results.clear()
            self._has_many.clear()
        return found

    async def aclose(self) -> None:
        """End it, and close its client's connections."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        if self._client is not None:
            await self._client.aclose()

    async def _wait(self, patience: float) -> None:
        assert self._running is not None  # noqa: S101 - start() comes first
        news = asyncio.create_task(self._has_results.wait())
        both: set[asyncio.Task[Any]] = {news, self._running}
        await asyncio.wait(both, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        if self._running.done():
            self._running.result()
        if self._results and self._unfinished:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GATHERING_SECONDS):
                    await self._has_many.wait()

    async def _run(self) -> None:
        settings = self._settings
        records = run_numbered(
            self._open_calls(),
            settings.common,
            settings.concurrency,
            self._client,
            budget=Budget(None),
        )
        async for record in records:
            self._results.append(self._result_of(record))
            self._has_results.set()
            self._unfinished -= 1
            self._size += len(self._results[-1].line)
            is_much = self._size >= _MOST_BYTES
            if is_much or len(self._results) >= self._many or not self._unfinished:
                self._has_many.set()

    async def _open_calls(self) -> AsyncIterator[tuple[int, Any]]:
        while True:
            yield await self._calls.get()

    def _result_of(self, record: BatchRecord) -> Result:
        line = encoded_line(record)
        if record.completion is None:
            return Result(record.index, line, f"{type(record.error).__name__}: {record.error}")
        if not self._settings.with_costs:
            return Result(record.index, line)
        completion = record.completion
        return Result(record.index, line, None, completion.cost, completion.model)


_GATHERING_SECONDS = 0.2
_FEW = 64
_MOST_BYTES = 1_000_000


def _named(name: str) -> ClientFactory:
    """The function that ``package.module:function`` names."""
    module, _, function = name.partition(":")
    factory: ClientFactory | None = None
    if module and function:
        factory = getattr(import_module(module), function, None)
    if not callable(factory):
        reason = f"expected 'module:function', got {describe_value(name)}"
        raise InvalidRequestError(reason, path="client")
    return factory
