"""The time limit for connecting, which counts only time in which the event loop ran.

It knows no HTTP library.
"""

from __future__ import annotations

import asyncio

_STEPS = 8


class ConnectLimit:
    """Ends what an ``asyncio.timeout(None)`` encloses, a number of seconds after :meth:`start`.

    The seconds are counted in eight steps, each a timer of the loop. Code that blocks the loop uses
    up one step, no matter how long it blocks; whatever the server did meanwhile is then seen before
    the next step is over.
    """

    __slots__ = ("_seconds", "_step", "_steps_left", "_timeout")

    def __init__(self, timeout: asyncio.Timeout, seconds: float | None) -> None:
        self._timeout = timeout
        self._seconds = seconds
        self._steps_left = _STEPS
        self._step: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to count."""
        self._steps_left = _STEPS
        self._next()

    def stop(self) -> None:
        """Stop counting: there is a connection, or the attempt failed."""
        if self._step is not None:
            self._step.cancel()
            self._step = None

    def _next(self) -> None:
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._step = loop.call_later(self._seconds / _STEPS, self._passed)

    def _passed(self) -> None:
        self._steps_left -= 1
        if self._steps_left:
            self._next()
        else:
            self._timeout.reschedule(asyncio.get_running_loop().time())
