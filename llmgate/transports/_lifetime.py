"""Closes connections with the event loop they live on, however that loop ends.

It knows nothing of what it closes, and replaces nothing of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import Context
from weakref import WeakSet, finalize

_DAY = 24 * 3600.0


class Keeper:
    """Closes once: when asked to, when its owner is collected, or when its loop ends.

    A loop that is run by ``asyncio.run`` closes every asynchronous generator that was started on
    it (``loop.shutdown_asyncgens``), and so this one. A loop that is merely closed, by hand or by
    an old framework, or that is collected unclosed, drops its timers: one of them holds an object
    that is held by nothing else, and notices. Nothing can be awaited any more then.

    Args:
        close: Closes what is kept, while the loop runs.
        abandon: Closes what is kept at once, after the loop has ended.
        warn: Called when the owner was collected and the loop goes on, before it closes.
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
        self._timers = WeakSet[asyncio.TimerHandle]()  # one, which the loop alone holds

    async def start(self, owner: object) -> None:
        """Bind it to the running loop, and to its owner's life."""
        loop = asyncio.get_running_loop()
        await anext(self._generator)
        _LoopEnd(self).wait(loop)
        # This also holds what is to be closed, so that no garbage collector finds it open.
        finalize(owner, self._close_soon, loop).atexit = False

    async def aclose(self) -> None:
        """Close now."""
        async with self._closing:  # another task's must have ended before
            await self._generator.aclose()

    def loop_has_ended(self) -> None:
        """Close what nobody has closed."""
        if not self.is_closed:
            self.is_closed = True
            self._abandon()

    def add_timer(self, timer: asyncio.TimerHandle) -> None:
        """Have a timer cancelled when it closes."""
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
    """Tells a keeper of the end of a loop, whose timer alone holds this object."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for another day."""
        timer = loop.call_later(_DAY, self.wait, loop, context=Context())
        self._keeper.add_timer(timer)

    def __del__(self) -> None:
        self._keeper.loop_has_ended()
