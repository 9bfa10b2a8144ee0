"""Bounds the time of a coroutine that mostly waits for work which has a deadline of its own.

A timer is set when it waits for anything else for the first time, which most calls never do.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from llmgate._core.deadline import Deadline

if TYPE_CHECKING:
    from llmgate.options import Timeout

__all__ = ["Guard"]

Result = TypeVar("Result")
Work: TypeAlias = Coroutine[Any, Any, Result]


class Guard:
    """Drives a coroutine from wait to wait, and sees at each whether that is for bounded work.

    ``timeout`` is the time of a call of this model that has started at a time of
    :func:`time.monotonic`.
    """

    __slots__ = ("_is_bounded", "_model", "_started", "_timeout")

    def __init__(self, timeout: Timeout, started: float, model: str) -> None:
        self._timeout, self._started, self._model = timeout, started, model

    @coroutine
    def bounded(self, work: Work[Result]) -> Generator[Any, Any, Result]:
        """What work gives that has a deadline of its own, awaited within what is guarded."""
        failures: list[BaseException] = []
        try:
            while True:
                waited = work.throw(failures.pop()) if failures else work.send(None)
                self._is_bounded = True
                try:
                    yield waited
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the work
                    failures.append(error)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # typeshed does not say which

    @coroutine
    def guarded(self, work: Work[Result]) -> Generator[Any, Any, Result]:
        """What work gives within the time of a call.

        Raises:
            DeadlineExceededError: when it is over before, and is waited for.
        """
        failures: list[BaseException] = []
        try:
            while True:
                self._is_bounded = False
                waited = work.throw(failures.pop()) if failures else work.send(None)
                if not self._is_bounded:
                    break
                try:
                    yield waited
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - likewise
                    failures.append(error)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # likewise
        deadline = Deadline(self._timeout)
        deadline.started = math.inf  # to enter also late: what waits already is then cancelled
        try:
            with deadline.limit():
                deadline.started = self._started
                deadline.update()
                return (yield from _continued(work, waited))
        finally:
            deadline.close()
        late = deadline.exceeded()
        late.model = self._model
        raise late


def _continued(work: Work[Result], waited: Any) -> Generator[Any, Any, Result]:
    """What work gives that waits for something now."""
    failures: list[BaseException] = []
    try:
        while True:
            try:
                yield waited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - likewise
                failures.append(error)
            waited = work.throw(failures.pop()) if failures else work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return] # likewise
