"""Bounds the time of a coroutine that mostly waits for work which has a deadline of its own.

A timer is set when it waits for anything else for the first time, which most calls never do.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import lru_cache
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from llmgate._core.deadline import Deadline
from llmgate.options import Timeout

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.options import ChatCall
    from llmgate.reranking import RerankCall

Result = TypeVar("Result")
Work: TypeAlias = Coroutine[Any, Any, Result]
TimeOfCall: TypeAlias = "tuple[ChatCall | EmbeddingCall | RerankCall, Timeout, float]"
"""A call, the timeout of those that have none, and when it began by :func:`time.monotonic`."""

GRACE = 0.05
"""Seconds by which a call's own deadline comes before the one around its middleware. So a late
request can say itself what it waited for, before the outer deadline merely cancels it."""


class Guard:
    """Drives a coroutine from wait to wait, and checks at each whether it waits for bounded work.

    ``timeout`` is the time of a call of this model; ``started`` is when it began
    (:func:`time.monotonic`).
    """

    __slots__ = ("_deadline", "_is_bounded", "_model", "_started", "_timeout")

    def __init__(self, timeout: Timeout, started: float, model: str) -> None:
        self._timeout, self._started, self._model = timeout, started, model
        self._is_bounded = False
        self._deadline: Deadline | None = None

    def bounded(self, work: Work[Result]) -> Awaitable[Result]:
        """The result of work with its own deadline, awaited inside the guarded coroutine."""
        return self._driven(work, True)

    async def guarded(self, work: Work[Result]) -> Result:
        """The result of work within the time of a call.

        Raises:
            DeadlineExceededError: when the time is over first, while the work is awaited.
        """
        try:
            result = await self._driven(work, False)
        except BaseException as error:
            deadline = self._deadline
            if deadline is None or not _has_ended(deadline, error):
                raise
        else:
            if self._deadline is not None:
                _has_ended(self._deadline, None)
            return result
        late = deadline.exceeded()
        late.model = self._model
        raise late

    @coroutine
    def _driven(self, work: Work[Result], is_bounded: bool) -> Generator[Any, Any, Result]:
        failures: list[BaseException] = []
        try:
            while True:
                waited = work.throw(failures.pop()) if failures else work.send(None)
                if is_bounded:
                    self._is_bounded = True
                elif self._is_bounded:
                    self._is_bounded = False
                elif self._deadline is None:
                    self._deadline = self._begun()
                try:
                    yield waited
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - any exception is passed to the work
                    failures.append(error)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # typeshed does not say which

    def _begun(self) -> Deadline:
        """The deadline, active from now on; if it has passed already, it cancels at once."""
        deadline = Deadline(self._timeout)
        deadline.started = math.inf  # else it would not be entered
        deadline.limit().__enter__()
        deadline.started = self._started
        deadline.update()
        return deadline


@lru_cache(maxsize=64)
def whole(total: float | None) -> Timeout:
    """A timeout with the total limit alone, in seconds."""
    return Timeout(total, None, None, None)


def give_time(handler: Callable[..., Any], time: TimeOfCall) -> None:
    """Attach the time of the call to a handler, for :func:`in_time_of`."""
    handler.__dict__[_TIME] = time


def in_time_of(handler: Callable[..., Any], work: Work[Result]) -> Awaitable[Result]:
    """The result of work within the time of the call that a handler makes. If the handler does not
    know that time, the whole call is guarded already.

    Raises:
        DeadlineExceededError: when the time is over first.
    """
    known: TimeOfCall | None = getattr(handler, _TIME, None)
    if known is None:
        return work
    call, default, began = known
    timeout = whole((call.timeout or default).total)
    return Guard(timeout, began + GRACE, call.model).guarded(work)


_TIME = "_llmgate_time_of_call"


def _has_ended(deadline: Deadline, error: BaseException | None) -> bool:
    """Leave a deadline; returns whether it was the deadline that interrupted the work."""
    try:
        return deadline.__exit__(None if error is None else type(error), error, None)
    finally:
        deadline.close()
