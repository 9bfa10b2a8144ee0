"""Estimates the tokens and the money that a call will use, before it is made; it limits nothing.

Amounts of money are whole billionths of a currency, which add up exactly wherever they are stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from llmgate._text.json import encode_json
from llmgate.errors import RequestError, UnknownProviderError
from llmgate.options import ChatCall
from llmgate.provider.threads import start_in_thread

if TYPE_CHECKING:
    from llmgate.cost import Cost, Rates
    from llmgate.embeddings import EmbeddingCall
    from llmgate.middleware import Shared
    from llmgate.types import Usage

__all__ = ["Estimate", "Pricing", "billionths", "price_of", "spent"]

AnyCall: TypeAlias = "ChatCall | EmbeddingCall"
_BILLION = 1_000_000_000
_MAX_MODELS = 10_000
_MAX_CLIENTS = 100
"""How many clients with their own prices may share limits; older ones are forgotten."""


class Estimate:
    """How many tokens calls of one model take: a mean in which recent calls count most."""

    __slots__ = ("_completion", "_tokens_per_byte", "last")

    def __init__(self) -> None:
        self.last = 0
        """The tokens of the last call whose usage is known."""
        self._tokens_per_byte = 0.25
        self._completion = 250.0

    def of(self, call: AnyCall) -> tuple[int, float, float]:
        """The bytes of a call's input, and the estimated tokens of its input and output."""
        if not isinstance(call, ChatCall):
            length = len(encode_json(call.input))
            return length, length * self._tokens_per_byte, 0.0
        length, completion = len(encode_json(call.messages)), self._completion
        given = call.parameters
        if given:
            if tools := given.get("tools"):
                length += len(encode_json(tools))
            most = given.get("max_completion_tokens") or given.get("max_tokens")
            if most is not None:
                completion = min(most, completion)
            completion *= given.get("n") or 1
        return length, length * self._tokens_per_byte, completion

    def learn(self, length: int, usage: Usage) -> int:
        """Learn from a call's total tokens, and from its bytes if they were counted."""
        self.last = total = usage.total_tokens
        if length:
            per_byte, completion = self._tokens_per_byte, self._completion
            self._tokens_per_byte = per_byte + (usage.prompt_tokens / length - per_byte) / 10
            self._completion = completion + (usage.completion_tokens - completion) / 10
        return total


def billionths(amount: Decimal) -> int:
    """An amount of money in whole billionths, rounded up."""
    return int((amount * _BILLION).to_integral_value(ROUND_CEILING))


class Pricing:
    """What models cost, by the clients' own prices or public ones."""

    def __init__(self) -> None:
        self._shared = deque["Shared"](maxlen=_MAX_CLIENTS)
        self._rates = dict[str, "Rates"]()

    def add(self, shared: Shared) -> None:
        """Add a client whose calls are to be priced; among clients' own prices, the first client's
        win."""
        self._shared.append(shared)
        self._rates.clear()

    def known(self, model: str) -> Rates | None:
        """The rates of a model; None if they are not looked up yet."""
        return self._rates.get(model)

    async def find(self, model: str) -> Rates:
        """The rates of a model, which are remembered.

        Raises:
            RequestError: when there are none.
        """
        rates = await self._find(model)
        if len(self._rates) >= _MAX_MODELS:
            self._rates.clear()
        self._rates[model] = rates
        return rates

    async def _find(self, model: str) -> Rates:
        """A client's own rates, or public ones, which are loaded on a thread."""
        from llmgate.cost import rates_of  # noqa: PLC0415 - only if spending is limited

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
            f"the price of {model} is not known, and spending is limited: pass "
            f"Client(prices={{{model!r}: …}}), or install llmgate-core[cost]"
        )


def price_of(model: str, tokens: tuple[float, float], rates: Rates, currency: str) -> int:
    """The estimated cost of so many prompt and completion tokens, in billionths.

    Raises:
        RequestError: when the rates are in another currency.
    """
    if rates.currency != currency:
        raise RequestError(
            f"the price of {model} is in {rates.currency}, and the limit is in {currency}: "
            f"use Limit(currency={rates.currency!r})"
        )
    million = tokens[0] * float(rates.input or 0) + tokens[1] * float(rates.output or 0)
    return int(million * _BILLION / 1_000_000 + float(rates.requests or 0) * _BILLION) + 1


def spent(cost: Cost | None, currency: str) -> int | None:
    """What a response cost; None if that is not known, or in another currency."""
    if cost is None or (cost and cost.currency != currency):
        return None
    return billionths(cost)


def _target(shared: Shared, model: str) -> tuple[str, str]:
    """The provider of a model and its own name there; a name without a provider may still have a
    price."""
    try:
        target = shared.target(model)
    except UnknownProviderError:
        return "", model
    return target.provider, target.model
