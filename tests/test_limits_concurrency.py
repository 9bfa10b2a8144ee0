"""Limits of calls at once, and what providers say of theirs."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmgate import RateLimitError, ServerError
from llmgate.middlewares.limit_groups import Group
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.rate_headers import advice_in
from llmgate.middlewares.turns import MemoryLimits
from llmgate.testing import Canned
from tests import virtual_time
from tests.limited_calls import HI, ONE, Slow, ask, client_of, group_of, groups_in

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
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "AT MS"}, 10),
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
    at = soon.timestamp()
    known = {"AT": str(at), "AT MS": str(int(at * 1000)), "TIME": soon.isoformat()}
    found = advice_in({name: known.get(value, value) for name, value in headers.items()}, 0)
    pause = 0 if found is None else found.pause
    assert pause == pytest.approx(seconds, abs=0.5 if seconds == 10 else 1e-6)
