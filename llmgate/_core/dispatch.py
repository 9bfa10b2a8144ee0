"""Delivers events to hooks on a thread of their own, so that hooks delay no call.

Each client has one queue and one daemon thread, which the first event starts. If no thread can be
started, the thread that emits an event delivers it. The queue is bounded: see ``_MAX_EVENTS``. Lost
events are counted, and there is always a warning.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import cache, partial
from typing import Any, TypeAlias
from weakref import finalize, ref

from llmgate._text.json import is_number
from llmgate.errors import InvalidRequestError, describe_value
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    Event,
    Hook,
    RetryScheduled,
)

_MAX_EVENTS = 10_000
_MAX_BYTES = 64 * 1024 * 1024
"""The bounds of one client's queue. If an event would exceed them, the oldest events other than
``CallEnded`` are discarded to make room; if there are none, the event itself is discarded."""

Deliver: TypeAlias = Callable[[Any], object]
Entry: TypeAlias = tuple[int, int, Deliver, Event | None]
"""A growing number, a size in bytes, the functions to call, and the event to call them with. An
entry without an event is a marker: it says that all entries before it were delivered."""


class Dispatcher:
    """The hooks of one client: events are queued without waiting, and delivered one by one.

    Args:
        timeout: Seconds that :meth:`aclose`, and the end of the process, wait for hooks.

    Raises:
        InvalidRequestError: when ``timeout`` is not a number of seconds.
    """

    def __init__(self, timeout: float = 5.0) -> None:
        if not (is_number(timeout) and 0 <= timeout <= threading.TIMEOUT_MAX):
            reason = f"must be a number of seconds, 0 or more; got {describe_value(timeout)}"
            raise InvalidRequestError(reason, path="hook_timeout")
        self._queue = _EventQueue(timeout)
        finalize(self, self._queue.end).atexit = False

    @property
    def lost(self) -> int:
        """How many events were never delivered: the queue was full, or time ran out at the end."""
        return self._queue.lost

    def emitter(self, hooks: Collection[Hook]) -> Callable[[Event], None]:
        """A function that queues an event for these hooks; they are called soon, with the context
        variables that are current now. It never waits and never raises."""
        emit = partial(self._queue.put, partial(_call_in, copy_context(), hooks))
        filters: list[Callable[[Event], object]] = []
        for hook in hooks:
            wants: Any = getattr(hook, "wants", None)
            if not callable(wants):
                return emit
            filters.append(wants)
        return partial(_emit_if_wanted, filters, emit)

    def flush(self, seconds: float) -> bool:
        """Wait until all events so far were delivered; False when that takes longer."""
        return self._queue.flush(seconds)

    async def aclose(self) -> None:
        """Wait for hooks as long as ``timeout`` allows, warn of lost events, and end the thread.

        On the hooks' own thread it does not wait: a hook that waits for itself would never end.
        """
        queue, loop = self._queue, asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()
        if queue.when_delivered(lambda: loop.call_soon_threadsafe(_set_done, delivered)):
            try:
                async with asyncio.timeout(queue.timeout):
                    await delivered
            except TimeoutError:
                queue.discard()
        queue.end()
        queue.report()


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _call_in(context: Context, hooks: Iterable[Hook], event: Event) -> None:
    try:
        context.run(_call_each, hooks, event)
    except RuntimeError:  # in a child forked while the parent's thread held it
        context.copy().run(_call_each, hooks, event)


def _call_each(hooks: Iterable[Hook], event: Event) -> None:
    for hook in hooks:
        try:  # noqa: SIM105 - it costs a third of `suppress`
            hook(event)
        except BaseException:  # noqa: BLE001, S110 - a hook harms neither a call nor another hook
            pass


def _emit_if_wanted(
    filters: Iterable[Callable[[Event], object]], emit: Callable[[Event], None], event: Event
) -> None:
    for wants in filters:
        try:
            if not wants(event):
                continue
        except Exception:  # noqa: BLE001, S110 - let the hook itself see the event
            pass
        emit(event)
        return


class _EventQueue:
    """The queued events, and the thread that delivers them.

    The thread refers to this object, not to the dispatcher: so an unused client can be collected,
    which ends the thread after the queued events.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._is_ending = self._is_exiting = False
        self.reset()
        _queues.add(ref(self, _queues.discard))

    def reset(self) -> None:
        """Start afresh: a forked child does not have the thread, and its lock may be held. The
        parent delivers the queued events."""
        # Reentrant: a garbage collection while it is held may end a stream, which emits an event.
        self._lock = threading.RLock()
        self._alarm = threading.Lock()
        self._alarm.acquire()  # released to wake the sleeping thread
        self._sleeps = False
        self._thread: threading.Thread | None = None
        self._ends: deque[Entry] = deque()
        self._others: deque[Entry] = deque()
        self._number = self._bytes = 0
        self.lost = self._reported = 0
        self._has_logged = False

    # --- the emitting side ---

    def put(self, deliver: Deliver, event: Event) -> None:
        """Queue an event, unless the queue is full."""
        kind = type(event)
        measure = _SIZES.get(kind)
        size = 0 if measure is None else measure(event)
        entries = self._ends if kind is CallEnded else self._others
        with self._lock:
            waiting = len(self._ends) + len(self._others)
            is_full = waiting >= _MAX_EVENTS or self._bytes + size > _MAX_BYTES
            if not is_full or self._makes_room(size):
                self._append(entries, size, deliver, event)
        self._deliver_without_thread()

    def _deliver_without_thread(self) -> None:
        """Deliver the queued events on this thread, as no other thread exists or can be started."""
        if self._is_exiting or self._thread is None:
            self._deliver_waiting()

    def _makes_room(self, size: int) -> bool:
        while True:
            waiting = len(self._ends) + len(self._others)
            if waiting == 0 or (waiting < _MAX_EVENTS and self._bytes + size <= _MAX_BYTES):
                return True
            self.lost += 1
            if not self._others:
                return False
            self._bytes -= self._others.popleft()[1]

    def _append(
        self, entries: deque[Entry], size: int, deliver: Deliver, event: Event | None
    ) -> None:
        self._number += 1
        self._bytes += size
        entries.append((self._number, size, deliver, event))
        if self._is_exiting:
            return
        if self._thread is None:
            self._start()
        elif self._sleeps:
            self._wake()

    def _start(self) -> None:
        _flush_at_exit_once()
        self._thread = threading.Thread(target=self._run, name="llmgate-hooks", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # too many threads, or (Python 3.12) the interpreter is ending
            self._thread = None

    def _wake(self) -> None:
        self._sleeps = False
        self._alarm.release()

    # --- the delivering side ---

    def _run(self) -> None:
        while self._wait():
            self._deliver_waiting()

    def _wait(self) -> bool:
        """Sleep until there are events; False when there will be none."""
        with self._lock:
            if self._ends or self._others:
                return True
            if self._is_ending:
                self._thread = None
                return False
            self._sleeps = True
        self._alarm.acquire()
        return True

    def _deliver_waiting(self) -> None:
        while (entry := self._take()) is not None:
            try:  # noqa: SIM105 - likewise
                entry[2](entry[3])
            except BaseException:  # noqa: BLE001, S110 - for example from a closed loop
                pass
            del entry  # it holds an event, and an event may hold a completion
            if self.lost and not self._has_logged:
                self._has_logged = True
                _log("hooks are slower than calls: events are being dropped")

    def _take(self) -> Entry | None:
        with self._lock:
            ends, others = self._ends, self._others
            if others and (not ends or others[0][0] < ends[0][0]):
                entry = others.popleft()
            elif ends:
                entry = ends.popleft()
            else:
                return None
            self._bytes -= entry[1]
            return entry

    # --- its end ---

    def when_delivered(self, callback: Callable[[], object]) -> bool:
        """Call back, on the delivering thread, after all events so far. Returns False, and does not
        call, if there is nothing to wait for or this is the hooks' own thread."""
        with self._lock:
            is_idle = self._thread is None and not (self._ends or self._others)
            is_here = self._thread is threading.current_thread()
            if is_idle or is_here or self._is_exiting:
                return False
            self._append(self._ends, 0, lambda _: callback(), None)
        self._deliver_without_thread()
        return True

    def flush(self, seconds: float) -> bool:
        """Wait until all events so far were delivered; False when that takes longer."""
        delivered = threading.Event()
        return not self.when_delivered(delivered.set) or delivered.wait(seconds)

    def end(self) -> None:
        """End the thread as soon as the queue is empty."""
        with self._lock:
            self._is_ending = True
            if self._sleeps:
                self._wake()

    def discard(self) -> None:
        """Discard the queued events, and release those who wait for them."""
        with self._lock:
            entries = [*self._ends, *self._others]
            self._ends.clear()
            self._others.clear()
            self._bytes = 0
            self.lost += sum(entry[3] is not None for entry in entries)
        for entry in entries:
            if entry[3] is None:
                with suppress(RuntimeError):  # it calls into a loop that was closed
                    entry[2](None)

    def finish(self, seconds: float) -> None:
        """Wait for the hooks before the process ends; later events are delivered by the thread that
        emits them."""
        if self.flush(seconds):
            self._is_exiting = True
        else:
            self.discard()
        self.report()

    def report(self) -> None:
        """Warn of the events that were discarded since the last report."""
        with self._lock:
            number, self._reported = self.lost - self._reported, self.lost
        if number:
            text = f"hooks were too slow: {number} event{'s were' if number > 1 else ' was'} lost"
            _log(text)
            warnings.warn(f"llmgate: {text}", RuntimeWarning, stacklevel=3)


def _size_of_end(event: CallEnded) -> int:
    completion = event.completion
    if completion is None:
        return 0
    try:
        raw = completion.raw
        if raw:
            return len(raw)
        return sum(len(choice.message.content or "") for choice in completion.choices)
    except (AttributeError, TypeError):  # a plugin's completion that is not one
        return 0


def _size_of_failure(event: AttemptEnded | RetryScheduled) -> int:
    return len((event.error and event.error.body) or b"")


_SIZES: dict[type[Any], Callable[[Any], int]] = {
    AttemptStarted: lambda event: len(event.request.body),
    AttemptEnded: _size_of_failure,
    RetryScheduled: _size_of_failure,
    CallEnded: _size_of_end,
}
"""For each kind of event, roughly how many bytes it alone may keep in memory; 0 for other kinds."""


def _log(text: str) -> None:
    """Write to the logger ``llmgate``, if the program has set up logging."""
    import logging  # noqa: PLC0415 - rare

    logger = logging.getLogger("llmgate")
    if logger.hasHandlers():
        logger.warning(text)


# --- all queues of the process ------------------------------------------------------------

_queues: set[ref[_EventQueue]] = set()


def _living() -> list[_EventQueue]:
    return [queue for each in tuple(_queues) if (queue := each()) is not None]


@cache
def _flush_at_exit_once() -> None:
    atexit.register(_flush_at_exit)


def _flush_at_exit() -> None:
    """Wait for the hooks of all clients together, each for at most its own timeout."""
    started = time.monotonic()
    for queue in _living():
        queue.finish(max(0.0, queue.timeout - (time.monotonic() - started)))


def _reset_in_child() -> None:
    for queue in _living():
        queue.reset()


with suppress(AttributeError):  # there is no forking on Windows
    os.register_at_fork(after_in_child=_reset_in_child)
