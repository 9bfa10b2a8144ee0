"""How a completion was obtained, how a stream ended, and the attributes that expose this;
values."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from llmgate._text.dataclass import slotted
from llmgate.report import Report

if TYPE_CHECKING:
    from llmgate.cost import Cost, Prices
    from llmgate.errors import LLMGateError
    from llmgate.types import Completion, Usage


@slotted
class Attempt:
    """One request that was made for a call.

    ``seconds`` is how long it took, ``wait`` the pause before it (seconds), ``status`` the
    response's or None, ``error`` the name of the exception's class or None. ``target`` is the model
    that was asked, if a router chose among several.
    """

    number: int
    seconds: float
    wait: float = 0.0
    status: int | None = None
    error: str | None = None
    request_id: str | None = None
    target: str = ""


@slotted
class Exchange:
    """How a completion was obtained: from which provider, with which deviations, in how many
    attempts.

    ``headers`` are the response's, names in lower case; ``raw`` is the response's body, untouched
    (empty for a stream). Neither is pickled: what a provider wrote was for this process. ``cache``
    says whether a cache had the response, if there is a cache. ``model`` is the provider's own name
    of the model that was asked, and ``prices`` are those of the client, which are not pickled.
    """

    provider: str = ""
    report: Report = field(default_factory=Report)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    raw: bytes = field(default=b"", repr=False)
    request_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    cache: Literal["hit", "miss"] | None = None
    model: str = ""
    prices: Prices | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: neither headers nor body."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc] # pickle has made it without

    def __copy__(self) -> Exchange:
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Exchange:
        return replace(self, report=deepcopy(self.report, memo))  # the rest is never changed

    @property
    def rate_limit(self) -> dict[str, str]:
        """The headers about rate limits, as the provider spells them."""
        return {
            name: value
            for name, value in self.headers.items()
            if "ratelimit" in name or name.startswith("retry-after")
        }


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended, as :meth:`llmgate.Stream.when_done` says.

    ``outcome`` is ``abandoned`` when it was closed or garbage-collected before its end.
    ``completion`` is what had arrived by then, or None; ``usage`` is what the provider had
    reported; ``error`` is what was or will be raised.
    """

    outcome: Literal["ok", "error", "cancelled", "abandoned"]
    completion: Completion | None = None
    usage: Usage | None = None
    error: LLMGateError | None = None


class ExchangeField:
    """The attribute of a completion that holds its exchange. It is not a field, so that code which
    dumps fields does not see it. A dataclass asks it for the default, which is None."""

    __slots__ = ()

    def __get__(self, completion: Any, _: object) -> Exchange | None:
        if completion is None:
            return None
        exchange: Exchange | None = getattr(completion, "_exchange", None)
        if exchange is None:  # it was made by hand
            exchange = completion._exchange = Exchange()
        return exchange

    def __set__(self, completion: Any, exchange: Exchange | None) -> None:
        completion._exchange = exchange


class HasExchange:
    """The properties of a completion and a stream that read their exchange."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def exchange(self) -> Exchange:
            """Headers, request id, attempts, report."""
            ...

    @property
    def report(self) -> Report:
        """What differs between the call and the request."""
        return self.exchange.report

    @property
    def raw(self) -> bytes:
        """The response's body, untouched; empty for a stream."""
        return self.exchange.raw

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, from the response's headers."""
        return self.exchange.request_id

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers, names in lower case."""
        return self.exchange.headers

    @property
    def rate_limit(self) -> dict[str, str]:
        """The headers about rate limits."""
        return self.exchange.rate_limit

    @property
    def cost(self) -> Cost | None:
        """What it cost; None if its usage or its price is not known. See docs/cost.md.

        The first time, this may import the package genai-prices, which takes 70 to 200 ms, unless
        the client has ``prices={}`` (or ``llmgate.defaults(prices={})``): then a thread does it.
        """
        from llmgate.cost import cost_of  # noqa: PLC0415 - only where asked for

        return cost_of(self, self.exchange)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request that was made for this call."""
        return self.exchange.attempts

    @property
    def cache(self) -> Literal["hit", "miss"] | None:
        """Whether a cache had it; None if there is no cache."""
        return self.exchange.cache

    @property
    def provider(self) -> str:
        """The name of the provider that responded."""
        return self.exchange.provider
