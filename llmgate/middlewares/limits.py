"""Lets calls through as fast as the limits allow, and no faster.

A store decides whose turn it is, by default ``turns``; a call that need not wait is made at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._core.guard import in_time_of
from llmgate._core.retried import listen_for_retries, stop_listening
from llmgate._core.stream import Stream
from llmgate._text.json import is_number
from llmgate.errors import InvalidRequestError, LLMGateError, describe_value
from llmgate.middleware import EmbeddingHandler, Handler, Middleware, Shared
from llmgate.middlewares.estimates import Pricing
from llmgate.middlewares.held_calls import HeldCall, HeldModel
from llmgate.middlewares.limit_definition import AnyCall, Limit
from llmgate.middlewares.limit_store import LimitStore, Share, in_one_step
from llmgate.middlewares.turns import MemoryLimits

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.middlewares.limit_store import Admission
    from llmgate.options import ChatCall
    from llmgate.types import Completion

__all__ = ["Limit", "Limits"]

Call = TypeVar("Call", bound="ChatCall | EmbeddingCall")
Result = TypeVar("Result", bound="Completion | Stream | Embeddings")


class Limits(Middleware):
    """Keeps groups of calls within limits.

    A call waits for its turn, first come, first served, unless it would wait longer than
    ``max_wait`` seconds, or a second longer than its own ``timeout``: then it is refused with a
    :class:`~llmgate.errors.RateLimitError`, which names the limit and has ``retry_after``. A call
    that one limit refuses uses nothing of the others. Tokens are estimated before a call, from its
    length and from earlier calls of its model, and afterwards counted as really used; so are
    retried requests. Spending is reserved and counted likewise, by the client's prices or public
    ones. A call whose price is not known is refused with a :class:`~llmgate.errors.RequestError`; a
    call for which too little is left in the period is refused at once. What a provider says of its
    own limits, in a response's headers or with a rejection, holds the group back for as long as it
    says.

    Args:
        limits: One or more; all of them apply to each call.
        max_wait: Seconds; None for as long as it takes, 0 to refuse at once.
        max_waiting: How many calls may wait at the same time; a further one that would have to wait
            is refused at once.
        store: What keeps the state; by default, the memory of this process.

    Raises:
        InvalidRequestError: when there is no limit, or one that the store cannot enforce.
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
                reason = f"{type(self._store).__name__} cannot limit {name}"
                raise InvalidRequestError(reason, path=f"limits[{number}].{name}")
        is_own = type(self).chat is Limits.chat and type(self).hold is Limits.hold
        self.observes = self.waits_in_time = is_own
        self._admit_at_once, self._end = in_one_step(self._store)
        self._limits = limits
        if max_wait is not None and not (is_number(max_wait) and max_wait >= 0):
            raise InvalidRequestError.expected(
                "a number of seconds, 0 or more", max_wait, "max_wait"
            )
        self._max_wait = max_wait
        if type(max_waiting) is not int or max_waiting < 0:
            reason = f"expected a number of calls, got {describe_value(max_waiting)}"
            raise InvalidRequestError(reason, path="max_waiting")
        self._max_waiting, self._waiting = max_waiting, 0
        self._models: dict[str, HeldModel] = {}
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
        """Take the client's prices, if spending is limited."""
        if self._spends:
            self._pricing.add(shared)

    async def hold(self, call: Call, handler: Callable[[Call], Awaitable[Result]]) -> Result:
        """The result of a handler for a call, when it is the call's turn."""
        held = self._held(call)
        if self._spends and held.is_priced():
            rates = self._pricing.known(call.model)
            if rates is None:
                rates = await in_time_of(handler, self._pricing.find(call.model))
            held.price(call.model, rates)
        turn = self._admit_at_once(held.shares, held.amounts)
        if turn is None:
            turn = await in_time_of(handler, self._wait_for_turn(call, held))
        held.turn = turn
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

    def _held(self, call: AnyCall) -> HeldCall:
        """The call with its limits and its estimated use."""
        model = self._models.get(call.model) or self._added_model(call)
        shares = self._shares_of(call) if model.shares is None else model.shares
        held = HeldCall()
        held.shares, held.model, held.end = shares, model, self._end
        tokens = 0.0
        if self._weighs and shares:
            held.length, held.prompt, held.completion = model.estimate.of(call)
            tokens = held.prompt + held.completion
        held.amounts = {"requests": 1, "tokens": tokens}
        return held

    async def _wait_for_turn(self, call: AnyCall, held: HeldCall) -> Admission:
        """The turn of a call that has to wait for it, or for its store's decision."""
        max_wait = self._max_wait if self._waiting < self._max_waiting else 0
        total = None if call.timeout is None else call.timeout.total
        if total is not None and (max_wait is None or total + _LATE < max_wait):
            max_wait = total + _LATE
        self._waiting += 1
        try:
            return await self._store.admit(held.shares, held.amounts, max_wait)
        finally:
            self._waiting -= 1

    def _shares_of(self, call: AnyCall) -> tuple[Share, ...]:
        found: list[Share] = []
        for number, limit in enumerate(self._limits):
            name = limit.group_of(call)
            if name is not None:
                found.append(Share(number, limit, name))
        return tuple(found)

    def _added_model(self, call: AnyCall) -> HeldModel:
        """Add the model of a call, of which nothing is known yet."""
        if len(self._models) >= _MAX_MODELS:
            self._models.clear()
        shares = self._shares_of(call) if self._is_by_model else None
        added = self._models[call.model] = HeldModel(shares)
        return added


_MAX_MODELS = 10_000
_LATE = 1.0
"""A turn that comes this many seconds after a call's timeout is certainly too late. When running
calls will end is not known; a call that waits for them is ended by its own deadline."""
