"""aiohttp as well as it can be set up by hand, with orjson: what llmgate is held against.

Address, headers and timeouts are made once; there is no cookie jar, no redirect, no timer for the
whole call; a stream is split by hand from whatever has come. It checks and guards nothing.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import aiohttp
from yarl import URL

from benchmarks.drivers import Reading, Task
from benchmarks.drivers.fast_json import dumps, loads
from benchmarks.drivers.wire import DIALECTS, body_of, events_of, headers_of

__all__ = ["Client"]


class Client:
    """One session."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._wire = DIALECTS[task.dialect]
        self._url = URL(task.url + self._wire.path)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={**headers_of(task), "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=256 * 1024,
        )

    async def call(self) -> str:
        """One call."""
        async with self._post(stream=False) as response:
            return self._wire.text(loads(await response.read()))

    async def stream(self) -> Reading:
        """One stream, read in pieces as large as they come."""
        count, first, parts = 0, 0.0, list[str]()
        delta, rest = self._wire.delta, b""
        async with self._post(stream=True) as response:
            read = response.content.readany
            while piece := await read():
                events, rest = events_of(rest + piece if rest else piece)
                for event in events:
                    count += 1
                    if count == 1:
                        first = perf_counter()
                    if text := delta(loads(event)):
                        parts.append(text)
        return Reading(count, "".join(parts), first)

    async def hold(self) -> object:
        """A stream of which something has been read."""
        response = await self._post(stream=True)
        await response.content.readany()
        return response

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    def _post(self, *, stream: bool) -> Any:
        body = dumps(body_of(self._task, stream=stream))
        return self._session.post(self._url, data=body, allow_redirects=False)
