"""aiohttp as its documentation shows it, with ``json``: what most people write by hand."""

from __future__ import annotations

import json
from time import perf_counter

import aiohttp

from benchmarks.drivers import Reading, Task
from benchmarks.drivers.wire import DIALECTS, body_of, headers_of

__all__ = ["Client"]


class Client:
    """One session."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._wire = DIALECTS[task.dialect]
        self._url = task.url + self._wire.path
        self._session = aiohttp.ClientSession(headers=headers_of(task))

    async def call(self) -> str:
        """One call."""
        async with self._session.post(self._url, json=body_of(self._task)) as response:
            return self._wire.text(await response.json())

    async def stream(self) -> Reading:
        """One stream, line by line."""
        count, first, parts = 0, 0.0, list[str]()
        body = body_of(self._task, stream=True)
        async with self._session.post(self._url, json=body) as response:
            async for line in response.content:
                if not line.startswith(b"data: ") or line == b"data: [DONE]\n":
                    continue
                count += 1
                if count == 1:
                    first = perf_counter()
                if text := self._wire.delta(json.loads(line[6:])):
                    parts.append(text)
        return Reading(count, "".join(parts), first)

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()
