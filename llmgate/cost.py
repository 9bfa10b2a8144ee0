"""What calls cost, computed from their usage: by a client's own prices, or by the package
genai-prices.

The package is imported when a cost is first needed. Prices are never guessed: without a known price
there is no cost. It makes no requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any, Protocol, Self

from llmgate._text.dataclass import slotted
from llmgate._text.json import is_mapping
from llmgate.errors import InvalidRequestError

__all__ = ["Cost", "Prices", "Rates", "cost_by", "cost_of", "load_prices", "rates_of", "total_cost"]

_MILLION = 1_000_000


class Cost(Decimal):
    """An amount of money: a ``Decimal`` with a ``currency`` and its ``parts``.

    ``parts`` are the amounts of ``input``, ``cache_read``, ``cache_write``, ``cache_write_1h``,
    ``input_audio``, ``output``, ``reasoning``, ``output_audio``, ``requests`` and
    ``rerank_searches``, where they apply; each token is counted in one of them. ``source`` says
    whose prices they are. Arithmetic gives a plain ``Decimal``.
    """

    currency: str
    parts: Mapping[str, Decimal]
    source: str

    __slots__ = ("currency", "parts", "source")

    def __new__(cls, parts: Mapping[str, Decimal], currency: str = "USD", source: str = "") -> Self:
        """The sum of these parts."""
        cost = super().__new__(cls, sum(parts.values(), Decimal(0)))
        cost.currency, cost.parts, cost.source = currency, dict(parts), source
        return cost

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), (self.parts, self.currency, self.source)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Cost({self} {self.currency})"


@slotted
class Rates:
    """The prices of a model, each per million tokens (per one for ``requests`` and
    ``rerank_searches``). A part without its own price is None, and is counted with the whole:
    cached tokens with the input, reasoning with the output."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    reasoning: Decimal | None = None
    output_audio: Decimal | None = None
    requests: Decimal | None = None
    rerank_searches: Decimal | None = None
    currency: str = "USD"
    source: str = ""

    def known(self) -> dict[str, Decimal]:
        """The prices that there are."""
        given = ((name, getattr(self, name)) for name in _RATES)
        return {name: price for name, price in given if price is not None}


_RATES = (
    *("input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio"),
    *("reasoning", "output_audio", "requests", "rerank_searches"),
)


# --- a client's own prices ----------------------------------------------------------------


class Prices:
    """A client's own prices, by the names of models or globs of them."""

    def __init__(self, given: Any) -> None:
        """Check what a client was given.

        Raises:
            InvalidRequestError: naming the price that is wrong.
        """
        if not is_mapping(given):
            raise InvalidRequestError.expected("prices by model", given, "prices")
        self._rates = {str(model): _own_rates(model, given[model]) for model in given}

    def find(self, provider: str, models: tuple[str, ...]) -> Rates | None:
        """The rates of the first of these models that has any; exact names come before globs."""
        names = [f"{provider}/{model}" for model in models] + [*models]
        for name in names:
            if name in self._rates:
                return self._rates[name]
        for glob, rates in self._rates.items():
            if any(fnmatchcase(name, glob) for name in names):
                return rates
        return None


def _own_rates(model: Any, given: Any) -> Rates:
    path = f"prices[{model!r}]"
    if not is_mapping(given):
        raise InvalidRequestError.expected("the prices of a million tokens", given, path)
    columns = {str(name): value for name, value in given.items()}
    currency = columns.pop("currency", "USD")
    if not isinstance(currency, str) or not currency:
        raise InvalidRequestError.expected("a currency such as 'EUR'", currency, f"{path}.currency")
    unknown = [name for name in columns if name not in _RATES]
    if unknown:
        reason = f"there is no such price: it is one of {', '.join(_RATES)}"
        raise InvalidRequestError(reason, path=f"{path}.{unknown[0]}")
    rates = {name: _price(value, f"{path}.{name}") for name, value in columns.items()}
    return Rates(**rates, currency=currency, source="prices")


def _price(given: Any, path: str) -> Decimal:
    try:
        price = None if isinstance(given, bool) else Decimal(str(given))
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite():
        raise InvalidRequestError.expected("a number", given, path)
    if price < 0:
        raise InvalidRequestError(f"a price cannot be negative: {given}", path=path)
    return price


# --- the package genai-prices -------------------------------------------------------------


@cache
def load_prices() -> Any:
    """The module of genai-prices with its data; None if it is not installed.

    The first time takes some 200 ms of computing.
    """
    try:
        module = import_module("genai_prices.data_snapshot")
        module.get_snapshot()
    except ImportError:
        return None
    return module


def rates_of(
    provider: str,
    models: tuple[str, ...],
    *,
    at: datetime | None = None,
    tier: str | None = None,
    tokens: int = 0,
) -> Rates | None:
    """The public rates of the first of these models that has any; None if none is known.

    Args:
        provider: The provider's name.
        models: The provider's own names of the model, the more exact ones first.
        at: The time of the call; None for now.
        tier: The service tier, or ``batch``: there are no rates if the tier has none of its own.
        tokens: How many tokens the prompt had, on which some rates depend.
    """
    module = load_prices()
    if module is None:
        return None
    snapshot = module.get_snapshot()
    for model in models:
        try:
            owner, info = snapshot.find_provider_model(model, None, provider, None)
        except LookupError:
            continue
        if owner.id != provider and owner.id in provider:
            return None  # the user's own server, or a relay, that only has a vendor's name
        return _public_rates(info, at or datetime.now(UTC), tier, tokens)
    return None


def _public_rates(info: Any, at: datetime, tier: str | None, tokens: int) -> Rates | None:
    context = {"processing": "batch"} if tier == "batch" else {"service_tier": tier or ""}
    variants = [variant.when for variant in info.price_variants or ()]
    if tier in _TIERS and not any(context.items() <= when.items() for when in variants):
        return None
    prices = info.get_prices(at, context)
    found: dict[str, Any] = {
        name: _in_force(getattr(prices, column, None), tokens) for name, column in _COLUMNS.items()
    }
    for name in ("requests", "rerank_searches"):  # these are per thousand
        price = found[name]
        found[name] = None if price is None else price / 1000
    return Rates(**found, source=f"genai-prices {_version()}")


_TIERS = frozenset({"batch", "fast", "flex", "priority", "scale"})
"""The tiers whose prices differ from the list."""
_COLUMNS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "reasoning": "output_reasoning_mtok",
    "output_audio": "output_audio_mtok",
    "requests": "requests_kcount",
    "rerank_searches": "rerank_searches_kcount",
}


def _in_force(price: Any, tokens: int) -> Decimal | None:
    """The price; if it depends on the prompt's length, the one for this length."""
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return price  # type: ignore[no-any-return] # a Decimal, or None
    reached = [tier.price for tier in tiers if tokens > tier.start]
    return reached[-1] if reached else price.base  # type: ignore[no-any-return]


@cache
def _version() -> str:
    version: str = import_module("genai_prices").__version__
    return version


# --- what a response cost -----------------------------------------------------------------


class Obtained(Protocol):
    """What an exchange says about the provider asked, and the prices."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def prices(self) -> Prices | None: ...
    @property
    def cache(self) -> str | None: ...


def cost_of(answer: Any, exchange: Obtained) -> Cost | None:
    """What a response cost; None if its usage or its price is not known.

    Args:
        answer: The response: its ``model``, ``usage``, ``created`` and ``service_tier`` count, as
            far as it has them.
        exchange: How it was obtained: from which provider, and at which prices.
    """
    usage = answer.usage
    if usage is None:
        return None
    if exchange.cache == "hit":
        return Cost({}, source="cache")
    asked, echoed = exchange.model, getattr(answer, "model", "") or ""
    if exchange.prices is not None:
        rates = exchange.prices.find(exchange.provider, tuple(filter(None, (asked, echoed))))
        if rates is not None:
            return cost_by(rates, usage)
    created = getattr(answer, "created", 0) or 0
    rates = rates_of(
        exchange.provider,
        tuple(filter(None, dict.fromkeys((echoed, asked)))),
        at=_time_of(created),
        tier=_tier_of(answer, usage),
        tokens=usage.prompt_tokens or 0,
    )
    return None if rates is None else cost_by(rates, usage)


def _time_of(created: float) -> datetime | None:
    """A time since the epoch in seconds; None for what is none, such as one in milliseconds."""
    try:
        return datetime.fromtimestamp(created, UTC) if created > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _tier_of(answer: Any, usage: Any) -> str | None:
    given = getattr(answer, "service_tier", None) or usage.extra.get("service_tier")
    speed = usage.extra.get("speed")
    tier = speed if speed == "fast" else given
    return tier if isinstance(tier, str) else None


def cost_by(rates: Rates, usage: Any) -> Cost | None:
    """What this usage costs at these rates: each token once, at the rate of the smallest part that
    has one. None if neither a part nor anything that contains it has a rate."""
    counts = _counts(usage)
    parts = dict[str, Decimal]()
    for name, count in counts.items():
        if count:
            price = _rate(rates, name)
            if price is None:
                return None
            size = 1 if name in ("requests", "rerank_searches") else _MILLION
            parts[name] = price * count / size
    if rates.requests is not None:
        parts["requests"] = rates.requests
    return Cost(parts, rates.currency, rates.source)


def _rate(rates: Rates, name: str) -> Decimal | None:
    """The rate of a part, or of what contains it."""
    wider: str | None = name
    while wider is not None:
        price: Decimal | None = getattr(rates, wider)
        if price is not None:
            return price
        wider = _WIDER.get(wider)
    return None


_WIDER = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "reasoning": "output",
    "output_audio": "output",
}


def _counts(usage: Any) -> dict[str, int]:
    """How many tokens each part has; they add up to all billed tokens."""
    searches = getattr(usage, "search_units", None)
    if searches is not None:
        return {"rerank_searches": searches}
    prompt, completion = usage.prompt_tokens or 0, getattr(usage, "completion_tokens", 0) or 0
    read, written = getattr(usage, "prompt_tokens_details", None), 0
    given = getattr(usage, "completion_tokens_details", None)
    cached = _count(read, "cached_tokens")
    written = _count(read, "cache_write_tokens")
    for_an_hour = min(_hour_writes(usage.extra), written)
    heard, spoken = _count(read, "audio_tokens"), _count(given, "audio_tokens")
    reasoning = _count(given, "reasoning_tokens")
    return {
        "input": max(prompt - cached - written - heard, 0),
        "cache_read": cached,
        "cache_write": written - for_an_hour,
        "cache_write_1h": for_an_hour,
        "input_audio": heard,
        "output": max(completion - reasoning - spoken, 0),
        "reasoning": reasoning,
        "output_audio": spoken,
    }


def _count(details: Any, name: str) -> int:
    return 0 if details is None else getattr(details, name) or 0


def _hour_writes(extra: Any) -> int:
    """The tokens written to a cache that lasts an hour, which some providers report separately."""
    written = extra.get("cache_creation")
    count = written.get("ephemeral_1h_input_tokens") if is_mapping(written) else None
    return count if isinstance(count, int) else 0


def total_cost(costs: list[Cost | None]) -> Cost | None:
    """What several responses cost together; None if any cost is not known, or if they are in
    different currencies."""
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs) or len({cost.currency for cost in known}) > 1:
        return None
    names = dict.fromkeys(name for cost in known for name in cost.parts)
    zero = Decimal(0)
    parts = {name: sum((cost.parts.get(name, zero) for cost in known), zero) for name in names}
    sources = dict.fromkeys(cost.source for cost in known)
    return Cost(parts, known[0].currency, ", ".join(sources))
