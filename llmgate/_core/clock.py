"""One timer of an event loop for the limits of all calls on it, of which each would cost ten
thousand instructions. It knows no limit, and holds no loop.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref


class Waiting(Protocol):
    """What waits for a moment; it is told apart from others by identity."""

    def ring(self) -> None:
        """The moment has come. It raises nothing, and may wait for another."""
        ...


class Clock:
    """Rings whatever waits for a moment that has come.

    A timer of the loop is set to the soonest moment. It is not taken back when nothing waits for
    that any more: then it goes off for nothing, once in the time that calls are given.
    """

    __slots__ = ("__weakref__", "_alarms", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Waiting, float] = {}
        self._alarms: list[float] = []  # of the loop's timers, the soonest last

    def start(self, waiting: Waiting, at: float) -> None:
        """Ring at that moment, of ``time.monotonic``, in place of another. The loop runs."""
        self._waiting[waiting] = at
        self._set_alarm(at)

    def stop(self, waiting: Waiting) -> None:
        """Ring no more."""
        self._waiting.pop(waiting, None)

    def _set_alarm(self, at: float) -> None:
        """Set a timer, unless one goes off before."""
        if self._alarms and self._alarms[-1] <= at:
            return
        self._alarms.append(at)
        loop, seconds = asyncio.get_running_loop(), at - time.monotonic()
        loop.call_later(seconds, self._go_off, context=Context())  # of no call in particular

    def _go_off(self) -> None:
        self._alarms.pop()
        now = time.monotonic()
        try:
            for each, at in self._waiting.copy().items():  # one that is collected meanwhile stops
                if at <= now and self._waiting.pop(each, None) is not None:
                    each.ring()
        finally:
            if self._waiting:
                rest = len(self._waiting) * _REST
                self._set_alarm(max(min(self._waiting.values()), now + rest))


_REST = 2e-6
"""Seconds between two looks at all that wait, for each of them: many times what a look takes. So
ten thousand streams whose moments are all apart are rung 20 milliseconds late at the most."""


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock of a loop. Only its timers, and what waits, keep it: they end with the loop."""
    known = _clocks.get(loop)
    clock = None if known is None else known()
    if clock is None:
        clock = Clock()
        _clocks[loop] = ref(clock)
    return clock


_clocks: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[Clock]] = WeakKeyDictionary()
