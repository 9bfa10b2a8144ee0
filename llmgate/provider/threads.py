"""Runs blocking calls beside the event loop, on threads that do not delay the end of a program.

The loop's default executor is the user's: its threads may all be busy, and it ends with the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["BoundedThreads", "run_in_thread", "start_in_thread"]

Result = TypeVar("Result")


async def run_in_thread(function: Callable[[], Result]) -> Result:
    """The result of a blocking function, while the loop goes on.

    ``asyncio.to_thread`` waits for its threads at the end of ``asyncio.run`` and of the process,
    and has few of them: a function that never returns would hold up both, and other functions.
    """
    loop = asyncio.get_running_loop()  # without one, as in a look at a request, nothing is begun
    return await asyncio.wrap_future(start_in_thread(function), loop=loop)


def start_in_thread(function: Callable[[], Result]) -> Future[Result]:
    """A future with the result of a function, which is called on its own thread.

    Where the process is ending and starts no thread any more, it is called at once.
    """
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
    context = contextvars.copy_context()
    _start(lambda: context.run(_settle, future, function))
    return future


class BoundedThreads:
    """Calls blocking functions on threads, so many at a time at most; others wait for their turn.

    A function whose caller has been cancelled meanwhile is not called any more.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._free = limit
        self._waiting = deque[Callable[[], object]]()

    async def run(self, function: Callable[[], Result]) -> Result:
        """What a function returns, while the loop goes on."""
        future: Future[Result] = Future()
        context = contextvars.copy_context()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                context.run(_settle, future, function)

        with self._lock:
            is_free = self._free > 0
            if is_free:
                self._free -= 1
            else:
                self._waiting.append(work)
        if is_free:
            _start(lambda: self._work(work))
        return await asyncio.wrap_future(future)

    def _work(self, work: Callable[[], object] | None) -> None:
        while work is not None:
            work()
            work = self._next()

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._free += 1
            return None


def _start(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, name="llmgate-blocking", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # after the main thread's end, Python 3.12 and later start none
        work()


def _settle(future: Future[Result], function: Callable[[], Result]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - whoever waits is to have it
        future.set_exception(_bearable(error))
    else:
        future.set_result(result)


def _bearable(error: BaseException) -> Exception:
    """An exception that may be raised where something is awaited: it ends neither loop nor program,
    and a future can hold it."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"it ended with {type(error).__name__}")
