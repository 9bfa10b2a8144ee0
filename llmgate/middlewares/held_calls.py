"""A call under limits: what it is estimated to use, and what is counted at its end.

It waits for nothing; a store decides whether the call may be made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llmgate._core.state import attempts_of
from llmgate.errors import ConnectError, LLMGateError, RateLimitError
from llmgate.middlewares.estimates import Estimate, price_of, spent
from llmgate.middlewares.rate_headers import AT_EASE, Advice, RateHeaders

if TYPE_CHECKING:
    from llmgate.cost import Rates
    from llmgate.embeddings import Embeddings
    from llmgate.middleware import StreamEnd
    from llmgate.middlewares.limit_store import Admission, Amounts, End, Share
    from llmgate.types import Completion, Usage

__all__ = ["HeldCall", "HeldModel"]


class HeldModel:
    """What calls of one model share: their limits, if nothing else about a call decides on those,
    their estimated use, and the headers of their responses."""

    __slots__ = ("estimate", "headers", "shares")

    def __init__(self, shares: Sequence[Share] | None) -> None:
        self.shares, self.estimate, self.headers = shares, Estimate(), RateHeaders()


class HeldCall:
    """A call with its limits, and the amounts that it is estimated to use.

    ``turn`` is the store's admission of the call, set once it is admitted.
    """

    shares: Sequence[Share]
    model: HeldModel
    end: End
    amounts: dict[str, float]
    turn: Admission
    length = 0
    """The bytes of the input, if they are counted; below, the estimated tokens of prompt and
    completion."""
    prompt = completion = 0.0
    _currency = ""

    # --- before it is admitted ---

    def is_priced(self) -> bool:
        """Whether one of its limits is on spending."""
        return any(share.limit.spend is not None for share in self.shares)

    def price(self, model: str, rates: Rates) -> None:
        """Estimate what it costs.

        Raises:
            RequestError: when that is in another currency than a limit.
        """
        for share in self.shares:
            if share.limit.spend is not None:
                self._currency = share.limit.currency
                self.amounts["spend"] = price_of(
                    model, (self.prompt, self.completion), rates, self._currency
                )

    # --- while it runs, and at its end ---

    def succeeded(self, result: Completion | Embeddings) -> None:
        """Called with its result when it succeeded."""
        exchange = result.exchange
        if exchange.cache == "hit":
            self.end(self.turn, None, False)
            return
        cost = spent(result.cost, self._currency) if self._currency else None
        used = self._used(result.usage, len(exchange.attempts), cost)
        advice = self.model.headers.advice(exchange.headers, self.model.estimate.last)
        if advice is None or advice is AT_EASE:
            self.end(self.turn, used, advice is not None)
        else:
            self.turn.settle(used)
            self._follow(advice)
            self.turn.leave()

    def failed(self, error: LLMGateError) -> None:
        """Called when it failed: what was not sent uses nothing, and what was rejected is not
        billed."""
        if not error.attempts:
            self.end(self.turn, None, False)
            return
        is_refused = error.status is not None and error.status >= 300
        cost = 0 if is_refused or isinstance(error, ConnectError) else None
        self.turn.settle(self._used(None, len(error.attempts), cost))
        self.heed(error.headers or {})
        if isinstance(error, RateLimitError):
            self.turn.hold_back(error.retry_after or 0.0)
        self.turn.leave()

    def retried(self, error: LLMGateError) -> None:
        """Called when an attempt failed and the call goes on: other calls need not find out for
        themselves."""
        if isinstance(error, RateLimitError) and error.retry_after:
            self.turn.hold_back(error.retry_after)

    def cancelled(self, error: BaseException) -> None:
        """Called when it was cancelled before it had a result; what was sent by then may be
        billed."""
        attempts = len(attempts_of(error))
        self.end(self.turn, {"requests": attempts} if attempts else None, False)

    def stream_ended(self, end: StreamEnd) -> None:
        """Called when its stream is over."""
        whole, known = end.completion, end.completion or end.error
        if whole is not None and whole.cache == "hit":
            self.end(self.turn, None, False)
            return
        used: Amounts = {}
        if known is not None:
            cost = spent(whole.cost, self._currency) if whole and self._currency else None
            used = self._used(end.usage, len(known.attempts), cost)
        if isinstance(end.error, RateLimitError):
            self.turn.settle(used)
            self.turn.hold_back(end.error.retry_after or 0.0)
            self.turn.leave()
        else:
            self.end(self.turn, used, False)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Follow what a provider's headers ask for as soon as they come: a stream ends much
        later."""
        advice = self.model.headers.advice(headers, self.model.estimate.last)
        if advice is not None:
            self._follow(advice)

    def _follow(self, advice: Advice) -> None:
        if advice.pause:
            self.turn.hold_back(advice.pause)
        self.turn.pace(advice.gap, advice.seconds)

    def _used(self, usage: Usage | None, attempts: int, cost: int | None) -> Amounts:
        """What a call used; future estimates learn from it."""
        used: dict[str, float] = {"requests": attempts or 1}
        if cost is not None:
            used["spend"] = cost
        if usage is not None:
            used["tokens"] = self.model.estimate.learn(self.length, usage)
        return used
