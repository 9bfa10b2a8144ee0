"""Limits of requests and tokens."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from llmgate import RateLimitError, ServerError
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.middleware import Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.routing import Router
from llmgate.options import ChatCall
from llmgate.testing import Canned
from tests.limited_calls import HI, Slow, ask, client_of, group_of, groups_in

# --- requests ---


async def test_calls_come_evenly_after_a_burst() -> None:
    """First come, first served."""
    limits = Limits(Limit(requests=100, per=1, burst=5))
    client, order = client_of(limits), list[int]()
    await ask(client, "b/m")  # what is imported is imported
    began = time.monotonic()

    async def numbered(number: int) -> float:
        await ask(client)
        order.append(number)
        return time.monotonic() - began

    times = await asyncio.gather(*(numbered(number) for number in range(15)))
    assert [*range(15)] == order
    assert all(seconds >= (number - 4) * 0.01 - 0.001 for number, seconds in enumerate(times))


async def test_what_would_wait_too_long_is_refused_at_once() -> None:
    """With the limit, the group, and when there is room; nothing else is used."""
    limits = Limits(Limit(requests=60), Limit(requests=1, burst=1, by=""), max_wait=0)
    client = client_of(limits)
    await ask(client)
    used = group_of(limits).next_request
    with pytest.raises(RateLimitError) as caught:
        await ask(client)
    assert used == group_of(limits).next_request
    assert "the limit of 1 requests in 60 s is reached: there is room in" in str(caught.value)
    assert caught.value.retry_after is not None
    assert 59 < caught.value.retry_after <= 60
    assert caught.value.retryable is False
    assert () == caught.value.attempts


async def test_a_refusal_names_the_group() -> None:
    """A model, a tenant, or what a function says."""
    limits = Limits(Limit(requests=1, burst=1, by="tenant"), max_wait=0.5)
    client = client_of(limits)
    for _ in range(3):
        await ask(client)  # without that label there is no such limit
    for tenant in ("a", "b"):
        await ask(client, labels={"tenant": tenant})
    with pytest.raises(RateLimitError, match="for 'a' is reached"):
        await ask(client, labels={"tenant": "a"})
    by_user = Limits(Limit(requests=1, burst=1, by=lambda call: call.parameters.get("user")))
    client = client_of(by_user)
    await ask(client)
    await ask(client, user="ada")
    assert ["ada"] == [name for _, name in groups_in(by_user)]


async def test_a_router_goes_on_to_the_next_target() -> None:
    """Where the limits stand behind it."""
    limits = Limits(Limit(requests=1, burst=1), max_wait=0)
    client = client_of(Router(), limits)
    for expected in ("", "b/m"):
        assert [expected] == [a.target for a in (await ask(client, ["fake/m", "b/m"])).attempts]


async def test_a_tenant_that_is_refused_takes_no_target_from_the_others() -> None:
    """A refusal that the provider knows nothing of says nothing of a target."""
    each = Limit(requests=1, burst=1, by=lambda call: f"{call.model} {call.labels}")
    limits = Limits(each, max_wait=0)
    client = client_of(Router(), limits)
    targets = list[str]()
    for tenant in "aab":
        completion = await ask(client, ["fake/m", "b/m"], labels={"tenant": tenant})
        targets.append(completion.attempts[-1].target or "fake/m")
    assert ["fake/m", "b/m", "fake/m"] == targets


async def test_requests_that_were_sent_again_count() -> None:
    """Each was one."""
    limits = Limits(Limit(requests=60, burst=60))
    client = client_of(limits, answers=[ServerError("oops", status=500), "a"], max_retries=1)
    began = time.monotonic()
    await ask(client)
    assert 1.9 < group_of(limits).next_request - began < 3


async def test_a_call_that_was_not_sent_uses_nothing() -> None:
    """As one that limits further in refuse: that is nothing which the provider asks of others."""
    limits = Limits(Limit(requests=60, tokens=6000, per=6000, burst=60))
    inner = Limits(Limit(requests=1, burst=1), max_wait=0)
    client = client_of(limits, inner)
    await ask(client)
    used = (group_of(limits).next_request, group_of(limits).tokens_at)
    for _ in range(5):
        with pytest.raises(RateLimitError, match="the limit of 1 requests"):
            await ask(client)
    found = (group_of(limits).next_request, group_of(limits).tokens_at)
    assert used == pytest.approx(found, abs=20)  # a request takes up 100 seconds
    assert 0.0 == group_of(limits).held_until


async def test_a_call_that_waits_can_be_cancelled() -> None:
    """Its turn goes to whoever comes later."""
    limits = Limits(Limit(requests=10, per=1, burst=1))
    client = client_of(limits)
    await ask(client)
    waiting = [asyncio.create_task(ask(client)) for _ in range(20)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    began = time.monotonic()
    await ask(client)
    assert time.monotonic() - began < 1  # behind them it would be two seconds


async def test_no_more_wait_than_was_said() -> None:
    """A further one is refused where it would have to; one that need not is not."""
    limits = Limits(Limit(concurrency=1), max_waiting=2)
    slow = Slow(0.05)
    client = client_of(limits, slow)
    calls = [asyncio.create_task(ask(client)) for _ in range(3)]
    await asyncio.sleep(0.01)
    with pytest.raises(RateLimitError, match="the limit of 1 calls at once"):
        await ask(client)
    await ask(client, "b/m")
    await asyncio.gather(*calls)
    assert 0 == limits._waiting
    wrong: Any
    for wrong in (-1, True, "2"):
        with pytest.raises(InvalidRequestError) as caught:
            Limits(Limit(requests=1), max_waiting=wrong)
        assert "max_waiting" == caught.value.path


async def test_who_gives_up_waiting_is_no_longer_counted() -> None:
    """By its deadline, or because it was cancelled; whoever comes next has its place."""
    limits = Limits(Limit(concurrency=1), max_waiting=1)
    client = client_of(limits, Slow(0.3))
    first = asyncio.create_task(ask(client))
    await asyncio.sleep(0.01)
    for _ in range(3):
        with pytest.raises(DeadlineExceededError):
            await ask(client, timeout=0.02)
        assert 0 == limits._waiting
    waiting = asyncio.create_task(ask(client))
    await first
    await waiting


async def test_a_turn_that_comes_after_the_deadline_is_not_waited_for() -> None:
    """The call is refused at once, and uses nothing; one that has the time waits."""
    limits = Limits(Limit(requests=1, burst=1))
    client = client_of(limits)
    await ask(client)
    used, began = group_of(limits).next_request, time.monotonic()
    with pytest.raises(RateLimitError, match="the limit of 1 requests in 60 s"):
        await ask(client, timeout=30)
    assert time.monotonic() - began < 15
    assert used == group_of(limits).next_request
    waiting = asyncio.create_task(ask(client, timeout=90))
    await asyncio.sleep(0.01)
    assert used < group_of(limits).next_request
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


FULL: dict[str, dict[str, Any]] = {
    "requests": {"requests": 1, "burst": 1},
    "tokens": {"tokens": 1},
    "concurrency": {"concurrency": 1},
    "spend": {"spend": 0.003, "per": 1e9},
}


@pytest.mark.parametrize("name", FULL)
async def test_a_call_that_is_refused_uses_nothing_of_the_other_limits(name: str) -> None:
    """Whichever refuses it, and wherever that one stands among them."""
    roomy = Limit(requests=1e6, tokens=1e9, concurrency=100, spend=1e6, by="")
    limits = Limits(roomy, Limit(**FULL[name], by=""), replace(roomy, by="model"), max_wait=0)
    client = client_of(
        limits, Slow(0.05), prices={"fake/m": {"input": 100, "output": 100, "requests": "0.001"}}
    )
    first = asyncio.create_task(ask(client, max_tokens=1))
    await asyncio.sleep(0.01)
    if name != "concurrency":
        await first
    groups = [group_of(limits, *place) for place in (("", 0), ("fake/m", 2))]
    before: list[dict[str, Any]] = [{**vars(group)} for group in groups]
    with pytest.raises(RateLimitError):
        await ask(client, max_tokens=1)
    assert before == [vars(group) for group in groups]
    await first


# --- tokens ---


async def test_tokens_are_estimated_and_then_counted() -> None:
    """A call that takes more than was thought makes others wait."""
    limits = Limits(Limit(tokens=6000, per=60), max_wait=30)
    answers = [Canned.json({"say": "a", "end": "done", "tokens": {"in": 900, "out": 100}})] * 9
    client = client_of(limits, answers=answers)
    began = time.monotonic()
    await ask(client, max_tokens=10)
    assert 9.9 < group_of(limits).tokens_at - began < 10.5
    estimate = limits._models["fake/m"].estimate
    assert estimate._tokens_per_byte > 1
    assert estimate._completion < 250


async def test_estimates_learn_what_calls_take() -> None:
    """Of prompts by their length, of completions by those that there were; ``max_tokens`` bounds
    them, and each of ``n`` is one."""
    limits = Limits(Limit(tokens=1e9))
    client = client_of(limits)
    for _ in range(100):
        await ask(client)
    estimate = limits._models["fake/m"].estimate
    assert 1 <= estimate._completion < 1.1

    def thought(call: ChatCall | EmbeddingCall) -> float:
        length, prompt, completion = estimate.of(call)
        assert (
            len('[{"role":"user","content":"Hi"}]' if isinstance(call, ChatCall) else '["Hi"]')
            == length
        )
        return prompt + completion

    one = thought(ChatCall("fake/m", HI))
    assert 1.5 < one < 3
    assert thought(ChatCall("fake/m", HI, {"n": 3})) > one + 2
    estimate._completion = 500
    assert 11 < thought(ChatCall("fake/m", HI, {"max_tokens": 10})) < 12
    assert thought(EmbeddingCall("fake/m", ["Hi"])) < 2


async def test_embeddings_and_tools_are_counted() -> None:
    """By what is sent."""
    limits = Limits(Limit(tokens=6000, per=60))
    client = client_of(limits)
    began = time.monotonic()
    await client.aembedding("fake/m", ["word " * 100])
    embedded = group_of(limits).tokens_at
    assert embedded > began
    tool = {"type": "function", "function": {"name": "f", "description": "x" * 4000}}
    later = list[float]()

    class Look(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            later.append(group_of(limits).tokens_at)
            return await handler(call)

    client = client_of(limits, Look())
    await ask(client, tools=[tool], max_tokens=1)
    assert later[0] - max(embedded, began) > 9


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_a_cache_gives_uses_nothing(stream: bool) -> None:
    """Of limits that stand around it."""
    limits = Limits(Limit(requests=60, tokens=6000, per=6000, concurrency=1))
    client = client_of(limits, Cache())
    await ask(client)
    used = (group_of(limits).next_request, group_of(limits).tokens_at)
    for _ in range(3):
        answer: Any = await client.acompletion("fake/m", HI, stream=stream)
        assert "hit" == answer.cache
        if stream:
            await answer.completion()
    found = (group_of(limits).next_request, group_of(limits).tokens_at)
    assert used == pytest.approx(found, abs=20)  # a request takes up 100 seconds
