"""The time limits of one call; the loop's clock enforces whichever comes first.

It cancels only what is awaited under ``with``; for a stream that nobody reads, it calls a function
when the total is over. It does what ``asyncio.timeout`` does, names the limit that was exceeded,
and costs less than a third.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from llmgate._core.clock import Clock, clock_of
from llmgate.errors import DeadlineExceededError
from llmgate.transports._waiting import phase_of

if TYPE_CHECKING:
    from llmgate.options import Timeout

_Limit: TypeAlias = tuple[float, float, str]
"""When the limit passes, its length in seconds, and the name of its phase."""


class Deadline:
    """Bounds what is awaited under ``with``, which ends without an exception when a limit passes::

    with deadline.limit():
        return await something
    raise deadline.exceeded()
    """

    __slots__ = (
        "_cancellations",
        "_cancelling_before",
        "_clock",
        "_context",
        "_expire",
        "_handed_over",
        "_loop",
        "_passed",
        "_received_at",
        "_soon",
        "_task",
        "_timer_at",
        "_total_at",
        "_unread",
        "begun",
        "started",
        "timeout",
    )
    _loop: asyncio.AbstractEventLoop
    _context: Context
    _handed_over: float | None  # when the stream was, until it is read for the first time
    _unread: float  # seconds between the two

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.started = time.monotonic()
        self.begun = False  # whether the response has begun: then first_token is no limit
        self._clock: Clock | None = None  # while it waits there
        self._soon: asyncio.Handle | None = None  # what is done in the loop's next iteration
        self._expire: Callable[[], object] | None = None
        self._timer_at = self._total_at = math.inf
        self._received_at: float | None = None  # the last piece, while the next is awaited
        self._passed: _Limit | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancellations = 0  # how often it cancelled the task since the limit passed

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds until the whole call must be over; infinity without a limit."""
        total = self.timeout.total
        return math.inf if total is None else total - self.elapsed()

    def limit(self, *, idle: bool = False) -> Self:
        """The limits from now on; ``idle`` when the next piece of a body is awaited."""
        self._received_at = time.monotonic() if idle else None
        self._passed = None
        return self

    def update(self, *, idle: bool = False) -> None:
        """Compute the limits again, under ``with``."""
        if self._cancellations:
            return
        if not idle:
            self._received_at = None
            self._schedule(self._soonest()[0], time.monotonic())
            return
        self._received_at = time.monotonic()
        if self._received_at >= self._total_at:  # what is ready at once would not be interrupted
            raise self.exceeded()

    def _soonest(self) -> _Limit:
        """The limit that passes first."""
        timeout, started, received = self.timeout, self.started, self._received_at
        total, idle, first = timeout.total, timeout.idle, timeout.first_token
        soonest = _NO_LIMIT if total is None else (started + total, total, "total")
        self._total_at = soonest[0]
        if received is not None and idle is not None and received + idle < soonest[0]:
            soonest = received + idle, idle, "idle"
        if first is not None and not self.begun:
            at = self._first_token_at(first)
            if at < soonest[0]:
                soonest = at, first, "first_token"
        return soonest

    def _first_token_at(self, first: float) -> float:
        """When the first token is late; it is not the provider's delay that nobody reads yet."""
        at = self.started + first
        if self._expire is None:
            return at
        if self._handed_over is not None and self._received_at is not None:
            self._unread, self._handed_over = self._received_at - self._handed_over, None
        return at + self._unread

    def watch(self, expire: Callable[[], object]) -> None:
        """Call this function when the total is over while nothing is awaited."""
        self._expire, self._loop = expire, asyncio.get_running_loop()
        self._context = copy_context()
        if self.timeout.first_token is not None:
            self._unread, self._handed_over = 0.0, time.monotonic()
        if self._clock is None and self._soon is None:
            self._start_timer(self.remaining())

    def close(self) -> None:
        """Cancel the timer: the call has ended."""
        self._expire = None
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._clock is not None:
            self._clock.stop(self)
            self._clock = None
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def exceeded(self) -> DeadlineExceededError:
        """The error for the limit that passed."""
        _, allowed, phase = self._passed or self._soonest()
        reason = f"{_WAITED_FOR[phase]} within {allowed:.3g} s"
        return DeadlineExceededError(reason, phase=phase)

    def explains(self, error: BaseException | None) -> bool:
        """Whether a limit that passed caused this cancellation."""
        if self._passed is None or not isinstance(error, asyncio.CancelledError):
            return False
        at, allowed, phase = self._passed
        self._passed = at, allowed, phase_of(error) or phase
        return True

    def __enter__(self) -> None:
        until, now = self._soonest()[0], time.monotonic()
        if until <= now:  # what is ready at once would never be interrupted
            raise self.exceeded()
        self._loop = loop = asyncio.get_running_loop()
        self._task = task = asyncio.current_task(loop)
        self._cancelling_before = task.cancelling() if task is not None else 0
        self._cancellations = 0
        self._schedule(until, now)

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

    def _schedule(self, until: float, now: float) -> None:
        """Start a timer for the limit, or reuse a running one that fires before: it then checks
        whether the limit has moved."""
        is_timed = self._clock is not None or self._soon is not None
        if not is_timed or until < self._timer_at:
            self._cancel_timer()
            self._start_timer(until - now)

    def _start_timer(self, seconds: float) -> None:
        """Start a timer of so many seconds, or of the idle limit if that is less, so that idle
        limits need no new timer."""
        idle = self.timeout.idle
        if idle is not None and idle < seconds:
            seconds = idle
        if seconds < math.inf:
            self._timer_at = time.monotonic() + seconds
            self._clock = clock_of(self._loop)
            self._clock.start(self, self._timer_at)

    def ring(self) -> None:
        """Check the limit; cancel one loop iteration later, after data that has arrived is read."""
        if self._has_passed():
            self._soon = self._loop.call_soon(self._cancel_task)

    def _cancel_task(self) -> None:
        """Cancel the task, and again after a while in case the cancellation was swallowed."""
        if self._has_passed() and self._task is not None:
            self._passed = self._passed or self._soonest()
            self._cancellations += 1
            self._task.cancel()
            self._start_timer(_CANCEL_INTERVAL)

    def _has_passed(self) -> bool:
        self._clock = self._soon = None
        if self._task is None:  # nothing is awaited
            self._check_total()
            return False
        left = (self._passed or self._soonest())[0] - time.monotonic()
        if left > 0:
            self._start_timer(left)
        return left <= 0

    def _check_total(self) -> None:
        left, expire = self.remaining(), self._expire
        if expire is not None and left > 0:
            self._start_timer(left)
        elif expire is not None:
            total = self.timeout.total or 0.0
            self._passed = self.started + total, total, "total"
            self._soon = self._loop.call_soon(expire, context=self._context)


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
_NO_LIMIT: _Limit = math.inf, math.inf, "total"
