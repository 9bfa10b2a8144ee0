"""The way from one event loop to Redis: a time limit, and a circuit breaker; it knows no limit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError, RedisError

from llmgate.errors import InvalidRequestError, LLMGateError, describe_value
from llmgate_redis.outage import Outage

if TYPE_CHECKING:
    from redis.asyncio.cluster import RedisCluster

__all__ = [
    "MOST_AT_ONCE",
    "Link",
    "Links",
    "RedisUnavailableError",
    "Script",
    "Server",
    "forget_closed",
]

Server: TypeAlias = "str | Callable[[], Redis | RedisCluster]"
_CONNECT = 1.0
"""Seconds for the first connection, and for each probe: a handshake may take longer than a call."""
_PROBES = 0.25
"""Seconds between two probes while Redis is away."""
_LONGEST_PAUSE = 10.0
"""Seconds before the first probe where Redis answers probes and nothing else."""
MOST_AT_ONCE = 4
"""Commands that one event loop has under way, and so the connections that it opens."""


class RedisUnavailableError(LLMGateError):
    """Redis could not be reached in time, or refused what it was asked."""


class Script:
    """A program in Lua, beside this module. It is sent whole where Redis does not know it yet."""

    def __init__(self, name: str) -> None:
        self.source = files("llmgate_redis").joinpath(name).read_text("utf-8")
        # the name that Redis gives to a script, not a protection
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def forget_closed(by_loop: dict[asyncio.AbstractEventLoop, Any]) -> None:
    """Drop what belongs to event loops that are closed. Other threads may add theirs meanwhile."""
    for loop in [*by_loop]:
        if loop.is_closed():
            by_loop.pop(loop, None)


class Links:
    """One process's links to a server: one for each event loop, since a connection has one."""

    def __init__(self, server: Server, timeout: float, outage: Outage) -> None:
        if not isinstance(server, str) and not callable(server):
            reason = f"expected an address or a function, got {describe_value(server)}"
            raise InvalidRequestError(reason, path="server")
        self._server, self._timeout, self.outage = server, timeout, outage
        self._by_loop: dict[asyncio.AbstractEventLoop, Link] = {}

    def current(self) -> Link:
        """The link of the event loop that runs."""
        loop = asyncio.get_running_loop()
        link = self._by_loop.get(loop)
        if link is None:
            forget_closed(self._by_loop)
            link = self._by_loop[loop] = Link(self._connect(), self._timeout, self.outage)
        return link

    async def aclose(self) -> None:
        """Close the link of the event loop that runs."""
        link = self._by_loop.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.aclose()

    def _connect(self) -> Redis | RedisCluster:
        if not isinstance(self._server, str):
            return self._server()
        # redis-py's own time limits and retries would hang a call for seconds
        make: Callable[..., Redis] = cast("Any", Redis).from_url  # it has no types of its own
        return make(self._server, **_PATIENCE)


_ABOUT_SCRIPTS = (NoScriptError, NoPermissionError)
_PATIENCE: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": _CONNECT,
    "retry": Retry(NoBackoff(), 0),
}


class Link:
    """Commands to Redis from one event loop. While it is away they fail at once; a task of its own
    looks whether it is back, so that no call waits for that."""

    def __init__(self, client: Redis | RedisCluster, timeout: float, outage: Outage) -> None:
        self._client: Any = client
        self._loop = asyncio.get_running_loop()
        self._timeout, self._outage = timeout, outage
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._limits = set[_TimeLimit]()
        self._connections = 0
        self._pause = _PROBES
        self._is_closed = self._sends_source = False
        self._probing: asyncio.Task[None] | None = None
        self.on_return: Callable[[], object] | None = None

    @property
    def is_away(self) -> bool:
        """Whether commands fail at once."""
        return self._probing is not None or self._is_closed

    async def execute(self, *command: Any) -> Any:
        """What Redis answers to a command.

        Raises:
            RedisUnavailableError: also at once, as long as Redis is away.
        """
        async with self._room:
            if self.is_away:
                raise RedisUnavailableError("Redis cannot be reached")
            try:
                async with asyncio.timeout(None) as scope:
                    limit = _TimeLimit(scope, self._loop, self._patience())
                    self._limits.add(limit)
                    try:
                        answer = await self._client.execute_command(*command)
                    finally:
                        limit.timer.cancel()
                        at_once = len(self._limits)
                        self._limits.discard(limit)
            except _ABOUT_SCRIPTS:
                raise
            except (RedisError, OSError, TimeoutError) as error:
                self._give_up(error)
                raise RedisUnavailableError(f"Redis cannot be reached: {_text(error)}") from error
            self._connections = max(self._connections, at_once)
            self._pause = _PROBES
            return answer

    def _patience(self) -> float:
        """Seconds for a command, which may have to open a connection first."""
        is_new = len(self._limits) >= self._connections
        return max(self._timeout, _CONNECT) if is_new else self._timeout

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """What a script returns; it is executed once, or not at all.

        Raises:
            RedisUnavailableError: also where it may have been executed.
        """
        if not self._sends_source:
            try:
                return await self.execute("EVALSHA", script.digest, len(keys), *keys, *arguments)
            except NoScriptError:
                pass
            except NoPermissionError:
                self._sends_source = True
        try:
            return await self.execute("EVAL", script.source, len(keys), *keys, *arguments)
        except NoPermissionError as error:
            self._give_up(error)
            raise RedisUnavailableError(f"Redis allows no scripts: {_text(error)}") from error

    async def aclose(self) -> None:
        """Close the connections."""
        self._is_closed = True
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        with suppress(RedisError, OSError):
            await self._client.aclose()

    def _give_up(self, error: BaseException) -> None:
        if self._probing is None and not self._is_closed:
            self._outage.begin(error)
            self._probing = self._loop.create_task(self._probe())
            self._connections = 1  # that of the probe
            for limit in self._limits:
                limit.end()

    async def _probe(self) -> None:
        """Ask until there is an answer."""
        await asyncio.sleep(self._pause - _PROBES)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        while True:
            await asyncio.sleep(_PROBES)
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT):
                    await self._client.execute_command("PING")
                break
        self._probing = None
        self._outage.end()
        if self.on_return is not None:
            self.on_return()


class _TimeLimit:
    """Ends a scope after seconds in which the event loop ran: where the program kept it from
    running, the answer may be there and not yet read, which is no fault of Redis."""

    __slots__ = ("_due", "_loop", "_scope", "_seconds", "timer")

    def __init__(
        self, scope: asyncio.Timeout, loop: asyncio.AbstractEventLoop, seconds: float
    ) -> None:
        self._scope, self._loop, self._seconds = scope, loop, seconds
        self._due = loop.time() + seconds
        self.timer = loop.call_at(self._due, self._ring)

    def end(self) -> None:
        """Let the scope time out now."""
        if not self._scope.expired():
            self._scope.reschedule(self._loop.time())

    def _ring(self) -> None:
        now = self._loop.time()
        if now - self._due > _LATE:
            self._due = now + self._seconds
            self.timer = self._loop.call_at(self._due, self._ring)
        else:
            self.end()


_LATE = 0.01


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
