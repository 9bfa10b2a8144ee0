"""Targets that fail are not asked for a while, and probed then."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from llmgate import RetryPolicy
from llmgate.errors import (
    BadRequestError,
    DeadlineExceededError,
    LLMGateError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Cooldown, Router, Target
from llmgate.options import ChatCall
from tests import virtual_time
from tests.machine import wait_for_async
from tests.routed_calls import HANGING, HI, ask, client_of, named, sent

# --- who is left alone ---


async def test_a_limited_target_is_left_alone_for_as_long_as_it_says() -> None:
    """Then it is asked again."""
    limited = RateLimitError("slow down", status=429, retry_after=0.1)
    client = client_of({"a": [limited, "a"], "b": ["b"] * 9})
    assert ["b", "b"] == [await ask(client, ["a/x", "b/y"]) for _ in range(2)]
    assert {"a": 1, "b": 2} == sent(client)
    await asyncio.sleep(0.12)
    assert "a" == await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].is_ready()


async def test_failures_in_a_row_are_counted() -> None:
    """Three by default; success in between begins anew."""
    oops = ServerError("oops", status=500)
    client = client_of({"a": [oops, oops, "a", oops, oops, oops, "a"], "b": ["b"] * 9})
    assert [*"bbabbbb"] == [await ask(client, ["a/x", "b/y"]) for _ in range(7)]
    state = client._router.states("a/x")[0]
    assert 4.5 < state.cooling_until - time.monotonic() <= 5


async def test_a_failure_as_a_fallback_or_a_hedge_counts_as_any_other() -> None:
    """Whoever was asked before."""
    oops = ServerError("oops", status=500)
    router = Router()
    client = client_of(
        {"a": [oops, oops, HANGING], "b": [oops] * 9, "c": ["c"] * 9},
        middleware=[router],
        retry=RetryPolicy(1, wait=lambda _: 0.0),
    )
    for _ in range(2):
        assert "c" == await ask(client, ["a/x", "b/y", "c/z"])
    assert (2, 2) == tuple(router.states(name)[0].failures for name in ("a/x", "b/y"))
    task = asyncio.create_task(ask(client, ["a/x", "b/y"], hedge_after=0.01))
    assert await wait_for_async(lambda: not router.states("b/y")[0].is_ready())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert router.states("a/x")[0].is_ready()


def test_a_cooldown_ends_when_it_was_to_end() -> None:
    """By the clock, whoever asks meanwhile, and however often."""

    async def main() -> None:
        router = Router()
        answers: dict[str, Any]
        answers = {"a": [RateLimitError("slow down", retry_after=7.5), *["a"] * 9], "b": ["b"] * 99}
        client = client_of(answers, middleware=[router])
        assert "b" == await ask(client, ["a/x", "b/y"])
        asked = list[tuple[float, str]]()
        for tenth in range(1, 100):
            await asyncio.sleep(virtual_time.BEGINNING + tenth / 10 - time.monotonic())
            asked.append((tenth / 10, await ask(client, ["a/x", "b/y"])))
            if asked[-1][1] == "a":
                break
        assert [(7.5, "a")] == [each for each in asked if each[1] == "a"]

    virtual_time.run(main)


async def test_a_probe_that_fails_doubles_the_time() -> None:
    """Up to the longest."""
    oops = ServerError("oops", status=500)
    cooldown = Cooldown(failures=1, seconds=0.02, longest=0.05)
    router = Router(cooldown=cooldown)
    client = client_of({"a": [oops] * 9, "b": ["b"] * 9}, middleware=[router])
    state, lengths = router.states("a/x")[0], list[float]()
    for _ in range(3):
        assert "b" == await ask(client, ["a/x", "b/y"])
        lengths.append(state.cooling_until - time.monotonic())
        await asyncio.sleep(max(0, lengths[-1]) + 0.005)
    assert 0.0 < lengths[0] <= 0.02 < lengths[1] <= 0.04 < lengths[2] <= 0.05


async def test_an_exhausted_quota_takes_the_longest() -> None:
    """Waiting does not help."""
    client = client_of({"a": [QuotaExceededError("no credit")], "b": ["b"]})
    await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].cooling_until > time.monotonic() + 290


@pytest.mark.parametrize("error", [BadRequestError("no"), UnsupportedError("no")])
async def test_the_callers_faults_leave_nobody_alone(error: LLMGateError) -> None:
    """However often."""
    client = client_of({"a": [error] * 9, "b": ["b"]})
    for _ in range(4):
        with pytest.raises(type(error)):
            await ask(client, ["a/x", "b/y"])
    assert client._router.states("a/x")[0].is_ready()


async def test_one_call_at_a_time_is_a_probe() -> None:
    """The others go elsewhere until it is known."""
    cooldown = Cooldown(failures=1, seconds=0.01)
    router = Router(cooldown=cooldown)
    answers: Any = {"a": [ServerError("oops"), HANGING], "b": ["b"] * 9}
    client = client_of(answers, middleware=[router])
    await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    probe = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.01)
    assert "b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 2, "b": 2} == sent(client)
    probe.cancel()
    await asyncio.wait([probe])


class Gate(Middleware):
    """Inside of a router: holds calls of ``a/x`` that say so in a label, until that is opened."""

    def __init__(self, *names: str) -> None:
        self.opened = {name: asyncio.Event() for name in names}

    async def chat(self, call: ChatCall, handler: Any) -> Any:
        name = call.labels.get("gate")
        if isinstance(name, str) and call.model == "a/x":
            await self.opened[name].wait()
        return await handler(call)


def gated(*names: str, cooldown: Cooldown | None = None, **answers: Any) -> tuple[Any, Any, Gate]:
    """A client, how ``a/x`` has done, and the gate before it."""
    router, gate = Router(cooldown=cooldown), Gate(*names)
    client = client_of(answers, middleware=[router, gate])
    return client, router.states("a/x")[0], gate


async def begun(client: Any, gate: str) -> asyncio.Task[str]:
    """A call that is held at a gate."""
    task = asyncio.create_task(ask(client, ["a/x", "b/y"], labels={"gate": gate}))
    await asyncio.sleep(0.01)
    return task


async def test_calls_that_fail_together_are_one_failure_and_no_probes() -> None:
    """A hundred calls under way do not make minutes of the first seconds."""
    oops = ServerError("oops", status=500)
    client, state, gate = gated("all", cooldown=Cooldown(failures=2), a=[oops] * 9, b=["b"] * 9)
    calls = [await begun(client, "all") for _ in range(9)]
    gate.opened["all"].set()
    assert ["b"] * 9 == await asyncio.gather(*calls)
    assert (9, 5.0) == (state.failures, state.cooled)


async def test_calls_from_before_do_not_end_what_a_provider_asked_for() -> None:
    """Neither one that is answered, nor one that is told to wait for less; more is kept to."""
    limits = [RateLimitError("slow down", status=429, retry_after=each) for each in (60, 1, 120)]
    names = ("answered", "less", "more")
    client, state, gate = gated(*names, a=[limits[0], "a", *limits[1:]], b=["b"] * 9)
    calls = [await begun(client, name) for name in names]
    assert "b" == await ask(client, ["a/x", "b/y"])
    until = state.cooling_until
    for name, call, expected in zip(names, calls, ("a", "b", "b"), strict=True):
        gate.opened[name].set()
        assert expected == await call
        assert (name != "more") == (state.cooling_until == until)
    assert 119 < state.cooling_until - time.monotonic() <= 120


async def test_a_call_from_before_ends_no_probe() -> None:
    """There is still one probe, until that one is answered."""
    cooldown = Cooldown(failures=1, seconds=0.01)
    answers: Any = {"a": [ServerError("oops"), "old", "probe", "a"], "b": ["b"] * 9}
    client, state, gate = gated("old", "probe", cooldown=cooldown, **answers)
    old = await begun(client, "old")
    assert "b" == await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    probe = await begun(client, "probe")
    gate.opened["old"].set()
    assert "old" == await old
    assert state.is_probed
    assert "b" == await ask(client, ["a/x", "b/y"])
    gate.opened["probe"].set()
    assert "probe" == await probe
    assert "a" == await ask(client, ["a/x", "b/y"])


async def test_a_stream_that_has_begun_is_no_probe_any_more() -> None:
    """However long it goes on, the others come back."""
    router = Router(cooldown=Cooldown(failures=1, seconds=0.01))
    answers: Any = {"a": [ServerError("oops"), "x y z", "a"], "b": ["b"]}
    client = client_of(answers, middleware=[router])
    assert "b" == await ask(client, ["a/x", "b/y"])
    await asyncio.sleep(0.02)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    await anext(stream)
    assert "a" == await ask(client, ["a/x", "b/y"])
    await stream.aclose()


async def test_where_all_are_left_alone_the_one_soonest_back_is_probed() -> None:
    """One call at a time; the others are told at once."""
    limited = [RateLimitError("slow down", retry_after=seconds) for seconds in (60, 30)]
    client = client_of({"a": [limited[0]], "b": [limited[1], HANGING, "b"]}, max_retries=0)
    with pytest.raises(RateLimitError):
        await ask(client, ["a/x", "b/y"])
    probe = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.01)
    with pytest.raises(OverloadedError, match="every target of 'a/x'") as caught:
        await ask(client, ["a/x", "b/y"])
    assert () == caught.value.attempts
    probe.cancel()
    await asyncio.wait([probe])
    assert "b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 1, "b": 3} == sent(client)


async def test_a_probe_by_another_call_is_waited_for_by_nobody() -> None:
    """What failed last is raised at once."""
    limited = RateLimitError("slow down", retry_after=60)
    oops = ServerError("oops", status=500)
    client = client_of({"a": [oops] * 3, "b": [limited, HANGING]}, max_retries=0)
    for error in (RateLimitError, DeadlineExceededError):
        probe = asyncio.create_task(ask(client, ["a/x", "b/y"], timeout=0.1))
        await asyncio.sleep(0.02)
        if error is DeadlineExceededError:
            with pytest.raises(ServerError):
                await ask(client, ["a/x", "b/y"])
        with pytest.raises(error):
            await probe
    assert {"a": 3, "b": 2} == sent(client)


async def test_the_only_target_is_never_left_alone() -> None:
    """There is nobody else."""
    client = named("order", Target("a/x"), a=[*[ServerError("oops")] * 5, "a"])
    for _ in range(5):
        with pytest.raises(ServerError):
            await ask(client, "fast", max_retries=0)
    assert "a" == await ask(client, "fast", max_retries=0)
