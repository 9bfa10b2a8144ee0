"""Estimates what a call will use, in tokens and in money, before it is made; it limits nothing.

Amounts of money are whole billionths of a currency, which add up exactly wherever they are kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from llmgate._text.json import encode_json
from llmgate.errors import RequestError, UnknownProviderError
from llmgate.options import ChatCall
from llmgate.provider.threads import start_in_thread

if TYPE_CHECKING:
    from llmgate.cost import Cost, Rates
    from llmgate.embeddings import EmbeddingCall
    from llmgate.middleware import Shared

__all__ = ["Estimate", "Pricing", "Tokens", "billionths", "length_of", "spent"]

AnyCall: TypeAlias = "ChatCall | EmbeddingCall"
_BILLION = 1_000_000_000
_MOST_MODELS = 10_000
_MOST_CLIENTS = 100
"""Clients that share limits at the same time, and have prices of their own; older ones are gone."""


class Tokens(NamedTuple):
    """How many tokens a call is thought to read and to write."""

    prompt: float
    completion: float


def length_of(call: AnyCall) -> int:
    """The bytes of what a model is given to read."""
    if isinstance(call, ChatCall):
        tools = call.parameters.get("tools") or []
        return len(encode_json(call.messages)) + (len(encode_json(tools)) if tools else 0)
    return len(encode_json(call.input))


class Estimate:
    """How many tokens calls of one model take: a mean in which the latest calls count most."""

    __slots__ = ("_completion", "_tokens_per_byte", "last")

    def __init__(self) -> None:
        self.last = 0
        """The tokens of the last call whose usage is known."""
        self._tokens_per_byte = 0.25
        self._completion = 250.0

    def of(self, call: AnyCall, length: int) -> Tokens:
        """What a call of so many bytes is thought to take."""
        return Tokens(self.prompt_of(length), self.completion_of(call))

    def prompt_of(self, length: int) -> float:
        """What so many bytes are thought to take."""
        return length * self._tokens_per_byte

    def completion_of(self, call: AnyCall) -> float:
        """What the completion of a call is thought to take."""
        if not isinstance(call, ChatCall):
            return 0.0
        given = call.parameters
        if not given:
            return self._completion
        most = given.get("max_completion_tokens") or given.get("max_tokens")
        expected = self._completion if most is None else min(most, self._completion)
        return expected * (given.get("n") or 1)

    def learn(self, length: int, prompt: int, completion: int) -> None:
        """What a call of so many bytes has taken."""
        self._tokens_per_byte += (prompt / length - self._tokens_per_byte) / 10
        self._completion += (completion - self._completion) / 10


def billionths(amount: Decimal) -> int:
    """An amount of money in whole billionths, rounded up."""
    return int((amount * _BILLION).to_integral_value(ROUND_CEILING))


class Pricing:
    """What models cost, by the prices of the clients or public ones."""

    def __init__(self) -> None:
        self._shared = deque["Shared"](maxlen=_MOST_CLIENTS)
        self._rates = dict[str, "Rates"]()

    def add(self, shared: Shared) -> None:
        """A client whose calls are to be priced; of one's own prices, those of the first count."""
        self._shared.append(shared)
        self._rates.clear()

    async def estimate(self, model: str, tokens: Tokens, currency: str) -> int:
        """What so many tokens are thought to cost.

        Raises:
            RequestError: where the price is not known, or in another currency.
        """
        rates = self._rates.get(model)
        if rates is None:
            if len(self._rates) >= _MOST_MODELS:
                self._rates.clear()
            rates = self._rates[model] = await self._find(model)
        if rates.currency != currency:
            raise RequestError(
                f"what {model} costs is known in {rates.currency}, and the limit is in {currency}: "
                f"give Limit(currency={rates.currency!r})"
            )
        prompt, completion = rates.input or 0, rates.output or 0
        million = tokens.prompt * float(prompt) + tokens.completion * float(completion)
        return int(million * _BILLION / 1_000_000 + float(rates.requests or 0) * _BILLION) + 1

    async def _find(self, model: str) -> Rates:
        """A client's own rates, or public ones, which are loaded on a thread."""
        from llmgate.cost import rates_of  # noqa: PLC0415 - only for those who limit what is spent

        asked = [(shared.prices, *_target(shared, model)) for shared in self._shared]
        for prices, provider, name in asked:
            own = None if prices is None else prices.find(provider, (name, model))
            if own is not None:
                return own
        for _, provider, name in asked:
            future = start_in_thread(partial(rates_of, provider, (name,)))
            public = await asyncio.wrap_future(future)
            if public is not None:
                return public
        raise RequestError(
            f"what {model} costs is not known, and what may be spent is limited: give "
            f"Client(prices={{{model!r}: …}}), or install llmgate-core[cost]"
        )


def spent(cost: Cost | None, currency: str) -> int | None:
    """What a response cost; None where that is not known, or in another currency."""
    if cost is None or (cost and cost.currency != currency):
        return None
    return billionths(cost)


def _target(shared: Shared, model: str) -> tuple[str, str]:
    """Whose a model is, and its own name; a name that is nobody's may have a price all the same."""
    try:
        target = shared.target(model)
    except UnknownProviderError:
        return "", model
    return target.provider, target.model
