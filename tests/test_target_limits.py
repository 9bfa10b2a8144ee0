"""Targets with limits of their own: who is asked while one is at its limit, and who waits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from llmgate import Client, Embeddings, RateLimitError, ServerError
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.middlewares.routing import Router, Target
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time

HI: list[Any] = [{"role": "user", "content": "Hi"}]
HANGING = Canned(body=[], hang=True)


def client_of(
    *targets: Target, choose: Any = "order", a: Any = None, b: Any = None, **options: Any
) -> tuple[Any, Router]:
    """A client of two providers, which say their names, with these targets behind ``fast``."""
    router = Router({"fast": targets}, choose=choose, **options)
    providers = {
        "a": FakeProvider(["a"] * 99 if a is None else a),
        "b": FakeProvider(["b"] * 99 if b is None else b),
    }
    return Client(providers=providers, middleware=[router], max_retries=0), router


async def ask(client: Any, **options: Any) -> str:
    """Who answered a call."""
    completion = await client.acompletion("fast", HI, **options)
    text: str = completion.text
    return text


async def embedded(_: EmbeddingCall) -> Embeddings:
    """What a handler gives."""
    return Embeddings([])


async def test_a_target_at_its_limit_is_skipped_while_others_can_take_the_call() -> None:
    """Of its own priority first, and then of the next; nobody waits, and nothing is a failure."""
    client, router = client_of(Target("a/m", weight=3, rpm=20), Target("b/m", priority=2))
    assert ["a", "a", "b", "b"] == [await ask(client) for _ in range(4)]  # a tenth comes at once
    completion = await client.acompletion("fast", HI)
    assert [""] == [attempt.target for attempt in completion.attempts]
    assert 0 == router.states("fast")[0].failures


async def test_tokens_are_limited_likewise() -> None:
    """By what calls have used."""
    used = Canned.json({"say": "a", "end": "done", "tokens": {"in": 9, "out": 1}})
    client, _ = client_of(Target("a/m", tpm=60), Target("b/m"), a=[used] * 9)
    assert ["a", "b"] == [await ask(client) for _ in range(2)]


def test_where_all_are_at_their_limits_the_first_that_has_room_is_waited_for() -> None:
    """Whichever that is, in the order of the calls."""

    async def main() -> tuple[list[str], list[float]]:
        client, _ = client_of(Target("a/m", rpm=2), Target("b/m", rpm=6, priority=2))
        began, times = time.monotonic(), list[float]()

        async def timed() -> str:
            text = await ask(client)
            times.append(round(time.monotonic() - began, 1))
            return text

        return [await timed() for _ in range(6)], times

    found, times = virtual_time.run(main)
    assert ["a", "b", "b", "b", "a", "b"] == found
    assert [0, 0, 10, 20, 30, 30] == times


def test_a_wait_that_is_longer_than_the_call_has_is_refused() -> None:
    """With the name of the target, and when there is room."""

    async def main() -> RateLimitError:
        client, _ = client_of(Target("a/m", rpm=2))
        await ask(client)
        with pytest.raises(RateLimitError, match=r"2 requests in 60 s for 'a/m'") as caught:
            await ask(client, timeout=5)
        return caught.value

    error = virtual_time.run(main)
    assert (30, ()) == (error.retry_after, error.attempts)


def test_a_target_at_its_limit_comes_before_one_that_has_failed() -> None:
    """It answers, if later; where the call has no time for that, the other one is probed."""

    async def main() -> tuple[list[str], float]:
        client, router = client_of(Target("b/m", rpm=1), Target("a/m"))
        for _ in range(3):
            router.states("fast")[1].fail(ServerError("oops", status=500))
        began = time.monotonic()
        found = [await ask(client, timeout=limit) for limit in (None, 1, None)]
        return found, time.monotonic() - began

    found, seconds = virtual_time.run(main)
    assert ["b", "a", "a"] == found
    assert 0 == seconds


def test_a_target_that_is_left_alone_is_not_asked_for_the_limit_of_another() -> None:
    """The call waits for the one that answers, also where the other is back sooner."""

    async def main() -> tuple[str, float]:
        client, router = client_of(Target("b/m", rpm=1), Target("a/m"))
        router.states("fast")[1].fail(RateLimitError("slow", status=429, retry_after=99))
        await ask(client)
        began = time.monotonic()
        return await ask(client), time.monotonic() - began

    assert ("b", 60) == virtual_time.run(main)


async def test_a_pause_that_the_provider_asks_for_is_one_of_its_limits() -> None:
    """A target that says nothing is left is skipped before it refuses."""
    says = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "60s"}
    canned = Canned.json({"say": "a", "end": "done"}, headers=says)
    client, _ = client_of(Target("a/m", rpm=600), Target("b/m"), a=[canned] * 9)
    assert ["a", "b"] == [await ask(client) for _ in range(2)]


def test_the_time_of_a_target_begins_when_it_is_asked() -> None:
    """What a call waited for its turn is no fault of the target."""

    async def main() -> int:
        client, router = client_of(Target("a/m", rpm=6, timeout=20), a=["a", HANGING])
        await ask(client)
        with pytest.raises(DeadlineExceededError):
            await ask(client, timeout=25)
        return router.states("fast")[0].failures

    assert 0 == virtual_time.run(main)


async def test_a_stream_is_held_to_them_as_well() -> None:
    """And so is one that was left."""
    client, _ = client_of(Target("a/m", rpm=20), Target("b/m"))
    found = list[str]()
    for _ in range(3):
        async with await client.acompletion("fast", HI, stream=True) as stream:
            found.append((await stream.completion()).text)
    assert ["a", "a", "b"] == found


def test_a_hedge_goes_to_no_target_at_its_limit() -> None:
    """Where there is no other, the first one is asked a second time."""

    async def main() -> list[str]:
        client, router = client_of(Target("a/m"), Target("b/m", rpm=1), a=[HANGING, "a"])
        full = router.states("fast")[1].limits
        assert full is not None
        await full.embed(EmbeddingCall("b/m", ["a"]), embedded)
        return [await ask(client, hedge_after=1, max_retries=1)]

    assert ["a"] == virtual_time.run(main)


@pytest.mark.parametrize("name", ["rpm", "tpm"])
@pytest.mark.parametrize("given", [0, -1, "5", True, float("inf"), float("nan")])
def test_amounts_are_checked(name: str, given: Any) -> None:
    """With the name of what is wrong."""
    with pytest.raises(InvalidRequestError) as caught:
        Target("a/m", **{name: given})
    assert f"target.{name}" == caught.value.path
