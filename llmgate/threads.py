"""Blocking calls beside the event loop, on threads for which nobody waits when a program ends."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["run_in_thread", "start_in_thread"]

Result = TypeVar("Result")


async def run_in_thread(function: Callable[[], Result]) -> Result:
    """What a blocking function returns, while the loop goes on.

    ``asyncio.to_thread`` waits for its threads at the end of ``asyncio.run`` and of the process,
    and has few of them: a function that never returns would hold up both, and other functions.
    """
    return await asyncio.wrap_future(start_in_thread(function))


def start_in_thread(function: Callable[[], Result]) -> Future[Result]:
    """The result to come of a function, which is called on a thread of its own."""
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # so that nobody who waits for it can cancel it
    work = contextvars.copy_context().run
    threading.Thread(
        target=work, args=(_settle, future, function), name="llmgate-blocking", daemon=True
    ).start()
    return future


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
