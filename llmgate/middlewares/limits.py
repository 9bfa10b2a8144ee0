"""Lets calls through as fast as they are allowed to be made, and no faster.

What a call used is read from its response; whose turn it is, a store decides, by default ``turns``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._core.retried import listen_for_retries, stop_listening
from llmgate._core.state import attempts_of
from llmgate._core.stream import Stream
from llmgate.errors import (
    ConnectError,
    InvalidRequestError,
    LLMGateError,
    RateLimitError,
    describe_value,
)
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, Shared, StreamEnd
from llmgate.middlewares.estimates import Estimate, Pricing, length_of, spent
from llmgate.middlewares.limit_definition import AnyCall, Limit
from llmgate.middlewares.limit_store import Admission, LimitStore, Share
from llmgate.middlewares.rate_headers import advice_in
from llmgate.middlewares.turns import MemoryLimits

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.options import ChatCall
    from llmgate.types import Completion, Usage

__all__ = ["Limit", "Limits"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")


class Limits(Middleware):
    """Keeps calls within limits, of whatever they have in common.

    A call waits for its turn, first come, first served, unless it would wait for longer than
    ``max_wait`` seconds, or a second longer than the ``timeout`` that it was given: then it is
    refused with a :class:`~llmgate.errors.RateLimitError`, which names the limit and has
    ``retry_after``. One that is refused by one limit uses nothing of the others. Tokens are
    estimated before a call, from its length and from what earlier calls of its model used, and
    counted as they were afterwards; so are the requests that were sent again. What may be spent is
    reserved and counted likewise, by the prices of the client or public ones; a call whose price is
    not known is refused with a
    :class:`~llmgate.errors.RequestError`, and one for which there is not enough left in the period
    is refused at once. What a provider says of its own limits, in headers of
    a response or with a refusal, holds the group back as long as it says.

    Args:
        limits: One or more; each call is held to all of them.
        max_wait: Seconds; None for as long as it takes, 0 to refuse at once.
        max_waiting: How many calls may wait at the same time; a further one is refused at once
            where it would have to.
        store: What keeps the state; by default this process does.

    Raises:
        InvalidRequestError: where there is no limit, or one that the store cannot enforce.
    """

    changes_calls = False

    def __init__(
        self,
        *limits: Limit,
        max_wait: float | None = None,
        max_waiting: int = 10_000,
        store: LimitStore | None = None,
    ) -> None:
        if not limits or not all(isinstance(limit, Limit) for limit in cast("Any", limits)):
            raise InvalidRequestError(
                f"expected limits, got {describe_value(limits)}", path="limits"
            )
        self._store = MemoryLimits() if store is None else store
        if not isinstance(self._store, LimitStore):  # pyright: ignore[reportUnnecessaryIsInstance]
            reason = f"expected a store of limits, got {describe_value(store)}"
            raise InvalidRequestError(reason, path="store")
        for number, limit in enumerate(limits):
            for name in sorted(limit.amounts - self._store.amounts):
                reason = f"{type(self._store).__name__} cannot keep {name} within limits"
                raise InvalidRequestError(reason, path=f"limits[{number}].{name}")
        self._limits = limits
        self._max_wait = max_wait
        if type(max_waiting) is not int or max_waiting < 0:
            reason = f"expected a number of calls, got {describe_value(max_waiting)}"
            raise InvalidRequestError(reason, path="max_waiting")
        self._max_waiting, self._waiting = max_waiting, 0
        self._models: dict[str, _Model] = {}
        self._is_by_model = all(limit.by in ("", "model") for limit in limits)
        self._pricing = Pricing()
        self._spends = any(limit.spend is not None for limit in limits)
        self._weighs = self._spends or any(limit.tokens is not None for limit in limits)

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """The completion, when it is the call's turn."""
        return await self.hold(call, handler)

    async def embed(self, call: EmbeddingCall, handler: EmbeddingHandler) -> Embeddings:
        """The embeddings, when it is the call's turn."""
        return await self.hold(call, handler)

    async def aclose(self) -> None:
        """Close the store of the limits."""
        await self._store.aclose()

    def used_by(self, shared: Shared) -> None:
        """Take the prices of the client, where what is spent is limited."""
        if self._spends:
            self._pricing.add(shared)

    async def hold(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        """What a handler gives for a call, when it is the call's turn."""
        held = await self._admitted(call)
        task = listen_for_retries(held.retried)
        try:
            result = await handler(call)
        except LLMGateError as error:
            held.failed(error)
            raise
        except BaseException as error:
            held.cancelled(error)
            raise
        finally:
            stop_listening(task)
        if isinstance(result, Stream):
            held.heed(result.exchange.headers)
            result.when_done(held.stream_ended)
        else:
            held.succeeded(result)
        return result

    async def _admitted(self, call: AnyCall) -> _Held:
        """A call whose turn it is."""
        model = self._model_of(call)
        shares, estimate, length, currency = model.shares, model.estimate, 0, ""
        if shares is None:
            shares = self._shares_of(call)
        amounts: dict[str, float] = {"requests": 1, "tokens": 0}
        if self._weighs and shares:
            length = length_of(call)
            amounts["tokens"] = estimate.prompt_of(length) + estimate.completion_of(call)
            if self._spends:
                tokens = estimate.of(call, length)
                for share in shares:
                    if share.limit.spend is not None:
                        currency = share.limit.currency
                        spend = await self._pricing.estimate(call.model, tokens, currency)
                        amounts["spend"] = spend
        max_wait = self._max_wait if self._waiting < self._max_waiting else 0
        total = None if call.timeout is None else call.timeout.total
        if total is not None and (max_wait is None or total + _LATE < max_wait):
            max_wait = total + _LATE
        self._waiting += 1
        try:
            turn = await self._store.admit(shares, amounts, max_wait)
        finally:
            self._waiting -= 1
        return _Held(turn, estimate, length, currency)

    def _shares_of(self, call: AnyCall) -> list[Share]:
        found: list[Share] = []
        for number, limit in enumerate(self._limits):
            name = limit.group_of(call)
            if name is not None:
                found.append(Share(number, limit, name))
        return found

    def _model_of(self, call: AnyCall) -> _Model:
        found = self._models.get(call.model)
        if found is None:
            if len(self._models) >= _MOST_MODELS:
                self._models.clear()
            shares = self._shares_of(call) if self._is_by_model else None
            found = self._models[call.model] = _Model(shares, Estimate())
        return found


_MOST_MODELS = 10_000
_LATE = 1.0
"""Seconds by which a turn comes too late for a call for certain. A call that waits for others to
end, of which nobody knows when they do, is ended by its deadline before."""


@dataclass(slots=True, eq=False)
class _Model:
    """What is the same for calls of one model: what they are held to, where nothing else of a call
    decides about that, and what they are thought to use."""

    shares: Sequence[Share] | None
    estimate: Estimate


class _Held:
    """A call that was admitted, and what is counted of it at its end."""

    __slots__ = ("_currency", "_estimate", "_length", "_turn")

    def __init__(self, turn: Admission, estimate: Estimate, length: int, currency: str) -> None:
        self._turn, self._estimate = turn, estimate
        self._length, self._currency = length, currency

    def succeeded(self, result: Completion | Embeddings) -> None:
        """It gave this."""
        exchange = result.exchange
        if exchange.cache == "hit":
            self._turn.give_back()
        else:
            cost = spent(result.cost, self._currency) if self._currency else None
            self._settle(result.usage, len(exchange.attempts), cost)
            self.heed(exchange.headers)
        self._turn.leave()

    def failed(self, error: LLMGateError) -> None:
        """It failed; what was not sent uses nothing, and what was refused is not billed."""
        is_refused = error.status is not None and error.status >= 300
        if not error.attempts:
            self._turn.give_back()
        else:
            cost = 0 if is_refused or isinstance(error, ConnectError) else None
            self._settle(None, len(error.attempts), cost)
            self.heed(error.headers or {})
            if isinstance(error, RateLimitError):
                self._turn.hold_back(error.retry_after or 0.0)
        self._turn.leave()

    def retried(self, error: LLMGateError) -> None:
        """An attempt failed, and the call goes on: others need not find out for themselves."""
        if isinstance(error, RateLimitError) and error.retry_after:
            self._turn.hold_back(error.retry_after)

    def cancelled(self, error: BaseException) -> None:
        """It was ended before it gave anything; what was sent by then may be billed."""
        attempts = len(attempts_of(error))
        if attempts:
            self._turn.settle({"requests": attempts})
        else:
            self._turn.give_back()
        self._turn.leave()

    def stream_ended(self, end: StreamEnd) -> None:
        """Its stream is over."""
        known = end.completion or end.error
        if known is None:
            self._turn.settle({})
        elif end.completion is not None and end.completion.cache == "hit":
            self._turn.give_back()
        else:
            whole = end.completion
            cost = spent(whole.cost, self._currency) if whole and self._currency else None
            self._settle(end.usage, len(known.attempts), cost)
            if isinstance(end.error, RateLimitError):
                self._turn.hold_back(end.error.retry_after or 0.0)
        self._turn.leave()

    def heed(self, headers: Mapping[str, str]) -> None:
        """Do what a provider's headers ask for, when they come: a stream ends much later."""
        advice = advice_in(headers, self._estimate.last) if headers else None
        if advice is not None:
            if advice.pause:
                self._turn.hold_back(advice.pause)
            self._turn.pace(advice.gap, advice.seconds)

    def _settle(self, usage: Usage | None, attempts: int, cost: int | None) -> None:
        """Count what a call used, and learn from it."""
        used: dict[str, float] = {"requests": max(attempts, 1)}
        if cost is not None:
            used["spend"] = cost
        if usage is not None:
            used["tokens"] = self._estimate.last = usage.total_tokens
            if self._length:
                self._estimate.learn(self._length, usage.prompt_tokens, usage.completion_tokens)
        self._turn.settle(used)
