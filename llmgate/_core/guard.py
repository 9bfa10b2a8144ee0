"""Bounds the time of a coroutine that mostly waits for work which has a deadline of its own.

A timer is set when it waits for anything else for the first time, which most calls never do.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from llmgate._core.deadline import Deadline

if TYPE_CHECKING:
    from llmgate.options import Timeout

__all__ = ["Guard"]

Result = TypeVar("Result")
Work: TypeAlias = Coroutine[Any, Any, Result]


class Guard(Deadline):
    """A deadline that begins to count when what it bounds waits for other than bounded work.

    ``timeout`` is the time of a call of this model that has started at a time of
    :func:`time.monotonic`.
    """

    __slots__ = ("_call_started", "_is_bounded", "_model")

    def __init__(self, timeout: Timeout, started: float, model: str) -> None:
        super().__init__(timeout)
        self._call_started, self._model, self._is_bounded = started, model, False

    def __enter__(self) -> None:
        """Nothing: most calls need no timer."""

    def bounded(self, work: Work[Result]) -> Awaitable[Result]:
        """What work gives that has a deadline of its own, awaited within what is guarded."""
        return _driven(work, self._bounded_work_waits)

    async def guarded(self, work: Work[Result]) -> Result:
        """What work gives within the time of a call.

        Raises:
            DeadlineExceededError: when it is over before, and is waited for.
        """
        try:
            with self:
                return await _driven(work, self._work_waits)
        finally:
            self.close()
        late = self.exceeded()
        late.model = self._model
        raise late

    def _bounded_work_waits(self) -> None:
        self._is_bounded = True

    def _work_waits(self) -> None:
        if self._is_bounded:
            self._is_bounded = False
        elif self._task is None:
            self.started = math.inf  # to enter also late: what waits already is then cancelled
            super().__enter__()
            self.started = self._call_started
            self.update()


@coroutine
def _driven(work: Work[Result], waits: Callable[[], None]) -> Generator[Any, Any, Result]:
    """What work gives; ``waits`` is called each time it waits for something."""
    failures: list[BaseException] = []
    try:
        while True:
            waited = work.throw(failures.pop()) if failures else work.send(None)
            waits()
            try:
                yield waited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the work
                failures.append(error)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return] # typeshed does not say which
