"""A watchdog for event loops: how long the longest single step of a loop keeps its processor busy.

It counts processor time of the loop's own thread, so that a busy machine is no finding, and it
replaces nothing but the function with which asyncio runs a callback.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Lag", "longest_step", "watching"]


@dataclass
class Lag:
    """The longest step so far: how many seconds of processor time, and what it was."""

    seconds: float = 0.0
    step: str = ""
    steps: int = 0


@contextmanager
def watching() -> Generator[Lag]:
    """Time every step of every loop of this thread.

    The garbage collector rests meanwhile: how long it takes depends on the rest of the process.
    """
    lag = Lag()
    handle: Any = asyncio.Handle
    run = handle._run

    def timed(self: Any) -> None:
        started = time.thread_time()
        run(self)
        took = time.thread_time() - started
        lag.steps += 1
        if took > lag.seconds:
            lag.seconds, lag.step = took, repr(self)[:300]

    was_on = gc.isenabled()
    gc.disable()
    handle._run = timed
    try:
        yield lag
    finally:
        handle._run = run
        if was_on:
            gc.enable()


def longest_step(work: Callable[[], Coroutine[Any, Any, object]], times: int = 3) -> Lag:
    """The longest step of this work on a loop of its own, in the best of several runs.

    The first run pays for what is imported and built on first use, and what others do to the
    processor's caches is not this work's.
    """
    best = Lag(float("inf"))
    for _ in range(times):
        with watching() as lag:
            asyncio.run(work())
        best = min(best, lag, key=lambda each: each.seconds)
    return best
