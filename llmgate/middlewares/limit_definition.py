"""What a limit allows, and for which group of calls; it counts nothing.

State is kept by a ``limit_store``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.middlewares.estimates import billionths

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.options import ChatCall

__all__ = ["AMOUNTS", "AnyCall", "Limit"]

AnyCall: TypeAlias = "ChatCall | EmbeddingCall"
By: TypeAlias = "str | Callable[[AnyCall], str | None]"


@dataclass(frozen=True)
class Limit:
    """What all calls of a group may use together.

    ``by`` says what calls of a group have in common: ``"model"``, the name of a label
    (``"tenant"``), a function that returns the group of a call (None for a call that is not
    limited), or ``""`` for all calls. ``requests`` and ``tokens`` are how many may be used in
    ``per`` seconds, evenly spread; ``burst`` is how many requests may come at once after a pause
    (by default a tenth of ``requests``), and unused tokens accumulate for a tenth of ``per``.
    ``concurrency`` is how many calls may run at once, streams until their end. ``spend`` is what
    may be spent in each period of ``per`` seconds, in ``currency``; periods are counted from the
    epoch, so 86,400 seconds are a day in UTC.
    """

    requests: float | None = None
    tokens: float | None = None
    concurrency: int | None = None
    per: float = 60.0
    burst: int | None = None
    by: By = "model"
    spend: Decimal | float | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        for name in (*AMOUNTS, "per", "burst"):
            value = getattr(self, name)
            is_left_out = value is None and name != "per"
            if not (is_left_out or _is_above_zero(value, may_be_decimal=name == "spend")):
                reason = f"expected a number above 0, got {describe_value(value)}"
                raise InvalidRequestError(reason, path=f"limit.{name}")
        if not self.amounts:
            reason = "at least one of requests, tokens, concurrency and spend is required"
            raise InvalidRequestError(reason, path="limit")
        if not isinstance(self.by, str) and not callable(self.by):
            reason = (
                f"expected 'model', a label's name or a function, got {describe_value(self.by)}"
            )
            raise InvalidRequestError(reason, path="limit.by")
        if type(self.currency) is not str or not self.currency:
            reason = f"expected a currency such as 'EUR', got {describe_value(self.currency)}"
            raise InvalidRequestError(reason, path="limit.currency")

    @property
    def amounts(self) -> frozenset[str]:
        """The names of the limited amounts."""
        return frozenset(name for name in AMOUNTS if getattr(self, name) is not None)

    @property
    def is_of_model(self) -> bool:
        """Whether each model has its own group: what a provider says of one model says nothing of
        another."""
        return self.by == "model"

    @property
    def most_spend(self) -> int:
        """What may be spent in a period, in billionths; 0 if that is not limited."""
        return 0 if self.spend is None else billionths(Decimal(str(self.spend)))

    def period_end(self, at: float) -> float:
        """When the period that contains this time ends, both in seconds since the epoch."""
        return (at // self.per + 1) * self.per

    def group_of(self, call: AnyCall) -> str | None:
        """The group of a call; None if this limit does not apply to it."""
        if callable(self.by):
            given: object = self.by(call)
            return None if given is None else str(given)  # such as a number, as of a label
        if self.by in ("", "model"):
            return call.model if self.by else ""
        label = call.labels.get(self.by)
        return None if label is None else str(label)


AMOUNTS = ("requests", "tokens", "concurrency", "spend")


def _is_above_zero(value: Any, *, may_be_decimal: bool) -> bool:
    if may_be_decimal and isinstance(value, Decimal):
        return value.is_finite() and value > 0
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < math.inf
