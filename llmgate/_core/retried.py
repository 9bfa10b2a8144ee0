"""Listeners for the retries of a call. They are notified at once, since a limit that holds other
calls back cannot wait for the end of this one.

There are none unless a middleware listens, around the handler that makes the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from llmgate.errors import LLMGateError

Listeners: TypeAlias = "tuple[Callable[[LLMGateError], None], Listeners | None]"
"""A function that neither waits nor raises, and the listeners before it."""

_listeners: dict[asyncio.Task[Any] | None, Listeners] = {}
"""By the tasks whose calls are running: a context variable would cost ten times as much. A task
that a call starts has none."""


def listen_for_retries(listener: Callable[[LLMGateError], None]) -> asyncio.Task[Any] | None:
    """Call this function with the error of each retry in this task, until ``stop_listening``."""
    task = asyncio.current_task()
    _listeners[task] = (listener, _listeners.get(task))
    return task


def stop_listening(task: asyncio.Task[Any] | None) -> None:
    """Remove the listener that was added last."""
    earlier = _listeners[task][1]
    if earlier is None:
        del _listeners[task]
    else:
        _listeners[task] = earlier


def notify_of_retry(error: LLMGateError) -> None:
    """Call the listeners with the error of an attempt that is being retried."""
    listeners = _listeners.get(asyncio.current_task()) if _listeners else None
    while listeners is not None:
        listeners[0](error)
        listeners = listeners[1]
