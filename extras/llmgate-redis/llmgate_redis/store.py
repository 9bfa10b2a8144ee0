"""A store of bytes by keys, in Redis, which the processes of many machines may share."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from llmgate_redis.link import (
    MOST_AT_ONCE,
    Link,
    Links,
    RedisUnavailableError,
    Server,
    forget_closed,
)
from llmgate_redis.outage import Change, Outage

__all__ = ["RedisStore"]


class RedisStore:
    """Values by keys, as :class:`llmgate.store.Store` says: for a cache, or a router's cooldowns.

    Every key ends some day: one that is kept for as long as there is room is kept for ``longest``
    seconds, or until Redis needs the room (see its ``maxmemory-policy``).

    Args:
        server: ``redis://host:port/0`` (``rediss://`` for TLS), or a function that makes a client
            of redis-py's: ``redis.asyncio.Redis``, of a Sentinel, or ``RedisCluster``.
        namespace: What keys begin with, as a tag: all of them are in one slot of a cluster.
        timeout: Seconds that Redis has for one command.
        largest: The bytes of the largest value that is kept.
        longest: Seconds after which a key ends that has no end of its own.
        on_change: Called when Redis goes away, and when it is back.
    """

    def __init__(
        self,
        server: Server,
        *,
        namespace: str = "llmgate",
        timeout: float = 0.05,
        largest: int = 8 * 1024 * 1024,
        longest: float = 30 * 86_400.0,
        on_change: Callable[[Change], object] | None = None,
    ) -> None:
        self._prefix = f"{{{namespace}}}:v:"
        self._largest, self._longest = largest, longest
        self._outage = Outage(f"RedisStore {namespace!r}", on_change)
        self._links = Links(server, timeout, self._outage)
        self._readers: dict[asyncio.AbstractEventLoop, _Reader] = {}

    @property
    def is_available(self) -> bool:
        """False while Redis is away."""
        return not self._outage.is_on

    async def get(self, key: str) -> bytes | None:
        """The value of a key, if it is there and its time is not over.

        Raises:
            RedisUnavailableError: when Redis is away.
        """
        return await self._reader().read(self._prefix + key)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep a value, unless it is too large.

        Raises:
            RedisUnavailableError: when Redis is away.
        """
        if len(value) > self._largest:
            await self.delete(key)
            return
        name = self._prefix + key
        await self._links.current().execute("SET", name, value, "PX", self._milliseconds(ttl))

    async def add(self, key: str, value: bytes, *, ttl: float | None = None) -> bool:
        """Keep a value where there is none, also of another process; whether it is kept.

        Raises:
            RedisUnavailableError: when Redis is away.
        """
        options = ("PX", self._milliseconds(ttl), "NX")
        answer = await self._links.current().execute("SET", self._prefix + key, value, *options)
        return answer is not None

    def _milliseconds(self, ttl: float | None) -> int:
        """How long a value is kept."""
        seconds = self._longest if ttl is None else min(ttl, self._longest)
        return max(1, math.ceil(seconds * 1000))

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there.

        Raises:
            RedisUnavailableError: when Redis is away.
        """
        await self._links.current().execute("DEL", self._prefix + key)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        self._readers.pop(asyncio.get_running_loop(), None)
        await self._links.aclose()

    def _reader(self) -> _Reader:
        loop = asyncio.get_running_loop()
        reader = self._readers.get(loop)
        if reader is None:
            forget_closed(self._readers)
            reader = self._readers[loop] = _Reader(self._links.current())
        return reader


class _Reader:
    """Reads of one event loop. Those that come while others are under way are one command."""

    def __init__(self, link: Link) -> None:
        self._link, self._loop = link, asyncio.get_running_loop()
        self._asked = list[tuple[str, asyncio.Future[bytes | None]]]()
        self._tasks = set[asyncio.Task[None]]()

    async def read(self, key: str) -> bytes | None:
        answer: asyncio.Future[bytes | None] = self._loop.create_future()
        self._asked.append((key, answer))
        if len(self._tasks) < MOST_AT_ONCE:
            task = self._loop.create_task(self._read_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _read_all(self) -> None:
        while self._asked:
            batch, self._asked = self._asked[:_MOST_KEYS], self._asked[_MOST_KEYS:]
            try:
                values = await self._link.execute("MGET", *[key for key, _ in batch])
            except BaseException as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(RedisUnavailableError(str(error)))
                if not isinstance(error, RedisUnavailableError):
                    raise
                continue
            for (_, answer), value in zip(batch, values, strict=True):
                if not answer.done():
                    answer.set_result(value)


_MOST_KEYS = 64
