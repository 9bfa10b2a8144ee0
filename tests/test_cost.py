"""What calls cost: a table made by hand, one's own prices, and what is not known."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import llmgate
from llmgate import Client, Cost
from llmgate.cost import Prices, Rates, cost_of, load_prices, rates_of, total_cost
from llmgate.embeddings import Embeddings
from llmgate.errors import InvalidRequestError
from llmgate.reranking import Reranking, RerankUsage
from llmgate.testing import FakeProvider
from llmgate.tool_loop import ToolRun
from llmgate.types import (
    Completion,
    CompletionTokensDetails,
    Exchange,
    Function,
    PromptTokensDetails,
    ToolCall,
    Usage,
)

BY_HAND: list[tuple[str, str, tuple[int, int], dict[str, int], str]] = [
    ("openai", "gpt-4o", (1000, 500), {"cached": 400}, "0.007"),
    ("openai", "gpt-4o-mini", (10_000, 2000), {}, "0.0027"),
    ("openai", "gpt-4.1", (1000, 1000), {}, "0.01"),
    ("openai", "o3", (1000, 3000), {"reasoning": 2500}, "0.026"),
    ("openai", "gpt-5", (100_000, 1000), {"cached": 80_000, "reasoning": 600}, "0.045"),
    ("openai", "gpt-5-mini", (1, 1), {}, "0.00000225"),
    ("openai", "text-embedding-3-small", (50_000, 0), {}, "0.001"),
    ("azure", "gpt-4o", (1000, 500), {}, "0.0075"),
    (
        *("anthropic", "claude-sonnet-4-5", (10_000, 1000)),
        *({"cached": 5000, "written": 3000, "hour": 1000}, "0.036"),
    ),
    ("anthropic", "claude-haiku-4-5", (10_000, 1000), {"written": 8000}, "0.017"),
    ("anthropic", "claude-opus-4-1", (2000, 1000), {}, "0.105"),
    ("gemini", "gemini-2.5-pro", (100_000, 1000), {"reasoning": 800}, "0.135"),
    ("gemini", "gemini-2.5-pro", (200_001, 1000), {"reasoning": 800}, "0.5150025"),
    ("gemini", "gemini-2.5-flash", (1000, 1000), {"cached": 200}, "0.002746"),
    ("cohere", "command-a-03-2025", (1000, 1000), {}, "0.0125"),
    ("groq", "llama-3.3-70b-versatile", (1000, 1000), {}, "0.00138"),
    ("xai", "grok-4", (1000, 1000), {"reasoning": 500}, "0.018"),
    ("mistral", "mistral-embed", (1_000_000, 0), {}, "0.1"),
    ("voyage", "voyage-3.5", (1000, 0), {}, "0.00006"),
    ("cerebras", "llama-3.3-70b", (1000, 1000), {}, "0.00205"),
    ("zai", "glm-4.6", (1000, 1000), {"cached": 500}, "0.002555"),
]
"""Prompt and completion, parts of them, and the sum by the vendors' lists of November 2026."""


def usage_of(counts: tuple[int, int], parts: dict[str, int]) -> Usage:
    """The usage of a call."""
    extra = {"cache_creation": {"ephemeral_1h_input_tokens": parts["hour"]}}
    return Usage(
        *counts,
        sum(counts),
        PromptTokensDetails(parts.get("cached"), parts.get("written")),
        CompletionTokensDetails(parts.get("reasoning")),
        extra=extra,
    )


def completion(
    provider: str, model: str, usage: Usage | None, asked: str = "", **more: Any
) -> Completion:
    """A response of a provider's model."""
    return Completion(
        [], model=model, usage=usage, exchange=Exchange(provider, model=asked, **more)
    )


@pytest.mark.parametrize(("provider", "model", "counts", "parts", "expected"), BY_HAND)
def test_the_cost_is_that_of_the_vendors_list(
    provider: str, model: str, counts: tuple[int, int], parts: dict[str, int], expected: str
) -> None:
    """Each token once: those of the cache and of the reasoning are parts of the others."""
    usage = usage_of(counts, {"hour": 0, **parts})
    cost = completion(provider, model, usage).cost
    assert cost == Decimal(expected)
    assert cost is not None
    assert (cost.currency, cost.source) == ("USD", f"genai-prices {_version()}")
    assert sum(cost.parts.values()) == cost
    assert ("cache_write_1h" in cost.parts) is bool(parts.get("hour"))


def _version() -> str:
    from importlib.metadata import version

    return version("genai-prices")


def _known_models() -> Iterator[tuple[Any, Any]]:
    """The models of the package that are priced by tokens alone."""
    for provider in load_prices().get_snapshot().providers:
        for model in provider.models:
            yield provider, model


def test_the_costs_are_those_that_the_package_computes() -> None:
    """For every model that it knows, whatever its tiers and conditions."""
    import genai_prices

    compared = 0
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    usage = Usage(
        250_000, 9000, 0, PromptTokensDetails(20_000, 9000), CompletionTokensDetails(4000)
    )
    usage.extra = {"cache_creation": {"ephemeral_1h_input_tokens": 2000}}
    theirs = genai_prices.Usage(
        input_tokens=250_000,
        output_tokens=9000,
        cache_read_tokens=20_000,
        cache_write_tokens=9000,
        cache_write_1h_tokens=2000,
        output_reasoning_tokens=4000,
    )
    for provider, model in _known_models():
        rates = rates_of(provider.id, (model.id,), at=at, tokens=250_000)
        if rates is None or rates.requests or None in (rates.input, rates.output):
            continue
        found = provider.find_model(model.id)
        calculated = (found or model).calc_price(theirs, provider, genai_request_timestamp=at)
        cost = cost_of(
            Completion([], model=model.id, usage=usage, created=int(at.timestamp())),
            Exchange(provider.id),
        )
        assert cost == calculated.total_price, (provider.id, model.id)
        compared += 1
    assert compared > 1000


def test_what_is_not_known_has_no_cost() -> None:
    """Neither a model, nor a provider, nor usage; and never that of another host."""
    usage = Usage(1000, 1000, 2000)
    assert completion("openai", "gpt-nope", usage).cost is None
    assert completion("acme", "gpt-4o", usage).cost is None
    assert completion("openai", "gpt-4o", None).cost is None
    assert completion("my-openai", "gpt-4o", usage).cost is None
    assert completion("openai", "", usage).cost is None
    asked = completion("openai", "deployment-7", usage, "gpt-4o")
    assert asked.cost == Decimal("0.0125")
    assert completion("openai", "gpt-4o", usage, cache="hit").cost == 0


def test_service_tiers_have_prices_of_their_own() -> None:
    """Where the data has them; a tier of unknown price has none."""
    found = {
        tier: Completion(
            [],
            model="gpt-5",
            service_tier=tier,
            usage=Usage(1000, 0, 1000),
            exchange=Exchange("openai"),
        ).cost
        for tier in (None, "default", "flex", "priority", "batch", "scale")
    }
    assert found == {
        None: Decimal("0.00125"),
        "default": Decimal("0.00125"),
        "flex": Decimal("0.000625"),
        "priority": Decimal("0.0025"),
        "batch": Decimal("0.000625"),
        "scale": None,
    }
    said = Usage(1000, 0, 1000, extra={"service_tier": "batch"})
    assert completion("anthropic", "claude-sonnet-4-5", said).cost == Decimal("0.0015")
    fast = Usage(1000, 0, 1000, extra={"service_tier": "standard", "speed": "fast"})
    assert completion("anthropic", "claude-sonnet-4-5", fast).cost is None


def test_requests_and_searches_have_prices_as_well() -> None:
    """Those of Perplexity's requests, and of searches in one's own prices."""
    cost = completion("perplexity", "sonar-pro", Usage(1000, 0, 1000)).cost
    assert cost is not None
    assert cost.parts == {"input": Decimal("0.003"), "requests": Decimal("0.014")}
    prices = Prices({"rerank-*": {"rerank_searches": "0.002"}})
    exchange = Exchange("acme", model="rerank-1", prices=prices)
    searched = Reranking([], usage=RerankUsage(search_units=3), exchange=exchange)
    assert searched.cost == Decimal("0.006")
    counted = Reranking([], usage=RerankUsage(5, 5), exchange=exchange)
    assert counted.cost is None
    assert Embeddings([], exchange=exchange).cost is None


# --- one's own prices ---------------------------------------------------------------------


OWN: dict[str, Any] = {
    "fake/fake-1": {"input": 2, "output": "10.5", "cache_read": Decimal("0.5"), "currency": "EUR"},
    "fake-*": {"input": 0.1},
    "free": {"input": 0, "output": 0},
    "gpt-4o": {"input": 1, "output": 1, "input_audio": 5, "output_audio": 7, "reasoning": 3},
}


def test_a_clients_own_prices_come_first() -> None:
    """By exact names, then by globs; what is not among them has the public price."""
    prices = Prices(OWN)
    usage = Usage(1000, 1000, 2000, PromptTokensDetails(cached_tokens=500))
    cost = completion("fake", "fake-1", usage, prices=prices).cost
    assert cost is not None
    assert (cost, cost.currency, cost.source) == (Decimal("0.01175"), "EUR", "prices")
    assert cost.parts == {
        "input": Decimal("0.001"),
        "cache_read": Decimal("0.00025"),
        "output": Decimal("0.0105"),
    }
    assert completion("fake", "fake-2", Usage(10, 0, 10), prices=prices).cost == Decimal("0.000001")
    assert completion("fake", "fake-2", usage, prices=prices).cost is None
    assert completion("x", "y", usage, prices=prices, asked="free").cost == 0
    assert completion("openai", "gpt-4.1", usage, prices=prices).cost == Decimal("0.00925")
    heard = Usage(
        *(1000, 1000, 2000),
        PromptTokensDetails(audio_tokens=400),
        CompletionTokensDetails(audio_tokens=300, reasoning_tokens=200),
    )
    cost = completion("openai", "gpt-4o", heard, prices=prices).cost
    assert cost == Decimal("0.0006") + 400 * 5 * Decimal("1e-6") + Decimal("0.0005") + (
        Decimal("0.0021") + Decimal("0.0006")
    )


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ([], "prices", "expected prices by model"),
        ({"m": 5}, "prices['m']", "the prices of a million tokens, got 5"),
        ({"m": {"input": -1}}, "prices['m'].input", "cannot be negative: -1"),
        ({"m": {"input": "a"}}, "prices['m'].input", "expected a number, got 'a'"),
        ({"m": {"input": True}}, "prices['m'].input", "expected a number"),
        ({"m": {"output": float("nan")}}, "prices['m'].output", "expected a number"),
        ({"m": {"outptu": 1}}, "prices['m'].outptu", "it is one of input, output"),
        ({"m": {"currency": 1}}, "prices['m'].currency", "such as 'EUR'"),
    ],
)
def test_a_price_that_cannot_be_one_is_refused(given: Any, path: str, said: str) -> None:
    """When the client is made, with its path."""
    with pytest.raises(InvalidRequestError, match=said) as caught:
        Client(prices=given)
    assert caught.value.path == path


def test_every_kind_of_call_has_a_cost() -> None:
    """Whole, streamed, with and without async, embeddings, rerankings and the tool loop."""
    question: Any = [{"role": "user", "content": "Hi"}]
    prices = {"fake/*": {"input": 1, "output": 1}}
    client = Client(providers={"fake": FakeProvider(["a"] * 9)}, prices=prices)
    whole = client.completion("fake/fake-1", question)
    assert whole.usage is not None
    expected = Decimal(whole.usage.total_tokens) / 1_000_000
    assert whole.cost == expected > 0
    with client.completion("fake/fake-1", question, stream=True) as stream:
        assert stream.cost is None
        text = [*stream.text()]
        assert (text, stream.cost) == (["a"], stream.completion().cost)
        assert stream.cost == expected
    assert client.embedding("fake/fake-1", "Hi").cost == Decimal("0.000001")
    ranked = client.rerank("fake/fake-1", "dog", ["a", "b"]).cost
    assert ranked == Decimal("0.000003")
    run = asyncio.run(
        llmgate.arun_tools("fake/fake-1", question, tools=[lambda_free], client=client)
    )
    assert run.cost == expected
    again = [ToolCall("c1", Function("lambda_free", '{"city": "x"}'))]
    endless = Client(providers={"fake": FakeProvider([again] * 2)}, prices=prices)
    options: dict[str, Any] = {"tools": [lambda_free], "client": endless, "max_rounds": 2}
    with endless, pytest.raises(llmgate.ToolLoopError) as raised:
        llmgate.run_tools("fake/fake-1", question, **options)
    used = [each.usage for each in raised.value.run.completions if each.usage]
    spent = [Decimal(each.total_tokens) for each in used]
    assert len(spent) == 2
    assert raised.value.run.cost == sum(spent) / 1_000_000
    assert ToolRun([]).cost is None
    client.close()


def lambda_free(city: str) -> str:
    """Never called."""
    return city


def test_costs_are_added_where_all_are_known() -> None:
    """Parts as well; a part of the whole would be mistaken for the whole."""
    one = Cost({"input": Decimal(1), "output": Decimal(2)}, source="a")
    other = Cost({"input": Decimal(4)}, source="b")
    found = total_cost([one, other])
    assert found is not None
    assert found == 7
    assert found.parts == {"input": Decimal(5), "output": Decimal(2)}
    assert found.source == "a, b"
    assert total_cost([one, None]) is None
    assert total_cost([]) is None
    assert total_cost([one, Cost({"input": Decimal(1)}, "EUR")]) is None


def test_a_cost_is_a_decimal_that_can_be_copied() -> None:
    """And pickled, with all that it says."""
    cost = Cost({"input": Decimal("0.5")}, "EUR", "prices")
    assert isinstance(cost, Decimal)
    assert repr(cost) == "Cost(0.5 EUR)"
    assert f"{cost:.2f}" == "0.50"
    assert cost + 1 == Decimal("1.5")
    assert copy.copy(cost) is copy.deepcopy(cost) is cost
    again = pickle.loads(pickle.dumps(cost))  # noqa: S301 - our own
    assert (again, again.parts, again.currency) == (cost, cost.parts, "EUR")
    assert Rates().known() == {}


def test_a_pickled_completion_has_its_public_cost() -> None:
    """The client's own prices are not pickled."""
    found = completion("openai", "gpt-4o", Usage(1000, 0, 1000), "gpt-4o", prices=Prices(OWN))
    assert found.cost == Decimal("0.001")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    assert again.cost == Decimal("0.0025")
    assert again.exchange.model == "gpt-4o"


# --- the package --------------------------------------------------------------------------


def test_without_the_package_no_public_price_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own are."""
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    load_prices.cache_clear()
    usage = Usage(1000, 0, 1000)
    assert completion("openai", "gpt-4o", usage).cost is None
    assert completion("openai", "gpt-4o", usage, prices=Prices(OWN)).cost == Decimal("0.001")
    assert llmgate.model_info("openai/gpt-4o").prices is None
    load_prices.cache_clear()


PROGRAM = """
import sys, time
import llmgate
from llmgate.testing import FakeProvider
assert "genai_prices" not in sys.modules
client = llmgate.Client(providers={"fake": FakeProvider(["a"])})
answer = client.completion("fake/fake-1", [{"role": "user", "content": "Hi"}])
assert not {"genai_prices", "llmgate.cost"} & {*sys.modules}, "a call without a price needs none"
if sys.argv[1] == "client":
    client = llmgate.Client(prices={})
else:
    llmgate.defaults(prices={})
for _ in range(6000):
    if "genai_prices.data" in sys.modules:
        break
    time.sleep(0.01)
else:
    raise SystemExit("the prices were not loaded on a thread")
"""


@pytest.mark.parametrize("asks", ["client", "defaults"])
def test_the_package_is_imported_when_it_is_used(asks: str) -> None:
    """Never by importing, nor by a call; on a thread by a client that has prices, and by defaults
    for the default client."""
    subprocess.run([sys.executable, "-c", PROGRAM, asks], check=True, timeout=120)


def test_prices_are_among_what_is_known_of_a_model() -> None:
    """With their source, behind one's own."""
    info = llmgate.model_info("openai/gpt-4o")
    assert info.prices is not None
    assert info.prices["output"] == 10
    assert info.sources["prices"] == f"genai-prices {_version()}"
    own = {"openai/gpt-4o": {"prices": {"output": Decimal(1)}}}
    assert llmgate.model_info("openai/gpt-4o", entries=own).prices == {"output": Decimal(1)}
    assert llmgate.model_info("acme/x").prices is None


@pytest.mark.parametrize("created", [1_700_000_000_000, 2**62, -5])
def test_a_time_that_is_none_costs_what_it_costs_now(created: int) -> None:
    """Some hosts give it in milliseconds."""
    completion = Completion([], model="gpt-4.1", created=created, usage=Usage(1000, 1000, 2000))
    completion.exchange = Exchange("openai", model="gpt-4.1")
    assert completion.cost == Decimal("0.01")
