"""Sends a call to one of several models, and to the next one when that fails; it knows no provider.

What an error means is read from its class: the faults of a target lead to the next one, and those
of the caller are the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from llmgate._core.settings import is_mapping
from llmgate._core.stream import Stream
from llmgate.errors import (
    ContentFilterError,
    ContextWindowError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    OverloadedError,
    RateLimitError,
    RequestError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
    TransportError,
    describe_value,
)
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, StreamEnd
from llmgate.middlewares.strategies import Choose, Strategy, as_strategy
from llmgate.middlewares.targets import Cooldown, Route, Target, TargetState, as_route

if TYPE_CHECKING:
    from llmgate._exchange import Attempt, Exchange
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.options import ChatCall
    from llmgate.types import Completion

__all__ = ["Choose", "Cooldown", "Route", "Router", "Strategy", "Target", "TargetState"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")
Models: TypeAlias = Mapping[str, "Route | Iterable[Target | str]"]

_FAULTS_OF_A_TARGET = (
    *(RateLimitError, OverloadedError, ServerError, RequestTimeoutError),
    *(TransportError, StreamTruncatedError, DecodeError),
)
"""What says that this target failed and another may not. Of deadlines, see ``_is_fault``."""

_MOST_UNNAMED = 1_000
"""Models that were named in calls alone, of which it is known how they have done."""


class Router(Middleware):
    """Several models behind one name, and fallbacks from one model to the next.

    A call for a name in ``models`` goes to one of its targets; so does a call for a list of models,
    which are tried in their order. The next one follows when a target cannot be reached, is over
    its own time, limits or overloads, or fails, before anything of a response was delivered, and
    within the deadline of the call. A target behind which another one follows is not retried, where
    neither it nor the call says ``max_retries``. A call that is itself at fault is not sent again.

    Where several were asked, ``attempts`` of what is returned or raised has those at all of them,
    each with its ``target``.

    Args:
        models: From names to targets, or to a :class:`Route` of them.
        choose: How a target is chosen among those of one priority.
        cooldown: How long a target that failed is left alone.
    """

    def __init__(
        self,
        models: Models | None = None,
        *,
        choose: Choose | Strategy = "weighted",
        cooldown: Cooldown | None = None,
    ) -> None:
        self._cooldown = cooldown or Cooldown()
        self._choose = as_strategy(choose)
        given: Any = {} if models is None else models
        if not is_mapping(given):
            reason = f"expected a dictionary, got {describe_value(given)}"
            raise InvalidRequestError(reason, path="models")
        routes = {name: as_route(given[name], f"models.{name}") for name in given}
        self._routes = {name: route for name, (route, _) in routes.items()}
        self._choices = {
            name: self._choose if route.choose is None else as_strategy(route.choose)
            for name, route in self._routes.items()
        }
        self._states = {
            name: [TargetState(target, self._cooldown) for target in targets]
            for name, (_, targets) in routes.items()
        }

        self._unnamed = dict[str, list[TargetState]]()

    def states(self, model: str) -> Sequence[TargetState]:
        """How the targets behind a name have done."""
        found = self._states.get(model) or self._unnamed.get(model)
        if found is None:
            if len(self._unnamed) >= _MOST_UNNAMED:
                self._unnamed.clear()
            found = self._unnamed[model] = [TargetState(Target(model), self._cooldown)]
        return found

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion of the first target that gives one."""
        return await self._route(call, handler)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings of the first target that gives them."""
        return await self._route(call, handler)

    async def _route(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        if not call.fallbacks and call.model not in self._routes:
            return await handler(call)
        if call.settings and call.model in self._routes:
            reason = f"{call.model!r} stands for several targets: give each Target its own"
            raise InvalidRequestError(reason, path=", ".join(sorted(call.settings)))
        waiting = self._ordered([call.model, *call.fallbacks], call)
        run = _Run(call, handler, is_single=len(waiting) == 1)
        while waiting:
            state = run.take_ready(waiting)
            result = await run.attempt(state, followers=waiting)
            if result is not None:
                return result
            waiting = self._alternatives(run) or waiting
        raise run.failure()

    def _ordered(self, models: Iterable[str], call: ChatCall | EmbeddingCall) -> list[TargetState]:
        """All targets in the order in which they are tried, each once."""
        found = list[TargetState]()
        for model in models:
            states, choose = self.states(model), self._choices.get(model, self._choose)
            for priority in sorted({state.target.priority for state in states}):
                peers = [each for each in states if each.target.priority == priority]
                found += [each for each in choose(peers, call) if each not in found]
        return found

    def _alternatives(self, run: _Run[Any, Any]) -> list[TargetState]:
        """The targets that are listed for what the last one failed with, if that is such a thing.

        Raises:
            LLMGateError: the failure, when there is none (left).
        """
        if not isinstance(run.error, ContextWindowError | ContentFilterError):
            return []
        route = self._routes.get(run.call.model, Route(()))
        is_long = isinstance(run.error, ContextWindowError)
        names = route.context_window if is_long else route.content_filter
        found = [each for each in self._ordered(names, run.call) if each not in run.tried]
        if not found:
            raise run.failure()
        return found


class _Run(Generic[Call, Result]):
    """One call on its way from target to target."""

    def __init__(
        self, call: Call, handler: Callable[[Call], Awaitable[Result]], *, is_single: bool
    ) -> None:
        self.call, self._handler, self._is_single = call, handler, is_single
        self.tried = list[TargetState]()
        self.error: LLMGateError | None = None
        self._failures = list[tuple[Target, LLMGateError]]()
        self._attempts: tuple[Attempt, ...] = ()

    def take_ready(self, waiting: list[TargetState]) -> TargetState:
        """Take the next target that may be asked; where all that remain are left alone, the one
        that is so for the shortest time.

        Raises:
            LLMGateError: when there is none, or another call is probing that one.
        """
        state = next((each for each in waiting if self._is_single or each.is_ready()), None)
        if state is None:
            state = min(waiting, key=lambda each: each.cooling_until)
            if state.is_probed and self._failures:
                raise self.failure()
            if state.is_probed:
                raise OverloadedError(
                    f"every target of {self.call.model!r} has failed and is left alone for a while"
                )
        waiting.remove(state)
        self.tried.append(state)
        return state

    async def attempt(self, state: TargetState, followers: list[TargetState]) -> Result | None:
        """What a target gives, or None where another one may be asked."""
        retries = self.call.max_retries
        if retries is None and any(each.is_ready() for each in followers):
            retries = 0
        began = time.monotonic()
        state.begin()
        is_streaming = False
        try:
            result = await self._handler(state.target.applied(self.call, retries))
            if isinstance(result, Stream):
                await result.start()
                result.when_done(partial(_stream_ended, state))
                is_streaming = True
        except LLMGateError as error:
            self._attempts += _of(state.target, error.attempts)
            self._failures.append((state.target, error))
            self.error = error
            if not self._goes_on(state, error, time.monotonic() - began):
                raise self.failure(error) from None
            return None
        finally:
            if not is_streaming:
                state.end()
        state.succeed()
        return self._with_attempts(state.target, result)

    def _goes_on(self, state: TargetState, error: LLMGateError, seconds: float) -> bool:
        """Whether another target may be asked after this error."""
        if isinstance(error, RequestError):  # nothing was sent: this one cannot take such a call
            return len(self.tried) > 1
        if isinstance(error, ContextWindowError | ContentFilterError):
            return True
        is_fault = _is_fault(error, state.target, seconds)
        if is_fault:
            state.fail(error)
        return is_fault and not error.delivered

    def _with_attempts(self, target: Target, result: Result) -> Result:
        if not self._failures:
            return result
        earlier = self._attempts

        def amended(exchange: Exchange) -> Exchange:
            return replace(exchange, attempts=(*earlier, *_of(target, exchange.attempts)))

        if isinstance(result, Stream):
            return result.amend(amended)
        result.exchange = amended(result.exchange)
        return result

    def failure(self, error: LLMGateError | None = None) -> LLMGateError:
        """What is raised in the end: the last thing that a target failed with."""
        asked = [each for _, each in self._failures if not isinstance(each, RequestError)]
        error = error or (asked or [each for _, each in self._failures])[-1]
        error.attempts = self._attempts
        for target, other in self._failures:
            if other is not error:
                error.add_note(f"{target.model} failed as well: {type(other).__name__}")
        return error.with_traceback(None)


def _of(target: Target, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    return tuple(replace(attempt, target=target.model) for attempt in attempts)


def _is_fault(error: LLMGateError, target: Target, seconds: float) -> bool:
    """Whether an error is this target's: another one may do better."""
    if not isinstance(error, DeadlineExceededError):
        return isinstance(error, _FAULTS_OF_A_TARGET)
    if error.provider is None:  # it was not even asked
        return False
    return error.phase != "total" or (target.timeout is not None and seconds >= target.timeout)


def _stream_ended(state: TargetState, end: StreamEnd) -> None:
    state.end()
    if end.error is not None and isinstance(end.error, _FAULTS_OF_A_TARGET):
        state.fail(end.error)
