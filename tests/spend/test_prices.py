"""Limits of spending where prices are not known."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from llmgate.cost import Rates
from llmgate.errors import (
    ConnectError,
    InvalidRequestError,
    RequestError,
)
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.routing import Router
from llmgate.middlewares.turns import MemoryLimits
from tests.machine import wait_for_async
from tests.spend.calls import COST, DAY, ESTIMATE, PRICES, USED, Gate, ask, client_of, spent


def no_rates(*_: Any, **__: Any) -> None:
    """As where no public prices are installed."""


async def test_a_call_whose_price_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent; a call that no such limit is for needs no price."""
    monkeypatch.setattr("llmgate.cost.rates_of", no_rates)
    limits = Limits(Limit(spend=1, by="tenant"))
    client = client_of(limits)
    await ask(client, "fake/unknown")
    with pytest.raises(RequestError, match="the price of fake/unknown is not known") as caught:
        await ask(client, "fake/unknown", labels={"tenant": "a"})
    assert "Client(prices={'fake/unknown': …})" in str(caught.value)
    with pytest.raises(RequestError, match="is in EUR, and the limit is in USD"):
        await ask(client, "fake/euro", labels={"tenant": "a"})
    with pytest.raises(RequestError, match="the price of nobodys is not known"):
        await ask(client, "nobodys", labels={"tenant": "a"})
    assert {} == vars(limits._store)["_groups"]


async def test_a_router_passes_on_a_call_whose_price_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To a target whose price is."""
    monkeypatch.setattr("llmgate.cost.rates_of", no_rates)
    prices = {"fake/*": {"input": 1, "output": 1}}
    answers = [ConnectError("no"), USED]
    client = client_of(Router(), Limits(Limit(spend=1)), answers=answers, prices=prices)
    completion = await ask(client, ["fake/m", "b/m", "fake/n"])
    assert ["fake/m", "fake/n"] == [attempt.target for attempt in completion.attempts]


async def test_public_prices_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a client has none of its own for a model; they are looked up once, on a thread."""
    asked = list[Any]()

    def rates_of(provider: str, models: tuple[str, ...], **_: Any) -> Rates:
        asked.append((provider, models))
        return Rates(input=Decimal(1000), output=Decimal(2000), requests=Decimal("0.001"))

    monkeypatch.setattr("llmgate.cost.rates_of", rates_of)
    limits, gate = Limits(Limit(spend=1, per=DAY)), Gate()
    client = client_of(limits, gate, prices=None)
    calls = [asyncio.create_task(ask(client)) for _ in range(2)]
    groups = vars(limits._store)["_groups"]
    assert await wait_for_async(
        lambda: bool(groups) and spent(limits) == (0, 2 * (ESTIMATE + 1_000_000))
    )
    gate.opened.set()
    await asyncio.gather(*calls)
    assert ("fake", ("m",)) in asked
    assert (2 * (COST + 1_000_000), 0) == spent(limits)


async def test_clients_may_share_a_limit(clock: list[float]) -> None:
    """Each with prices of its own."""
    limits = Limits(Limit(spend=1, per=DAY, by=""))
    first, second = (
        client_of(limits, prices={model: PRICES["fake/m"]}) for model in ("fake/m", "fake/n")
    )
    await ask(first)
    await ask(second, "fake/n")
    assert (2 * COST, 0) == spent(limits, "")


async def test_clients_that_come_and_go_are_forgotten(clock: list[float]) -> None:
    """Limits that outlive very many of them hold no more and no more."""
    limits, rates = Limits(Limit(spend=1, per=DAY)), Limits(Limit(requests=60))
    for _ in range(300):
        client_of(limits, rates)
    assert 100 == len(limits._pricing._shared)
    assert 0 == len(rates._pricing._shared)
    await ask(client_of(limits))
    assert (COST, 0) == spent(limits)


async def test_prices_are_looked_up_anew_where_there_are_very_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No more is held than that."""
    monkeypatch.setattr("llmgate.middlewares.estimates._MAX_MODELS", 3)
    limits = Limits(Limit(spend=1, per=DAY, by=""))
    client = client_of(limits, prices={"fake/*": PRICES["fake/m"]})
    for number in range(8):
        await ask(client, f"fake/{number}")
    assert len(limits._pricing._rates) <= 3


async def test_a_group_that_has_spent_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """As long as its period lasts."""
    monkeypatch.setattr("llmgate.middlewares.turns._MAX_GROUPS", 3)
    limits = Limits(Limit(spend=1, per=DAY, by="tenant"))
    client = client_of(limits)
    for tenant in "abcde":
        await ask(client, labels={"tenant": tenant})
    assert 5 == len(vars(limits._store)["_groups"])
    clock[0] += DAY
    for tenant in "fg":
        await ask(client, labels={"tenant": tenant})
    assert 2 == len(vars(limits._store)["_groups"])


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"spend": 0}, "limit.spend"),
        ({"spend": Decimal("NaN")}, "limit.spend"),
        ({"spend": Decimal(-1)}, "limit.spend"),
        ({"spend": "5"}, "limit.spend"),
        ({"spend": float("inf")}, "limit.spend"),
        ({"spend": 1, "currency": ""}, "limit.currency"),
        ({"spend": 1, "currency": None}, "limit.currency"),
    ],
)
def test_what_may_be_spent_is_checked(given: Any, path: str) -> None:
    """With its path."""
    with pytest.raises(InvalidRequestError) as caught:
        Limit(**given)
    assert path == caught.value.path


async def test_two_currencies_are_never_added() -> None:
    """A call of one that is held to a limit of another is refused before anything is sent, also
    where a further limit is of its own."""
    limits = Limits(Limit(spend=9, per=DAY), Limit(spend=9, per=DAY, currency="EUR", by=""))
    client = client_of(limits)
    with pytest.raises(RequestError, match=r"is in USD, and the limit is in EUR"):
        await ask(client)
    assert {} == vars(limits._store)["_groups"]


def test_a_store_that_cannot_keep_it_is_refused() -> None:
    """When the limits are made."""

    class Without(MemoryLimits):
        amounts = frozenset({"requests", "tokens", "concurrency"})

    with pytest.raises(InvalidRequestError, match="cannot limit spend") as caught:
        Limits(Limit(requests=1), Limit(spend=1), store=Without())
    assert "limits[1].spend" == caught.value.path
