"""Closes connections with the event loop they live on, however that loop ends.

It knows nothing of what it closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from weakref import WeakSet

__all__ = ["Keeper"]


class Keeper:
    """Calls ``close`` once: when asked to, when it is let go, or when its loop ends.

    A loop that is run by ``asyncio.run`` closes every asynchronous generator that was started on
    it (``loop.shutdown_asyncgens``), and so this one. For a loop that is merely closed, by hand or
    by an old framework, its ``close`` does so before.
    """

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._generator = _kept(close)

    async def start(self) -> None:
        """Bind it to the running loop."""
        await anext(self._generator)
        _LoopEnd.of(asyncio.get_running_loop()).generators.add(self._generator)

    async def aclose(self) -> None:
        """Close now."""
        await self._generator.aclose()


async def _kept(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await close()


class _LoopEnd:
    """Stands in for ``close`` of an event loop: closes the generators before the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.generators = WeakSet[AsyncGenerator[None, None]]()
        self._loop = loop
        self._close: Callable[[], None] = loop.close

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _LoopEnd:
        """The one of this loop."""
        if isinstance(loop.close, cls):
            return loop.close
        end = cls(loop)
        with suppress(AttributeError):  # a loop that is written in C
            setattr(loop, "close", end)  # noqa: B010 - to a type checker it is a method
        return end

    def __call__(self) -> None:
        if not self._loop.is_running() and not self._loop.is_closed():
            for generator in list(self.generators):
                self._loop.run_until_complete(_closed(generator))
        self._close()


async def _closed(generator: AsyncGenerator[None, None]) -> None:
    await generator.aclose()
