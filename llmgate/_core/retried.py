"""Listeners of the retries of a call, notified at once: who holds other calls back cannot wait for
the end of this one.

There are none unless a middleware listens, around the handler that makes the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from llmgate.errors import LLMGateError

Listeners: TypeAlias = "tuple[Callable[[LLMGateError], None], Listeners | None]"
"""A function that neither waits nor raises, and those that listened before it."""

_listeners: dict[asyncio.Task[Any] | None, Listeners] = {}
"""Of the tasks whose calls are under way: a variable of their contexts would cost ten times as
much. A task that a call starts has none."""


def listen_for_retries(listener: Callable[[LLMGateError], None]) -> asyncio.Task[Any] | None:
    """Have a function called with the error of each retry in this task, until
    ``stop_listening``."""
    task = asyncio.current_task()
    _listeners[task] = (listener, _listeners.get(task))
    return task


def stop_listening(task: asyncio.Task[Any] | None) -> None:
    """Take away the listener that came last."""
    earlier = _listeners[task][1]
    if earlier is None:
        del _listeners[task]
    else:
        _listeners[task] = earlier


def notify_of_retry(error: LLMGateError) -> None:
    """Call the listeners with the error of an attempt that is followed by another one."""
    listeners = _listeners.get(asyncio.current_task()) if _listeners else None
    while listeners is not None:
        listeners[0](error)
        listeners = listeners[1]
