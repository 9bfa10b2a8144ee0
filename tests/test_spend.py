"""Limits of what is spent: what is reserved, what counts in the end, and who is refused."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from llmgate import Client, Completion
from llmgate.cost import Rates
from llmgate.errors import (
    BadRequestError,
    ConnectError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    RateLimitError,
    ReadError,
    RequestError,
)
from llmgate.middleware import Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.routing import Router
from llmgate.middlewares.turns import MemoryLimits
from llmgate.testing import Canned, FakeProvider
from tests.faults.server import wait_for_async

HI: list[Any] = [{"role": "user", "content": "Hi"}]
DAY = 86_400
PRICES = {"fake/m": {"input": 1000, "output": 2000}, "fake/euro": {"input": 1, "currency": "EUR"}}
"""A thousandth for a token that is read, two for one that is written."""
USED = Canned.json({"say": "a", "end": "done", "tokens": {"in": 10, "out": 5}})
COST = 20_000_000
"""Of that, in billionths."""
ESTIMATE = 18_000_001
"""Of ``ask``, whose prompt is 32 bytes: 32 / 4 thousandths, and 5 times two; rounded up."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time since the epoch, which stands still."""
    times = [10.25 * DAY]
    monkeypatch.setattr(time, "time", lambda: times[0])
    return times


def client_of(*middleware: Middleware, answers: Any = None, **settings: Any) -> Any:
    """A client whose provider always uses as much."""
    provider = FakeProvider([USED] * 1000 if answers is None else answers)
    settings = {"max_retries": 0, "prices": PRICES, **settings}
    return Client(
        providers={"fake": provider, "b": FakeProvider([USED] * 9)},
        middleware=middleware,
        **settings,
    )


async def ask(client: Any, model: Any = "fake/m", **options: Any) -> Completion:
    """One call, of five tokens at most."""
    completion: Completion = await client.acompletion(model, HI, max_tokens=5, **options)
    return completion


def spent(limits: Limits, name: str = "fake/m", number: int = 0) -> tuple[int, int]:
    """What is spent and reserved in a group."""
    store: Any = limits._store
    group = store._groups[number, name]
    return group.spent, group.reserved


def no_rates(*_: Any, **__: Any) -> None:
    """As where no public prices are installed."""


class Gate(Middleware):
    """Holds calls until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def chat(self, call: Any, handler: Any) -> Any:
        await self.opened.wait()
        return await handler(call)


async def test_an_estimate_is_reserved_and_the_cost_is_counted(clock: list[float]) -> None:
    """To a billionth."""
    limits, gate = Limits(Limit(spend=1, per=DAY)), Gate()
    client = client_of(limits, gate)
    calls = [asyncio.create_task(ask(client)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (0, 3 * ESTIMATE) == spent(limits)
    gate.opened.set()
    for call in calls:
        assert Decimal("0.02") == (await call).cost
    assert (3 * COST, 0) == spent(limits)


async def test_a_refusal_names_the_level_the_limit_what_is_spent_and_the_reset(
    clock: list[float],
) -> None:
    """At once: the next period may be far away. Nothing is used of the other limits."""
    limits = Limits(Limit(requests=100, by=""), Limit(spend=Decimal("0.05"), per=DAY, by="tenant"))
    client = client_of(limits)
    for _ in range(2):
        await ask(client, labels={"tenant": "a"})
    store: Any = limits._store
    used = store._groups[0, ""].next_request
    with pytest.raises(RateLimitError) as caught:
        await ask(client, labels={"tenant": "a"})
    expected = "the limit of 0.05 USD in 86400 s for 'a', of which 0.04 are spent or reserved,"
    assert expected in str(caught.value)
    assert 0.75 * DAY == caught.value.retry_after
    assert caught.value.retryable is False
    assert used == store._groups[0, ""].next_request
    await ask(client, labels={"tenant": "b"})
    await ask(client)  # whose tenant is not known


async def test_a_new_period_begins_anew(clock: list[float]) -> None:
    """Counted from the epoch; what was admitted before is counted where it was."""
    limits, gate = Limits(Limit(spend=0.05, per=DAY)), Gate()
    client = client_of(limits, gate)
    call = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    assert (0, ESTIMATE) == spent(limits)
    clock[0] = 11 * DAY
    late = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    assert (0, ESTIMATE) == spent(limits)
    gate.opened.set()
    await asyncio.gather(call, late)
    assert (COST, 0) == spent(limits)
    assert 12 * DAY == Limit(spend=1, per=DAY).period_end(clock[0])
    assert 11 * DAY == Limit(spend=1, per=DAY).period_end(11 * DAY - 1)


async def test_a_clock_that_was_far_ahead_ends_no_spending(clock: list[float]) -> None:
    """What was counted in a period that is years away is forgotten when the clock is set right."""
    limits, now = Limits(Limit(spend=0.05, per=DAY)), clock[0]
    client = client_of(limits)
    clock[0] = 20_000 * DAY
    await ask(client)
    assert (COST, 0) == spent(limits)
    clock[0] = now
    await ask(client)
    assert (COST, 0) == spent(limits)
    clock[0] = now - DAY / 2  # set back a little: it is the same period, or the one before
    await ask(client)
    assert (2 * COST, 0) == spent(limits)


async def test_many_calls_at_once_pass_it_by_no_more_than_they_are_misjudged(
    clock: list[float],
) -> None:
    """What is reserved counts as spent."""
    limits, gate = Limits(Limit(spend=Decimal("0.5"), per=DAY)), Gate()
    client = client_of(limits, gate)
    calls = [asyncio.create_task(ask(client)) for _ in range(100)]
    await asyncio.sleep(0)
    gate.opened.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    accepted = [each for each in results if isinstance(each, Completion)]
    assert 500_000_000 // ESTIMATE == len(accepted)
    assert 100 - len(accepted) == sum(isinstance(each, RateLimitError) for each in results)
    assert (len(accepted) * COST, 0) == spent(limits)


BUDGETS = {"key": "0.10", "user": "0.06", "team": "0.16"}


@pytest.mark.parametrize(
    ("earlier", "refused_by"),
    [
        ([], ""),
        ([("k1", "u1", "t1")] * 2, ""),
        ([("k1", "u1", "t1")] * 3, "u1"),
        ([("k1", "u2", "t2")] * 3, ""),
        ([("k1", "u2", "t2")] * 3 + [("k1", "u3", "t2")] * 2, "k1"),
        ([("k1", "u2", "t1")] * 3 + [("k1", "u3", "t2")] * 2, "k1"),
        ([("k2", "u2", "t1")] * 3 + [("k2", "u3", "t1")] * 2 + [("k3", "u4", "t1")] * 3, "t1"),
        ([("k1", "u1", "t1")] * 3 + [("k1", "u2", "t2")] * 2, "k1 or u1"),
    ],
)
async def test_every_level_that_applies_is_checked(
    earlier: list[tuple[str, str, str]], refused_by: str, clock: list[float]
) -> None:
    """A key, its user and its team: a call of k1, u1 and t1 is refused by each that is spent."""
    limits = Limits(*(Limit(spend=Decimal(most), per=DAY, by=by) for by, most in BUDGETS.items()))
    client = client_of(limits)
    for key, user, team in earlier:
        await ask(client, labels={"key": key, "user": user, "team": team})
    call = ask(client, labels={"key": "k1", "user": "u1", "team": "t1"})
    if not refused_by:
        await call
        return
    with pytest.raises(RateLimitError) as caught:
        await call
    assert any(f"for '{level}'" in str(caught.value) for level in refused_by.split(" or "))


# --- what a call has cost that gave nothing ---


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (BadRequestError("no", status=400), 0),
        (RateLimitError("slow down", status=429), 0),
        (ConnectError("refused"), 0),
        (ReadError("it broke"), ESTIMATE),
        (DecodeError("nonsense", status=200), ESTIMATE),
        (Canned.json({"say": "a", "end": "done"}), ESTIMATE),
    ],
    ids=["refused", "limited", "not connected", "broken", "unreadable", "without usage"],
)
async def test_what_failed_costs_what_it_may_be_billed(
    answer: Any, kept: int, clock: list[float]
) -> None:
    """Nothing where it was refused or never sent; otherwise what was thought."""
    limits = Limits(Limit(spend=1, per=DAY))
    client = client_of(limits, answers=[answer])
    if isinstance(answer, LLMGateError):
        with pytest.raises(type(answer)):
            await ask(client)
    else:
        await ask(client)
    assert (kept, 0) == spent(limits)


async def test_what_was_cancelled_costs_what_was_thought_once_it_was_sent(
    clock: list[float],
) -> None:
    """Before that it costs nothing."""
    for gated, kept in ((True, 0), (False, ESTIMATE)):
        limits = Limits(Limit(spend=1, per=DAY), Limit(requests=60, burst=60))
        gate = Gate()
        if not gated:
            gate.opened.set()
        client = client_of(limits, gate, answers=[Canned(body=[], hang=True)])
        call = asyncio.create_task(ask(client))
        for _ in range(20):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (kept, 0) == spent(limits)
        store: Any = limits._store
        assert gated == (store._groups[1, "fake/m"].next_request <= time.monotonic())


async def test_a_hedge_that_lost_is_counted_as_well(clock: list[float]) -> None:
    """It may be billed."""
    limits = Limits(Limit(spend=1, per=DAY))
    answers = [Canned(body=[], hang=True), USED]
    client = client_of(Router(), limits, answers=answers, max_retries=1)
    await ask(client, hedge_after=0.01)
    assert (COST + ESTIMATE, 0) == spent(limits)


async def test_streams_are_counted_at_their_end(clock: list[float]) -> None:
    """By their usage; one that was left before it said anything, as it was thought."""
    limits = Limits(Limit(spend=1, per=DAY))
    lines = [b'{"say": "a"}\n', b'{"end": "done", "tokens": {"in": 10, "out": 5}}\n']
    answers = [Canned(body=lines), Canned(body=[], hang=True)]
    client = client_of(limits, answers=answers)
    stream = await client.acompletion("fake/m", HI, max_tokens=5, stream=True)
    assert (0, ESTIMATE) == spent(limits)
    await stream.completion()
    assert (COST, 0) == spent(limits)
    stream = await client.acompletion("fake/m", HI, max_tokens=5, stream=True)
    _, reserved = spent(limits)  # it has learnt from the first one
    await stream.aclose()
    assert ESTIMATE < reserved
    assert (COST + reserved, 0) == spent(limits)


async def test_embeddings_are_counted(clock: list[float]) -> None:
    """By what they read."""
    limits = Limits(Limit(spend=1, per=DAY))
    client = client_of(limits)
    embeddings = await client.aembedding("fake/m", ["Hi"])
    assert embeddings.usage is not None
    assert (embeddings.usage.prompt_tokens * 1_000_000, 0) == spent(limits)


async def test_what_a_cache_gives_costs_nothing(clock: list[float]) -> None:
    """Neither behind the limits nor before them."""
    for place in (0, 1):
        limits, cache = Limits(Limit(spend=1, per=DAY)), Cache()
        client = client_of(*((cache, limits) if place == 0 else (limits, cache)))
        assert "miss" == (await ask(client)).cache
        hit = await ask(client)
        assert ("hit", Decimal(0)) == (hit.cache, hit.cost)
        assert (COST, 0) == spent(limits)


# --- prices ---


async def test_a_call_whose_price_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent; a call that no such limit is for needs no price."""
    monkeypatch.setattr("llmgate.cost.rates_of", no_rates)
    limits = Limits(Limit(spend=1, by="tenant"))
    client = client_of(limits)
    await ask(client, "fake/unknown")
    with pytest.raises(RequestError, match="what fake/unknown costs is not known") as caught:
        await ask(client, "fake/unknown", labels={"tenant": "a"})
    assert "Client(prices={'fake/unknown': …})" in str(caught.value)
    with pytest.raises(RequestError, match="known in EUR, and the limit is in USD"):
        await ask(client, "fake/euro", labels={"tenant": "a"})
    with pytest.raises(RequestError, match="what nobodys costs"):
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
    monkeypatch.setattr("llmgate.middlewares.estimates._MOST_MODELS", 3)
    limits = Limits(Limit(spend=1, per=DAY, by=""))
    client = client_of(limits, prices={"fake/*": PRICES["fake/m"]})
    for number in range(8):
        await ask(client, f"fake/{number}")
    assert len(limits._pricing._rates) <= 3


async def test_a_group_that_has_spent_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """As long as its period lasts."""
    monkeypatch.setattr("llmgate.middlewares.turns._MOST_GROUPS", 3)
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
    with pytest.raises(RequestError, match=r"known in USD, and the limit is in EUR"):
        await ask(client)
    assert {} == vars(limits._store)["_groups"]


def test_a_store_that_cannot_keep_it_is_refused() -> None:
    """When the limits are made."""

    class Without(MemoryLimits):
        amounts = frozenset({"requests", "tokens", "concurrency"})

    with pytest.raises(InvalidRequestError, match="cannot keep spend within limits") as caught:
        Limits(Limit(requests=1), Limit(spend=1), store=Without())
    assert "limits[1].spend" == caught.value.path
