"""The time limits of one call, and the one timer that enforces whichever of them comes first.

It cancels only what is awaited under ``with``; for a stream that nobody reads, it calls a function
when the total is over. It does what ``asyncio.timeout`` does, names the limit that was exceeded,
and costs a third.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from llmgate.errors import DeadlineExceededError

if TYPE_CHECKING:
    from llmgate.options import Timeout

__all__ = ["Deadline", "mark_phase"]


class Deadline:
    """Bounds what is awaited under ``with``, which ends without an exception when a limit passes::

    with deadline.limit():
        return await something
    raise deadline.exceeded()
    """

    __slots__ = (
        "_allowed",
        "_cancellations",
        "_cancelling_before",
        "_expire",
        "_loop",
        "_phase",
        "_seconds",
        "_task",
        "_timer",
        "_timer_at",
        "_until",
        "begun",
        "started",
        "timeout",
    )
    _loop: asyncio.AbstractEventLoop

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.started = time.monotonic()
        self.begun = False  # whether the response has begun: then first_token is no limit
        self._timer: asyncio.Handle | None = None
        self._expire: Callable[[], object] | None = None
        self._timer_at = self._until = math.inf
        self._task: asyncio.Task[object] | None = None
        self._cancellations = 0  # how often the task was cancelled since the limit passed

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds until the whole call must be over; infinity without a limit."""
        total = self.timeout.total
        return math.inf if total is None else total - self.elapsed()

    def limit(self, *, idle: bool = False) -> Self:
        """The limits from now on; ``idle`` when the next piece of a body is awaited."""
        timeout, now = self.timeout, time.monotonic()
        elapsed = now - self.started
        self._seconds = self._allowed = math.inf
        self._phase = "total"
        if timeout.total is not None:
            self._allowed, self._seconds = timeout.total, timeout.total - elapsed
        if idle and timeout.idle is not None and timeout.idle < self._seconds:
            self._allowed, self._seconds, self._phase = timeout.idle, timeout.idle, "idle"
        first = timeout.first_token
        if not self.begun and first is not None and first - elapsed < self._seconds:
            self._allowed, self._seconds, self._phase = first, first - elapsed, "first_token"
        self._until = now + self._seconds
        return self

    def update(self, *, idle: bool = False) -> None:
        """Compute the limits again, under ``with``."""
        if not self._cancellations:
            self.limit(idle=idle)
            if idle and self._seconds <= 0:  # what is ready at once would not be interrupted
                raise self.exceeded()
            self._schedule()

    def watch(self, expire: Callable[[], object]) -> None:
        """Call this when the total is over while nothing is awaited."""
        self._expire, self._loop = expire, asyncio.get_running_loop()
        if self._timer is None:
            self._start_timer(self.remaining())

    def close(self) -> None:
        """Cancel the timer: the call has ended."""
        self._expire = None
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def exceeded(self) -> DeadlineExceededError:
        """The error for the limit that passed."""
        reason = f"{_WAITED_FOR[self._phase]} within {self._allowed:.3g} s"
        return DeadlineExceededError(reason, phase=self._phase)

    def explains(self, error: BaseException | None) -> bool:
        """Whether a limit that passed caused this cancellation."""
        if self._cancellations and isinstance(error, asyncio.CancelledError):
            self._phase = getattr(error, _MARK, self._phase)
            return True
        return False

    def __enter__(self) -> None:
        if self._seconds <= 0:  # what is ready at once would never be interrupted
            raise self.exceeded()
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._cancelling_before = self._task.cancelling() if self._task is not None else 0
        self._cancellations = 0
        self._schedule()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        task, self._task = self._task, None
        if not self._cancellations or task is None:
            return False
        self._cancel_timer()
        left = [task.uncancel() for _ in range(self._cancellations)]
        by_others = left[-1] > self._cancelling_before
        return not by_others and self.explains(error)

    def _schedule(self) -> None:
        """Start a timer for the limit, or reuse a running one that fires before: it then checks
        whether the limit has moved."""
        if self._timer is None or self._until < self._timer_at:
            self._cancel_timer()
            idle = self.timeout.idle  # at most that, so that idle limits need no new timer
            self._start_timer(self._seconds if idle is None else min(idle, self._seconds))

    def _start_timer(self, seconds: float) -> None:
        if seconds < math.inf:
            self._timer_at = time.monotonic() + seconds
            self._timer = self._loop.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        """Check the limit; cancel one loop iteration later, after data that has arrived is read."""
        if self._has_passed():
            self._timer = self._loop.call_soon(self._cancel_task)

    def _cancel_task(self) -> None:
        """Cancel the task, and again after a while in case the cancellation was swallowed."""
        if self._has_passed() and self._task is not None:
            self._cancellations += 1
            self._task.cancel()
            self._start_timer(_CANCEL_INTERVAL)

    def _has_passed(self) -> bool:
        self._timer = None
        if self._task is None:  # nothing is awaited
            self._check_total()
            return False
        left = self._until - time.monotonic()
        if left > 0:
            self._start_timer(left)
        return left <= 0

    def _check_total(self) -> None:
        left, expire = self.remaining(), self._expire
        if expire is not None and left > 0:
            self._start_timer(left)
        elif expire is not None:
            self.limit()  # sets the phase and the seconds of the error
            expire()


_CANCEL_INTERVAL = 0.15
"""Seconds; longer than the request that cancels a call at its provider may take."""
_WAITED_FOR = {
    "connect": "no connection",
    "pool": "no free connection",
    "write": "the request was not sent",
    "first_token": "the response did not begin",
    "idle": "nothing came",
    "total": "no complete response",
}
_MARK = "_llmgate_phase"


def mark_phase(cancelled: asyncio.CancelledError, phase: str) -> None:
    """Attach to a cancellation the phase that it interrupted, for the deadline's error."""
    if not hasattr(cancelled, _MARK):
        setattr(cancelled, _MARK, phase)
