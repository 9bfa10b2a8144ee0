"""Closes connections with the event loop they live on, however that loop ends.

It does not know what it closes, and replaces nothing of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import Context
from weakref import WeakSet, finalize

_DAY = 24 * 3600.0


class Keeper:
    """Closes once: when asked to, when its owner is collected, or when its loop ends.

    A loop run by ``asyncio.run`` closes every asynchronous generator started on it
    (``loop.shutdown_asyncgens``), and so this one. A loop that is only closed, by hand or by an old
    framework, or that is collected unclosed, drops its timers. One timer holds an object that
    nothing else refers to, and whose finalizer notices. Nothing can be awaited at that point.

    Args:
        close: Closes what is kept, while the loop runs.
        abandon: Closes what is kept without awaiting, after the loop has ended.
        warn: Called before it closes, when the owner was collected while the loop goes on.
    """

    def __init__(
        self,
        close: Callable[[], Awaitable[None]],
        abandon: Callable[[], object],
        warn: Callable[[], object],
    ) -> None:
        self.is_closed = False
        self._generator = self._kept(close)
        self._closing = asyncio.Lock()
        self._abandon = abandon
        self._warn = warn
        self._timers = WeakSet[asyncio.TimerHandle]()  # only one, held by the loop alone

    async def start(self, owner: object) -> None:
        """Bind it to the running loop, and to its owner's life."""
        loop = asyncio.get_running_loop()
        await anext(self._generator)
        _LoopEnd(self).wait(loop)
        # This also refers to what is to be closed, so that it is not collected while open.
        finalize(owner, self._close_soon, loop).atexit = False

    async def aclose(self) -> None:
        """Close now."""
        async with self._closing:  # another task's must have ended before
            await self._generator.aclose()

    def loop_has_ended(self) -> None:
        """Close what has not been closed."""
        if not self.is_closed:
            self.is_closed = True
            self._abandon()

    def add_timer(self, timer: asyncio.TimerHandle) -> None:
        """Cancel this timer when it closes."""
        self._timers.add(timer)

    async def _kept(self, close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.is_closed = True
            for timer in self._timers:
                timer.cancel()
            await close()

    def _close_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not (self.is_closed or loop.is_closed()):
            loop.call_soon_threadsafe(lambda: loop.create_task(self._close_collected()))

    async def _close_collected(self) -> None:
        try:  # not reached where the loop ends now, as it does when ``asyncio.run`` has its result
            self._warn()
        finally:
            await self.aclose()


class _LoopEnd:
    """Tells a keeper when a loop ends; only a timer of that loop refers to this object."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a timer of the loop hold this object for another day."""
        timer = loop.call_later(_DAY, self.wait, loop, context=Context())
        self._keeper.add_timer(timer)

    def __del__(self) -> None:
        self._keeper.loop_has_ended()
