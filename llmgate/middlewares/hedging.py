"""Hedges work: does it a second time if the first takes long, and uses the first result.

It knows neither what the work is nor who does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias, TypeVar

from llmgate._core.stream import Stream

__all__ = ["hedged"]

Result = TypeVar("Result")
Outcome: TypeAlias = "Result | BaseException | None"


async def hedged(
    first: Awaitable[Result | None],
    after: float,
    hedge: Callable[[], Awaitable[Result | None] | None],
) -> Result | None:
    """The result of the first work, or of the second, which begins after ``after`` seconds.

    A result of None means that this work failed and the other may still succeed; an exception ends
    both. The slower work is cancelled, and has ended when this returns.

    Args:
        first: The work.
        after: Seconds.
        hedge: Makes the second work; it may return None for no second work.
    """
    works = [_task(first)]
    winner: asyncio.Task[Outcome[Result]] | None = None
    try:
        await asyncio.wait(works, timeout=after)
        if not works[0].done() and (second := hedge()) is not None:
            works.append(_task(second))
        winner = await _first_done(works)
    finally:
        await _stop(work for work in works if work is not winner)
    if winner is None:
        return None
    result = winner.result()
    if isinstance(result, BaseException):
        raise result
    return result


def _task(work: Awaitable[Result | None]) -> asyncio.Task[Outcome[Result]]:
    """A task in which an interrupt does not end the loop: it is raised where the task is
    awaited."""

    async def done() -> Outcome[Result]:
        try:
            return await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised where the task is awaited
            return error

    return asyncio.get_running_loop().create_task(done())


async def _first_done(
    works: list[asyncio.Task[Outcome[Result]]],
) -> asyncio.Task[Outcome[Result]] | None:
    """The first task that returned a result, or raised; None when all have failed."""
    waiting = set(works)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work in done and work.result() is not None:
                return work
    return None


async def _stop(works: Iterable[asyncio.Task[Outcome[Result]]]) -> None:
    """Cancel what is not done, and close late results. Cancelling a call at its provider goes on
    after this."""
    late = [*works]
    for work in late:
        work.cancel()
    if not late:
        return
    done, _ = await asyncio.wait(late, timeout=_CANCEL_SECONDS)
    for work in done:
        result = None if work.cancelled() else work.result()
        if isinstance(result, Stream):
            await result.aclose()


_CANCEL_SECONDS = 0.2
"""Seconds to wait for cancelled work to end."""
