"""Limits: how fast calls get through, who is refused, what is used, and that nothing is left."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmgate import Client, Completion, RateLimitError, ServerError
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.middleware import Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.rate_headers import advice_in
from llmgate.middlewares.routing import Router
from llmgate.middlewares.turns import Group, MemoryLimits
from llmgate.options import ChatCall
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time

HI: list[Any] = [{"role": "user", "content": "Hi"}]
ONE = {"requests": 1, "tokens": 0}


class Slow(Middleware):
    """Takes a while; counts how many calls there are at once."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.running = self.most = self.calls = 0

    async def chat(self, call: Any, handler: Any) -> Any:
        self.running += 1
        self.calls += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
            return await handler(call)
        finally:
            self.running -= 1


def client_of(
    limits: Middleware, *further: Middleware, answers: Any = None, **settings: Any
) -> Any:
    """A client with limits around a provider that answers with one word."""
    provider = FakeProvider(["word"] * 10_000 if answers is None else answers)
    settings.setdefault("max_retries", 0)
    middleware = [limits, *further]
    return Client(providers={"fake": provider, "b": provider}, middleware=middleware, **settings)


async def ask(client: Any, model: Any = "fake/m", **options: Any) -> Completion:
    """One call."""
    completion: Completion = await client.acompletion(model, HI, **options)
    return completion


def groups_in(limits: Limits) -> dict[tuple[int, str], Any]:
    """All groups of which something is known."""
    store: Any = limits._store
    groups: dict[tuple[int, str], Any] = store._groups
    return groups


def group_of(limits: Limits, name: str = "fake/m", number: int = 0) -> Any:
    """What is known of a group."""
    return groups_in(limits)[number, name]


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
    estimate = limits._estimates["fake/m"]
    assert estimate._tokens_per_byte > 1
    assert estimate._completion < 250


async def test_estimates_learn_what_calls_take() -> None:
    """Of prompts by their length, of completions by those that there were; ``max_tokens`` bounds
    them, and each of ``n`` is one."""
    limits = Limits(Limit(tokens=1e9))
    client = client_of(limits)
    for _ in range(100):
        await ask(client)
    estimate = limits._estimates["fake/m"]
    assert 1 <= estimate._completion < 1.1
    length = 33  # of the JSON of HI
    one = sum(estimate.of(ChatCall("fake/m", HI), length))
    assert 1.5 < one < 3
    assert sum(estimate.of(ChatCall("fake/m", HI, {"n": 3}), length)) > one + 2
    limits._estimates["fake/m"]._completion = 500
    assert 11 < sum(estimate.of(ChatCall("fake/m", HI, {"max_tokens": 10}), length)) < 12
    assert sum(estimate.of(EmbeddingCall("fake/m", ["Hi"]), length)) < 2


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


# --- at once ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_no_more_run_at_once(stream: bool) -> None:
    """A stream runs until its end."""
    limits, slow = Limits(Limit(concurrency=3)), Slow()
    client = client_of(limits, slow)

    async def one() -> None:
        answer = await client.acompletion("fake/m", HI, stream=stream)
        if stream:
            assert group_of(limits).running <= 3
            await answer.completion()

    await asyncio.gather(*(one() for _ in range(20)))
    assert slow.most <= 3
    assert 20 == slow.calls
    assert 0 == group_of(limits).running


async def test_who_has_waited_for_a_turn_runs_where_there_is_room() -> None:
    """And counts among those that run."""
    limits, slow = Limits(Limit(requests=200, per=1, burst=1, concurrency=5)), Slow(0.02)
    client = client_of(limits, slow)
    await asyncio.gather(*(ask(client) for _ in range(10)))
    assert 10 == slow.calls
    assert slow.most <= 5
    assert (0, 0) == (group_of(limits).running, len(group_of(limits).waiting))


async def test_nothing_is_left_of_calls_that_were_cancelled() -> None:
    """At random moments, a thousand of them."""
    limits = Limits(Limit(concurrency=5), Limit(concurrency=7, by=""))
    client = client_of(limits, Slow(0.002))

    async def one() -> None:
        task = asyncio.create_task(ask(client))
        await asyncio.sleep(random.random() * 0.02)
        task.cancel()
        await asyncio.wait([task])

    for _ in range(10):
        await asyncio.gather(*(one() for _ in range(100)))
    await asyncio.sleep(0.01)
    for group in groups_in(limits).values():
        assert (0, 0) == (group.running, len(group.waiting))
    await ask(client)


async def test_who_waits_too_long_for_others_is_refused() -> None:
    """After that time, or at once."""
    slow = Slow(0.2)
    for max_wait in (0.02, 0):
        client = client_of(Limits(Limit(concurrency=1), max_wait=max_wait), slow)
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(0.01)
        with pytest.raises(RateLimitError, match="the limit of 1 calls at once for 'fake/m'"):
            await ask(client)
        await first
        await ask(client)


def test_no_more_than_max_wait_is_waited_for_all_together() -> None:
    """For a turn and for room in each group, and for a provider that asks for time meanwhile."""

    async def main() -> None:
        limits = [Limit(requests=10, per=1, burst=1, concurrency=1, by=by) for by in ("", "model")]
        store, shares = MemoryLimits(), [Share(n, limit, "") for n, limit in enumerate(limits)]
        await store.admit(shares, ONE, None)
        began = time.monotonic()
        with pytest.raises(RateLimitError, match="1 calls at once"):
            await store.admit(shares, ONE, 0.3)  # 0.1 s of that for its turn
        assert 0.3 == pytest.approx(time.monotonic() - began)
        shares = [Share(2, Limit(requests=10, per=1, burst=1), "")]
        first = await store.admit(shares, ONE, None)
        waiting = asyncio.create_task(store.admit(shares, ONE, 0.3))
        await asyncio.sleep(0)
        first.hold_back(60)
        with pytest.raises(RateLimitError, match="the provider") as caught:
            await waiting
        assert 60 == pytest.approx(caught.value.retry_after)

    virtual_time.run(main)


async def test_streams_that_were_left_make_room() -> None:
    """Closed or let go of."""
    limits = Limits(Limit(concurrency=1), max_wait=1)
    client = client_of(limits, answers=["a b c", "d e f", "g"])
    stream = await client.acompletion("fake/m", HI, stream=True)
    await anext(stream)
    await stream.aclose()
    stream = await client.acompletion("fake/m", HI, stream=True)
    del stream
    assert "g" == (await ask(client)).text


def test_threads_share_a_limit() -> None:
    """Each with its own loop; one that ends while it waits is passed over."""
    limits, slow = Limits(Limit(concurrency=2, by="")), Slow(0.003)
    client = client_of(limits, slow)

    async def many() -> None:
        await asyncio.gather(*(ask(client) for _ in range(10)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 40 == slow.calls
    assert slow.most <= 2
    group = group_of(limits, "")
    loop = asyncio.new_event_loop()
    gone = (loop, loop.create_future())
    loop.close()
    asyncio.run(beside_one_that_is_gone(client, group, gone))
    assert (0, 0) == (group.running, len(group.waiting))


async def beside_one_that_is_gone(client: Any, group: Any, gone: Any) -> None:
    """A call that ends while somebody waits whose loop is closed, and another one behind that."""
    first = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    group.running += 1  # so that the next one waits
    group.waiting.append(gone)
    second = asyncio.create_task(ask(client))
    await first
    group.running -= 1
    await asyncio.wait_for(ask(client), 5)
    await second


async def test_who_lines_up_while_another_thread_leaves_is_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The place that becomes free between looking and lining up is not lost."""
    store, limit, here = MemoryLimits(), Limit(concurrency=1, by=""), threading.get_ident()
    shares = [Share(0, limit, "")]
    running = await store.admit(shares, ONE, None)
    leaving = threading.Thread(target=running.leave)
    is_full = Group.is_full

    def looked(group: Group) -> bool:
        found = is_full(group)
        if found and threading.get_ident() == here and not leaving.ident:
            leaving.start()
            leaving.join(0.05)  # it has to wait, for longer than that
        return found

    monkeypatch.setattr(Group, "is_full", looked)
    next_one = await asyncio.wait_for(store.admit(shares, ONE, None), 5)
    leaving.join()
    assert 1 == vars(store)["_groups"][0, ""].running
    next_one.leave()


# --- what providers say ---


async def test_a_refusal_of_the_provider_holds_its_group_back() -> None:
    """As long as it says, those that were waiting as well."""
    answers = [RateLimitError("slow down", status=429, retry_after=0.1), *["a"] * 5]
    limits = Limits(Limit(requests=1000, per=1, burst=1))
    client = client_of(limits, answers=answers)
    began = time.monotonic()
    waiting = [asyncio.create_task(ask(client)) for _ in range(3)]
    with pytest.raises(RateLimitError):
        await waiting[0]
    await asyncio.gather(*waiting[1:])
    assert time.monotonic() - began >= 0.1
    assert group_of(limits).held_until > began


async def test_a_call_that_the_provider_would_refuse_is_refused_here() -> None:
    """Where it would wait for too long."""
    answers = [RateLimitError("slow down", status=429, retry_after=60), "a"]
    client = client_of(Limits(Limit(requests=1000), max_wait=1), answers=answers)
    for reason in ("slow down", "the limit of the provider for 'fake/m' is reached"):
        with pytest.raises(RateLimitError, match=reason):
            await ask(client)


async def test_another_failure_holds_nobody_back() -> None:
    """It says nothing of limits."""
    limits = Limits(Limit(requests=1000))
    client = client_of(limits, answers=[ServerError("oops", status=500), "a"])
    with pytest.raises(ServerError):
        await ask(client)
    assert 0 == group_of(limits).held_until
    await ask(client)


async def test_headers_that_say_nothing_is_left_do_so_too() -> None:
    """Before there is a refusal."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "100ms"}
    body: Any = {"say": "a", "calls": [], "end": "done", "tokens": {"in": 1, "out": 1}}
    limits = Limits(Limit(requests=1e6))
    client = client_of(limits, answers=[Canned.json(body, headers=headers), "b"])
    await ask(client)
    began = time.monotonic()
    await ask(client)
    assert time.monotonic() - began > 0.08


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "6m0s"}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "-3", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, 7),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "AT"}, 10),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "TIME",
            },
            10,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2d"}, 120),
        ({"x-ratelimit-remaining-requests": "0"}, 0),
        ({"x-ratelimit-remaining-requests": "none", "x-ratelimit-reset-requests": "1s"}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": ""}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2020-01-01T00:00:00"}, 0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2020-01-01T00:00:00Z"}, 0),
    ],
)
def test_spellings_of_rate_limits(headers: dict[str, str], seconds: float) -> None:
    """Durations, seconds and times; at most two minutes."""
    soon = datetime.now(UTC) + timedelta(seconds=10)
    known = {"AT": str(soon.timestamp()), "TIME": soon.isoformat()}
    found = advice_in({name: known.get(value, value) for name, value in headers.items()}, 0)
    pause = 0 if found is None else found.pause
    assert pause == pytest.approx(seconds, abs=0.5 if seconds == 10 else 1e-6)


# --- what is given, and what is kept ---


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "limit"),
        ({"requests": 0}, "limit.requests"),
        ({"tokens": -1}, "limit.tokens"),
        ({"concurrency": True}, "limit.concurrency"),
        ({"requests": 1, "per": "a minute"}, "limit.per"),
        ({"requests": 1, "burst": 0}, "limit.burst"),
        ({"requests": 1, "by": 5}, "limit.by"),
    ],
)
def test_a_limit_is_checked(given: dict[str, Any], path: str) -> None:
    """With its path."""
    with pytest.raises(InvalidRequestError) as caught:
        Limit(**given)
    assert path == caught.value.path


def test_limits_are_limits() -> None:
    """One at least."""
    wrong: Any = ((), ("60",))
    for given in wrong:
        with pytest.raises(InvalidRequestError, match="expected limits"):
            Limits(*given)


class RequestsAlone(MemoryLimits):
    """A store that can keep nothing else within limits."""

    amounts = frozenset({"requests"})


def test_a_limit_that_its_store_cannot_enforce_is_refused_at_once() -> None:
    """With its path; and what is no store is none."""
    limits = (Limit(requests=1), Limit(requests=1, tokens=2, concurrency=3))
    with pytest.raises(
        InvalidRequestError, match="RequestsAlone cannot keep concurrency"
    ) as caught:
        Limits(*limits, store=RequestsAlone())
    assert "limits[1].concurrency" == caught.value.path
    wrong: Any = "redis://localhost"
    with pytest.raises(InvalidRequestError, match="expected a store of limits"):
        Limits(*limits, store=wrong)


async def test_a_store_serves_several_limits_until_it_is_closed() -> None:
    """What one has used, the other knows; then everything is forgotten."""
    store = MemoryLimits()
    one, other = (Limits(Limit(requests=1, burst=1), max_wait=0, store=store) for _ in range(2))
    await ask(client_of(one))
    with pytest.raises(RateLimitError):
        await ask(client_of(other))
    await one.aclose()
    await ask(client_of(other))


async def test_groups_that_are_idle_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with many tenants holds no more and no more."""
    monkeypatch.setattr("llmgate.middlewares.turns._MOST_GROUPS", 20)
    monkeypatch.setattr("llmgate.middlewares.limits._MOST_MODELS", 20)
    limits = Limits(Limit(requests=1e9, burst=1, by="tenant"))
    client = client_of(limits)
    for number in range(100):
        await ask(client, f"fake/{number}", labels={"tenant": str(number)})
    assert len(groups_in(limits)) <= 21
    assert len(limits._estimates) <= 20


async def test_groups_that_are_all_busy_are_not_looked_at_for_each_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What makes room takes as many steps as there were calls, however many groups are in use."""
    monkeypatch.setattr("llmgate.middlewares.turns._MOST_GROUPS", 10)
    looked_at = Counter[bool]()

    class Counted(Group):
        def is_idle(self) -> bool:
            found = super().is_idle()
            looked_at[found] += 1
            return found

    monkeypatch.setattr("llmgate.middlewares.turns.Group", Counted)
    store, limit = MemoryLimits(), Limit(requests=1, per=3600, burst=1, by="tenant")
    for number in range(1_000):
        await store.admit([Share(0, limit, str(number))], ONE, None)
    assert 1_000 == len(store._groups)
    assert looked_at[False] <= 2_000  # without, it is half a million


async def test_what_makes_room_is_no_group_of_the_call_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit of all calls holds, however many tenants there are."""
    monkeypatch.setattr("llmgate.middlewares.turns._MOST_GROUPS", 1)
    limits, slow = Limits(Limit(concurrency=1, by=""), Limit(concurrency=9, by="tenant")), Slow()
    client = client_of(limits, slow)
    await asyncio.gather(*(ask(client, labels={"tenant": tenant}) for tenant in "abc"))
    assert (3, 1) == (slow.calls, slow.most)
