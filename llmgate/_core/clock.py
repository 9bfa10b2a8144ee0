"""One timer per event loop for the limits of all its calls: a timer for each limit would cost ten
thousand instructions. It does not know the limits, and holds no reference to the loop.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref


class Waiting(Protocol):
    """Something that waits for a moment; it is compared by identity."""

    def ring(self) -> None:
        """Called when the moment has come. It must not raise, and may wait for another moment."""
        ...


class Clock:
    """Rings everything whose moment has come.

    One timer of the loop is set to the soonest moment. It is not cancelled when nothing waits for
    that moment any more: it then fires in vain, once per timeout of a call.
    """

    __slots__ = ("__weakref__", "_alarms", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Waiting, float] = {}
        self._alarms: list[float] = []  # of the loop's timers, the soonest last

    def start(self, waiting: Waiting, at: float) -> None:
        """Ring it at that moment of ``time.monotonic``, in place of an earlier request. The loop
        must run."""
        self._waiting[waiting] = at
        self._set_alarm(at)

    def stop(self, waiting: Waiting) -> None:
        """Do not ring it any more."""
        self._waiting.pop(waiting, None)

    def _set_alarm(self, at: float) -> None:
        """Set a timer, unless an earlier one is set."""
        if self._alarms and self._alarms[-1] <= at:
            return
        self._alarms.append(at)
        loop, seconds = asyncio.get_running_loop(), at - time.monotonic()
        loop.call_later(seconds, self._go_off, context=Context())  # not that of any one call

    def _go_off(self) -> None:
        self._alarms.pop()
        now = time.monotonic()
        try:
            for each, at in self._waiting.copy().items():  # one collected meanwhile stops
                if at <= now and self._waiting.pop(each, None) is not None:
                    each.ring()
        finally:
            if self._waiting:
                rest = len(self._waiting) * _REST
                self._set_alarm(max(min(self._waiting.values()), now + rest))


_REST = 2e-6
"""Seconds between two looks at everything that waits, per item: many times what a look costs. So
ten thousand streams with different moments are rung at most 20 milliseconds late."""


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock of a loop. Only its timers and what waits refer to it; they end with the loop."""
    known = _clocks.get(loop)
    clock = None if known is None else known()
    if clock is None:
        clock = Clock()
        _clocks[loop] = ref(clock)
    return clock


_clocks: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[Clock]] = WeakKeyDictionary()
