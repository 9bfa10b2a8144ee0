"""One call with its fallbacks: the next target is asked after a failure, or beside a slow target.
It does not decide the order of the targets.

The class of an error decides: after a target's fault the next target is asked; the caller's own
faults are raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from llmgate._core.retry import RetryBudget, RetryPolicy
from llmgate._core.state import attempts_of
from llmgate._core.stream import Stream
from llmgate._exchange import Attempt, Exchange
from llmgate.errors import (
    ContentFilterError,
    ContextWindowError,
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    RateLimitError,
    RequestError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
    TransportError,
)
from llmgate.middleware import StreamEnd
from llmgate.middlewares.targets import Target, TargetState

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.options import ChatCall
    from llmgate.types import Completion

__all__ = ["Hedging", "Run", "ask_simple", "retries_of"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")

_FAULTS_OF_A_TARGET = (
    *(RateLimitError, OverloadedError, ServerError, RequestTimeoutError),
    *(TransportError, StreamTruncatedError, DecodeError),
)
"""The errors after which another target may succeed. For deadlines, see ``_is_fault``."""


class Run(Generic[Call, Result]):
    """One call on its way from target to target."""

    __slots__ = (
        "_asked",
        "_failures",
        "_handler",
        "_hedging",
        "_is_single",
        "call",
        "error",
        "tried",
    )

    def __init__(
        self,
        call: Call,
        handler: Callable[[Call], Awaitable[Result]],
        hedging: Hedging,
        *,
        is_single: bool,
    ) -> None:
        self.call, self._handler, self._hedging = call, handler, hedging
        self._is_single = is_single
        self.tried: list[TargetState] = []
        self.error: LLMGateError | None = None
        self._failures: list[tuple[Target, LLMGateError]] = []
        self._asked: list[_Asked] = []

    async def ask(self, waiting: list[TargetState]) -> Result | None:
        """The result of the next target, or of another one that is asked when it is slow; None if a
        further target may be asked."""
        state = self._take_ready(waiting)
        if state.cooled and state.shared is not None:
            state = await self._take_probe(state, waiting)
        after = self._hedge_after(state.target)
        if after is None:
            result = await self._ask(state, self._retries(state, waiting))
            return self._with_attempts(result)
        given = state.target.retries_of(self.call)
        most = self._hedging.policy.max_retries if given is None else given
        if type(most) is not int or most < 1:
            result = await self._ask(state, self._retries(state, waiting))
            return self._with_attempts(result)
        if any(each.is_ready() for each in waiting):
            retries, spare = self._retries(state, waiting), None
        else:  # it is itself asked again, which counts as a retry
            retries, spare = most - 1, state
        first = _First(state, retries, spare)
        return await self._hedged(first, after, waiting)

    async def _hedged(
        self, first: _First, after: float, waiting: list[TargetState]
    ) -> Result | None:
        """The result of one of two targets; None if both have failed, and a further one may be
        asked."""
        from llmgate.middlewares.hedging import hedged  # noqa: PLC0415 - only for calls that hedge

        def hedge() -> Awaitable[Result | None] | None:
            ready = (each for each in waiting if each.answers and each.is_ready())
            other = next(ready, first.spare)
            if other is None or not (other.answers and self._hedging.budget.spend()):
                return None  # a hedge is never a probe
            if other is first.spare:
                return self._ask(other, 0)
            waiting.remove(other)
            self.tried.append(other)
            return self._ask(other, self._retries(other, waiting))

        due = time.monotonic() + after
        try:
            result = await hedged(self._ask(first.state, first.retries), after, hedge)
        except LLMGateError as error:
            error.attempts = self._attempts()
            raise
        if result is not None:
            return self._with_attempts(result)
        if first.spare is not None and len(self._asked) == 1 and self._may_retry(due):
            await asyncio.sleep(due - time.monotonic())
            return self._with_attempts(await self._ask(first.spare, 0))
        return None

    def _may_retry(self, due: float) -> bool:
        """Whether the request reserved for a hedge may be made as a retry when it is due, since the
        target has failed before."""
        error, is_allowed = self.error, False
        with suppress(Exception):  # the engine reports what the caller's policy raises
            is_allowed = error is not None and self._hedging.policy.allows(error, 0, answered=True)
        seconds = (error and error.retry_after) or 0.0
        return is_allowed and seconds <= due - time.monotonic()

    def _retries(self, state: TargetState, followers: list[TargetState]) -> int | None:
        return retries_of(self.call, state, followers)

    def _hedge_after(self, target: Target) -> float | None:
        if self.call.hedge_after is not None:
            return self.call.hedge_after
        return self._hedging.after if target.hedge_after is None else target.hedge_after

    def _take_ready(self, waiting: list[TargetState]) -> TargetState:
        """Take the next target that may be asked. If there is none, wait for one that is at its
        limit; if all that remain are cooling down, take the one that is ready soonest.

        Raises:
            LLMGateError: when no target is left, or another call is probing that one.
        """
        for state in waiting:
            if self._is_single or state.is_ready():
                break
        else:
            full = [each for each in waiting if each.answers]
            state = min(full or waiting, key=TargetState.ready_at)
            if state.is_probed:
                raise self._all_left_alone()
        waiting.remove(state)
        self.tried.append(state)
        return state

    async def _take_probe(self, state: TargetState, waiting: list[TargetState]) -> TargetState:
        """The target that was taken as a probe, or the next one if another process probes it.

        Raises:
            LLMGateError: when no target is left.
        """
        while state.cooled and state.shared is not None and not self._is_single:
            if await state.shared.claim():
                break
            self.tried.remove(state)
            if not waiting:
                raise self._all_left_alone()
            state = self._take_ready(waiting)
        return state

    def _all_left_alone(self) -> LLMGateError:
        if self._failures:
            return self.failure()
        return OverloadedError(
            f"every target of {self.call.model!r} has failed and is cooling down"
        )

    async def _ask(self, state: TargetState, retries: int | None) -> Result | None:
        """The result of a target; None if another one may be asked."""
        asked = _Asked(state.target, time.monotonic())
        self._asked.append(asked)
        is_probe = state.begin()
        is_streaming = False
        try:
            call, limits = state.target.applied(self.call, retries), state.limits
            if limits is None:
                result = await self._handler(call)
            else:
                result = await limits.hold(call, partial(self._begun, asked))
            if isinstance(result, Stream):
                await result.start()
                result.when_done(partial(_stream_ended, state))
                is_streaming = True
        except LLMGateError as error:
            self._record(state, asked, error, is_late=not is_probe)
            return None
        except asyncio.CancelledError as error:
            asked.attempts = attempts_of(error)
            raise
        finally:
            state.answered(is_probe=is_probe)
            if not is_streaming:
                state.end()
        state.succeed(is_late=not is_probe)
        asked.result = result
        return result

    def failed(self, state: TargetState, error: LLMGateError, began: float) -> None:
        """Continue after a target that was asked before, not as a probe.

        Raises:
            LLMGateError: when no other target may be asked.
        """
        self.tried.append(state)
        asked = _Asked(state.target, began)
        self._asked.append(asked)
        self._record(state, asked, error, is_late=True)

    def _record(
        self, state: TargetState, asked: _Asked, error: LLMGateError, *, is_late: bool
    ) -> None:
        """Record a target's error, which is raised if no other target may be asked."""
        asked.attempts = error.attempts
        self._failures.append((state.target, error))
        self.error = error
        if not self._goes_on(state, error, asked.began, is_late=is_late):
            raise self.failure(error) from None

    async def _begun(self, asked: _Asked, call: Call) -> Result:
        """The result of a target that had to wait for its turn: its own time begins now."""
        asked.began = time.monotonic()
        return await self._handler(call)

    def _goes_on(
        self, state: TargetState, error: LLMGateError, began: float, *, is_late: bool
    ) -> bool:
        """Whether another target may be asked after this error."""
        if isinstance(error, RequestError):  # nothing was sent: this target cannot take such a call
            return len(self.tried) > 1
        if isinstance(error, ContextWindowError | ContentFilterError):
            return True
        is_fault = _is_fault(error, state.target, time.monotonic() - began)
        if is_fault and error.attempts:  # otherwise it was not asked: a limit refused the call
            state.fail(error, is_late=is_late)
        return is_fault and not error.delivered

    def _with_attempts(self, result: Result | None) -> Result | None:
        """The result, with the attempts at all targets if several were asked."""
        if result is None or len(self._asked) == 1:
            return result
        place = next(n for n, asked in enumerate(self._asked) if asked.result is result)
        target = self._asked[place].target
        before, after = self._attempts(stop=place), self._attempts(start=place + 1)

        def amended(exchange: Exchange) -> Exchange:
            return replace(exchange, attempts=(*before, *_of(target, exchange.attempts), *after))

        if isinstance(result, Stream):
            return result.amend(amended)
        return replace(result, exchange=amended(result.exchange))

    def _attempts(self, start: int = 0, stop: int | None = None) -> tuple[Attempt, ...]:
        """The attempts at the targets, in the order in which they were asked."""
        found = list[Attempt]()
        for asked in self._asked[start:stop]:
            attempts = asked.attempts if asked.result is None else asked.result.attempts
            found += _of(asked.target, attempts)
        return tuple(found)

    def failure(self, error: LLMGateError | None = None) -> LLMGateError:
        """The error that is raised in the end: the last target's."""
        asked = [each for _, each in self._failures if not isinstance(each, RequestError)]
        error = error or (asked or [each for _, each in self._failures])[-1]
        error.attempts = self._attempts()
        for target, other in self._failures:
            if other is not error:
                error.add_note(f"{target.model} failed as well: {type(other).__name__}")
        return error.with_traceback(None)


def retries_of(
    call: ChatCall | EmbeddingCall, state: TargetState, followers: Iterable[TargetState]
) -> int | None:
    """How often a target is retried: not at all if another follows, unless ``max_retries`` was
    given."""
    given = state.target.retries_of(call)
    if given is None:
        for each in followers:
            if each.is_ready():
                return 0
    return given


async def ask_simple(
    state: TargetState, call: Call, handler: Callable[[Call], Awaitable[Result]]
) -> Result:
    """The result of a target for which this is a simple call; :class:`Run` continues if it
    fails."""
    state.busy += 1
    is_streaming = False
    try:
        result = await handler(call)
        if isinstance(result, Stream):
            await result.start()
            result.when_done(partial(_stream_ended, state))
            is_streaming = True
    finally:
        if not is_streaming:
            state.busy -= 1
    if state.failures:
        state.succeed(is_late=True)
    return result


@dataclass(slots=True, eq=False)
class _Asked:
    """A target that was asked: since when, its failed attempts, and its result."""

    target: Target
    began: float
    attempts: Sequence[Attempt] = ()
    result: Completion | Stream | Embeddings | None = None


class _First(NamedTuple):
    """A target that may have to share a call: how often it is retried, and which target is asked as
    well if no other is ready."""

    state: TargetState
    retries: int | None
    spare: TargetState | None


class Hedging(NamedTuple):
    """When another target is asked as well, and which retries that uses up."""

    after: float | None
    policy: RetryPolicy
    budget: RetryBudget


def _of(target: Target, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    return tuple(replace(attempt, target=target.model) for attempt in attempts)


def _is_fault(error: LLMGateError, target: Target, seconds: float) -> bool:
    """Whether an error is this target's fault, so that another may do better."""
    if not isinstance(error, DeadlineExceededError):
        return isinstance(error, _FAULTS_OF_A_TARGET)
    if error.provider is None:  # it was not even asked
        return False
    return error.phase != "total" or (target.timeout is not None and seconds >= target.timeout)


def _stream_ended(state: TargetState, end: StreamEnd) -> None:
    state.end()
    if end.error is not None and isinstance(end.error, _FAULTS_OF_A_TARGET):
        state.fail(end.error, is_late=True)
