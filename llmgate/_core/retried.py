"""Who is told at once that a call is retried: what holds other calls back needs not await its end.

Nobody is told unless a middleware asks for it, around the handler that makes the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from llmgate.errors import LLMGateError

__all__ = ["Told", "end_telling", "tell_of_retry", "tell_until_end"]

Told: TypeAlias = "tuple[Callable[[LLMGateError], None], Told | None]"
"""A function that neither waits nor raises, and what stands around it."""

_told: dict[asyncio.Task[Any] | None, Told] = {}
"""Of the tasks whose calls are under way: a variable of their contexts would cost ten times as
much. A task that a call starts tells nobody."""


def tell_until_end(tell: Callable[[LLMGateError], None]) -> asyncio.Task[Any] | None:
    """Have a function told of the retries in this task, until ``end_telling``."""
    task = asyncio.current_task()
    _told[task] = (tell, _told.get(task))
    return task


def end_telling(task: asyncio.Task[Any] | None) -> None:
    """Tell the last one that asked no more."""
    outer = _told[task][1]
    if outer is None:
        del _told[task]
    else:
        _told[task] = outer


def tell_of_retry(error: LLMGateError) -> None:
    """Tell with which error an attempt has failed that is followed by another one."""
    told = _told.get(asyncio.current_task()) if _told else None
    while told is not None:
        told[0](error)
        told = told[1]
