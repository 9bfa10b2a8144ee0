"""An event loop whose clock jumps to the next timer when nothing else is to be done.

    virtual_time.run(main)      # what sleeps for a day takes no time

It is for what happens in memory: nothing under it may wait for a socket or a thread.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["BEGINNING", "VirtualTimeLoop", "run"]

BEGINNING = 1000.0
"""What the clock says at first."""

Result = TypeVar("Result")


def run(main: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Like ``asyncio.run``. Within it ``time.monotonic`` is the loop's clock.

    Raises:
        RuntimeError: when everything waits for something that will never happen.
    """
    with _clock_of_the_loop(), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its time passes only while it would sleep, and then at once."""

    def __init__(self) -> None:
        self._selector_of_time = _Selector()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        """Seconds; they begin anywhere."""
        return self._selector_of_time.now


class _Selector(selectors.DefaultSelector):
    """Looks whether something is ready; instead of waiting, it moves the clock on."""

    now = BEGINNING

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen any more")
            self.now += timeout
        return ready


_monotonic = time.monotonic
_lock = threading.Lock()
_users = 0


def _now() -> float:
    """The time of the loop that runs in this thread; the clock's in all others."""
    loop = asyncio._get_running_loop()
    return loop.time() if isinstance(loop, VirtualTimeLoop) else _monotonic()


@contextmanager
def _clock_of_the_loop() -> Generator[None]:
    """Several threads may be in it at once; the last puts the clock back."""
    global _users  # noqa: PLW0603 - as there is one clock
    with _lock:
        _users += 1
        time.monotonic = _now
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                time.monotonic = _monotonic
