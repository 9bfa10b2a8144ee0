"""Closes connections with the event loop they live on, however that loop ends.

It knows nothing of what it closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from weakref import WeakSet, finalize

__all__ = ["Keeper"]


class Keeper:
    """Calls ``close`` once: when asked to, when its owner is let go, or when its loop ends.

    A loop that is run by ``asyncio.run`` closes every asynchronous generator that was started on
    it (``loop.shutdown_asyncgens``), and so this one. For a loop that is merely closed, by hand or
    by an old framework, its ``close`` does so before.
    """

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self.is_closed = False
        self._generator = self._kept(close)

    async def start(self, owner: object) -> None:
        """Bind it to the running loop, and to its owner's life."""
        loop = asyncio.get_running_loop()
        await anext(self._generator)
        _LoopEnd.of(loop).keepers.add(self)
        # This also holds what is to be closed, so that no garbage collector finds it open.
        finalize(owner, self._close_soon, loop).atexit = False

    async def aclose(self) -> None:
        """Close now."""
        await self._generator.aclose()

    async def _kept(self, close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.is_closed = True
            await close()

    def _close_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not (self.is_closed or loop.is_closed()):
            loop.call_soon_threadsafe(lambda: loop.create_task(self.aclose()))


class _LoopEnd:
    """Stands in for ``close`` of an event loop: closes what is kept before the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.keepers = WeakSet[Keeper]()
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
            for keeper in list(self.keepers):
                if not keeper.is_closed:
                    self._loop.run_until_complete(keeper.aclose())
        self._close()
