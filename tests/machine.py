"""How long a busy machine keeps this process from its work, which no promise of ours is about.

    delay = Delay()
    ...                                     # what is measured
    took - delay.seconds                    # what of it was its own

    await undisturbed(measure)              # where it is not only about how long something took

A promise in seconds holds for a program that has a processor when it can go on. Where others have
it, the system counts for each thread how long it could have run and did not; an idle machine counts
next to nothing, and a program that sleeps or is busy for too long is not excused by it. Nor is the
promise about collections of garbage, which go over all that a run of tests holds in memory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Mapping

import pytest

__all__ = ["Delay", "undisturbed", "wait_for", "wait_for_async"]

_TASKS = "/proc/self/task"
_FRESH = 0.02
"""Seconds for which a count serves again: to look at each thread takes its time, too."""

_DISTURBANCE = 0.01
"""Seconds without a processor that can change what comes of a limit of a fraction of a second."""

_collections = [0.0, 0.0]
"""When the last collection began, and how many seconds all of them took; no thread goes on then."""


def _collecting(phase: str, _: object) -> None:
    if phase == "start":
        _collections[0] = time.perf_counter()
    else:
        _collections[1] += time.perf_counter() - _collections[0]


gc.callbacks.append(_collecting)

_known: tuple[float, Mapping[str, int]] = (-1.0, {})


class Delay:
    """What has come together since this was made."""

    def __init__(self) -> None:
        self._before = _waits()
        self._collected = _collections[1]

    @property
    def seconds(self) -> float:
        """The sum over all threads, as one may wait for the other; 0 where nobody counts."""
        waits = _waits().items()
        waited = sum(max(0, now - self._before.get(thread, 0)) for thread, now in waits)
        return waited / 1e9 + _collections[1] - self._collected


async def undisturbed(measure: Callable[[], Awaitable[None]]) -> None:
    """Measure it, up to three times where the machine disturbs it.

    Which of several limits passes first, and how far a reply has come by then, is a promise about
    the program and the server on a machine that lets them go on. Where it did not, and it mattered,
    nothing was measured: the best of three counts. Undisturbed, there is one try.
    """
    for _ in range(2):
        delay = Delay()
        try:
            return await measure()
        except (Exception, pytest.fail.Exception):
            if delay.seconds < _DISTURBANCE:
                raise
    return await measure()


def _waits() -> Mapping[str, int]:
    """For each thread, for how many nanoseconds it has waited for a processor."""
    global _known  # noqa: PLW0603 - there is one process
    if time.perf_counter() - _known[0] > _FRESH:
        _known = (time.perf_counter(), dict(_counted()))
    return _known[1]


def _counted() -> list[tuple[str, int]]:
    try:
        threads = os.listdir(_TASKS)
    except OSError:  # it is no Linux
        return []
    return [(thread, waited) for thread in threads if (waited := _waited(thread)) is not None]


def _waited(thread: str) -> int | None:
    try:
        # without a file object, which would cost as much again
        file = os.open(f"{_TASKS}/{thread}/schedstat", os.O_RDONLY)
    except OSError:  # it has ended meanwhile, or nobody counts
        return None
    try:
        return int(os.read(file, 99).split()[1])
    except (OSError, IndexError):
        return None
    finally:
        os.close(file)


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether a condition comes true within this time, and what the machine delays it."""
    end, delay = time.monotonic() + seconds, Delay()
    while not condition():
        if time.monotonic() > end and time.monotonic() > end + delay.seconds:
            return False
        time.sleep(0.003)
    return True


async def wait_for_async(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """The same, while the loop goes on."""
    end, delay = time.monotonic() + seconds, Delay()
    while not condition():
        if time.monotonic() > end and time.monotonic() > end + delay.seconds:
            return False
        await asyncio.sleep(0.003)
    return True
