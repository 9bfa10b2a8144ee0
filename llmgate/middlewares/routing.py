"""Chooses which models a call is sent to, and in which order; it knows no provider.

``fallback`` decides when the next one follows.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from llmgate._core.retry import RetryBudget, RetryPolicy
from llmgate._core.settings import as_hedge_after
from llmgate._core.stream import Stream
from llmgate._text.json import is_mapping
from llmgate.errors import (
    ContentFilterError,
    ContextWindowError,
    InvalidRequestError,
    LLMGateError,
    RequestError,
    UnknownProviderError,
    describe_value,
)
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, Shared
from llmgate.middlewares.cooldowns import SharedCooldowns
from llmgate.middlewares.fallback import Hedging, Run, ask_simple, retries_of
from llmgate.middlewares.strategies import Choose, Strategy, as_strategy
from llmgate.middlewares.targets import Cooldown, Route, Target, TargetState, as_route

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.options import ChatCall
    from llmgate.store import Store
    from llmgate.types import Completion

__all__ = ["Choose", "Cooldown", "Route", "Router", "Strategy", "Target", "TargetState"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")
Models: TypeAlias = Mapping[str, "Route | Iterable[Target | str]"]

_MAX_UNNAMED = 1_000
"""How many models that only calls name are remembered, with their state."""


class Router(Middleware):
    """Several models behind one name, and fallbacks from one model to the next.

    A call for a name in ``models`` goes to one of its targets; a call for a list of models tries
    them in order. The next target follows when one cannot be reached, exceeds its own timeout, is
    rate-limited or overloaded, or fails; only before anything of a response was delivered, and
    within the call's deadline. A target that is followed by another is not retried, unless it or
    the call sets ``max_retries``. A call that is itself at fault is not sent again.

    With ``hedge_after``, the next target is also asked when one is slow, or the same one again if
    no other is ready; the first response wins, and the other request is cancelled. A hedge counts
    as a retry: there is none with ``max_retries=0``, nor when the client's retry budget is spent.

    If several targets were asked, ``attempts`` of the result or error holds the attempts at all of
    them, each with its ``target``.

    Args:
        models: Maps names to targets, or to a :class:`Route` of them.
        choose: How a target is chosen among those of the same priority.
        cooldown: How long a failed target is left alone.
        hedge_after: Seconds without a response after which another target is asked as well, unless
            the call, the target or the route sets this.
        store: A store through which processes tell each other which targets are cooling down.
            Processes with the same models in the same order share it.
    """

    changes_calls = False

    def __init__(
        self,
        models: Models | None = None,
        *,
        choose: Choose | Strategy = "weighted",
        cooldown: Cooldown | None = None,
        hedge_after: float | None = None,
        store: Store | None = None,
    ) -> None:
        self._cooldown = Cooldown() if cooldown is None else cooldown
        if not isinstance(self._cooldown, Cooldown):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError.expected("a Cooldown", cooldown, "cooldown")
        self._shared = None if store is None else SharedCooldowns(store)
        self._hedging = Hedging(as_hedge_after(hedge_after), RetryPolicy(), RetryBudget())
        self._choose = as_strategy(choose)
        given: Any = {} if models is None else models
        if not is_mapping(given):
            raise InvalidRequestError.expected("a dictionary", given, "models")
        routes = {name: as_route(given[name], f"models.{name}") for name in given}
        self._routes = {name: route for name, (route, _) in routes.items()}
        self._choices = {
            name: self._choose if route.choose is None else as_strategy(route.choose)
            for name, route in self._routes.items()
        }
        self._states = {
            name: [self._state_of(target, f"{name}:{n}") for n, target in enumerate(targets)]
            for name, (_, targets) in routes.items()
        }

        self._unnamed = dict[str, list[TargetState]]()
        self._orders = dict[tuple[str, ...], list[TargetState]]()
        hedged = (hedge_after, *(route.hedge_after for route in self._routes.values()))
        targets = [each for states in self._states.values() for each in states]
        self._waits = (
            store is not None
            or any(after is not None for after in hedged)
            or any(each.target.hedge_after is not None or each.limits for each in targets)
        )

    def only_asks(self, call: ChatCall | EmbeddingCall) -> bool:
        """Whether, for this call, it makes no hedge and waits for no store and no target's
        limit."""
        return not self._waits and call.hedge_after is None and type(self) is Router

    def used_by(self, shared: Shared) -> None:
        """Take the client's retry policy and budget, which hedges use up."""
        self._hedging = self._hedging._replace(policy=shared.policy, budget=shared.budget)

    def states(self, model: str) -> Sequence[TargetState]:
        """The states of the targets behind a name."""
        found = self._states.get(model) or self._unnamed.get(model)
        if found is None:
            if len(self._unnamed) >= _MAX_UNNAMED:
                self._unnamed.clear()
                self._orders.clear()
            found = self._unnamed[model] = [self._state_of(Target(model), "")]
        return found

    def _state_of(self, target: Target, place: str) -> TargetState:
        state = TargetState(target, self._cooldown)
        if target.rpm is not None or target.tpm is not None:
            from llmgate.middlewares.target_limits import TargetLimits  # noqa: PLC0415 - where wanted

            state.limits = TargetLimits(target.rpm, target.tpm)
        if self._shared is not None:
            self._shared.share(state, f"{place}:{target.model}")
        return state

    async def aclose(self) -> None:
        """Close the store of the cooldowns, if there is one."""
        if self._shared is not None:
            await self._shared.aclose()

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion of the first target that gives one."""
        return await self._route(call, handler)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings of the first target that gives them."""
        return await self._route(call, handler)

    async def _route(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        route, after = self._routes.get(call.model), self._hedging.after
        if route is not None:
            after = after if route.hedge_after is None else route.hedge_after
            if call.settings:
                reason = f"{call.model!r} stands for several targets: give each Target its own"
                raise InvalidRequestError(reason, path=", ".join(sorted(call.settings)))
        is_hedged = after is not None or call.hedge_after is not None
        if route is None and not call.fallbacks and not is_hedged:
            return await self._pass_on(call, handler)
        models = (call.model, *call.fallbacks)
        order = self._orders.get(models) or self._ordered(models, call)
        if not order:
            raise RequestError(f"no target of {call.model!r} was chosen, by the function choose=")
        if self._shared is not None:
            await self._shared.refresh(order)
        first, *further = order
        if is_hedged or not first.is_simple():
            run = Run(call, handler, self._hedging._replace(after=after), is_single=not further)
            return await self._fall_back(run, [*order])
        began = time.monotonic()
        try:
            asked = first.target.applied(call, retries_of(call, first, further))
            return await ask_simple(first, asked, handler)
        except LLMGateError as error:
            failure = error.with_traceback(None)
        run = Run(call, handler, self._hedging._replace(after=after), is_single=not further)
        run.failed(first, failure, began)
        return await self._fall_back(run, self._alternatives(run) or further)

    async def _pass_on(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        """The result of a model that is not one of the router's."""
        try:
            return await handler(call)
        except UnknownProviderError as error:
            if self._routes and "/" not in call.model:  # it may have been meant as one of them
                named = ", ".join(map(describe_value, [*self._routes][:9]))
                error.message += f"; names of the client's own: {named}"
            raise

    async def _fall_back(self, run: Run[Call, Result], waiting: list[TargetState]) -> Result:
        """The result of the first of these targets that succeeds."""
        while waiting:
            result = await run.ask(waiting)
            if result is not None:
                return result
            waiting = self._alternatives(run) or waiting
        raise run.failure()

    def _ordered(
        self, models: tuple[str, ...], call: ChatCall | EmbeddingCall
    ) -> list[TargetState]:
        """All targets in the order in which they are tried, each once."""
        found: list[TargetState] = []
        for model in models:
            states = self.states(model)
            if model not in self._routes:
                found += [each for each in states if each not in found]
                continue
            choose = self._choices[model]
            for priority in sorted({state.target.priority for state in states}):
                peers = [each for each in states if each.target.priority == priority]
                found += [each for each in choose(peers, call) if each not in found]
        if self._routes.keys().isdisjoint(models):  # always the same, unless it was forgotten
            if len(self._orders) >= _MAX_UNNAMED:
                self._orders.clear()
            if all(model in self._unnamed for model in models):
                self._orders[models] = found
        return found

    def _alternatives(self, run: Run[Any, Any]) -> list[TargetState]:
        """The targets that the route lists for the last target's error, if it lists any.

        Raises:
            LLMGateError: that error, when there are no such targets (left).
        """
        if not isinstance(run.error, ContextWindowError | ContentFilterError):
            return []
        route = self._routes.get(run.call.model, Route(()))
        is_long = isinstance(run.error, ContextWindowError)
        names = route.context_window if is_long else route.content_filter
        found = [each for each in self._ordered((*names,), run.call) if each not in run.tried]
        if not found:
            raise run.failure()
        return found
