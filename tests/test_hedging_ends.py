"""Hedging: deadlines, cancellation, streams, and connections of losers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmgate import Completion
from llmgate.errors import (
    DeadlineExceededError,
    InvalidRequestError,
)
from llmgate.hooks import CallEnded
from llmgate.middlewares.hedging import hedged
from llmgate.middlewares.routing import Route, Router, Target
from llmgate.options import ChatCall
from llmgate.testing import Canned
from tests import virtual_time
from tests.faults.calls import Recorder
from tests.faults.calls import client_of as client_to
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    hang,
    reply,
    stream,
)
from tests.hedged_calls import HANGING, HI, Pace, attempts, client_of, in_no_time, sent
from tests.machine import wait_for_async

# --- deadlines, cancellation ---


@in_no_time
async def test_the_deadline_ends_both() -> None:
    """Of the call; it is nobody's failure."""
    pace = Pace(a=60, b=60)
    router = Router()
    client = client_of({"a": ["a"], "b": ["b"]}, router, pace)
    with pytest.raises(DeadlineExceededError):
        await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, timeout=5)
    assert ["a", "b"] == sorted(name for name, _ in pace.cancelled)
    assert [0, 0] == [router.states(name)[0].failures for name in ("a/x", "b/y")]


@in_no_time
async def test_the_time_of_a_target_ends_it_alone() -> None:
    """The hedge goes on."""
    models = {"fast": [Target("a/x", timeout=3), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, Pace(b=5), models=models)
    client._middleware = (client._middleware[1], client._middleware[0])
    client._middleware[1]._seconds["a"] = iter([0.0])
    completion = await client.acompletion("fast", HI, hedge_after=2)
    assert [("a/x", "DeadlineExceededError"), ("b/y", None)] == attempts(completion)


@in_no_time
async def test_cancellation_ends_both() -> None:
    """At whichever moment, and no task is left."""
    for moment in (1, 3):
        pace = Pace(a=60, b=60)
        client = client_of({"a": ["a"], "b": ["b"]}, Router(), pace)
        task = asyncio.create_task(client.acompletion(["a/x", "b/y"], HI, hedge_after=2))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {asyncio.current_task()} == asyncio.all_tasks()
        assert {"a", "b"} - ({"b"} if moment == 1 else set()) == {n for n, _ in pace.cancelled}


@in_no_time
async def test_an_interrupt_is_raised_where_it_is_waited_for() -> None:
    """It does not end the loop from within a task."""

    async def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await hedged(interrupted(), 1, lambda: None)


@in_no_time
async def test_a_loser_that_takes_its_time_is_not_waited_for() -> None:
    """Some tell their provider that they are gone; that goes on behind the response."""

    async def slow() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(3)
        return "never"

    async def quick() -> str:
        return "here"

    assert "here" == await hedged(slow(), 1, quick)
    assert time.monotonic() - virtual_time.BEGINNING < 1.5
    await asyncio.sleep(3)


# --- streams, embeddings ---


@in_no_time
async def test_a_stream_is_hedged_until_its_first_chunk() -> None:
    """Then it stays with its target, however slow that is."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    completion = await stream.completion()
    assert "from b" == completion.text
    for found in (stream, completion):  # the first one's request had begun to be answered
        assert [("a/x", None), ("b/y", None)] == attempts(found)
    begun = Canned(body=[b'{"say": "one "}\n'], hang=True)
    client = client_of({"a": [begun], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    await anext(stream)
    await asyncio.sleep(5)
    assert {"a": 1} == sent(client)
    await stream.aclose()


@in_no_time
async def test_a_hedged_stream_can_be_let_go_of() -> None:
    """Nothing holds it but whoever reads it."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    stream = await client.acompletion(["a/x", "b/y"], HI, hedge_after=2, stream=True)
    assert 1 == client._router.states("b/y")[0].busy
    del stream
    assert 0 == client._router.states("b/y")[0].busy


@in_no_time
async def test_embeddings_are_hedged_likewise() -> None:
    """To the next model."""
    pace = Pace(a=60, b=0)
    client = client_of({"a": [], "b": []}, Router(), pace)
    await client.aembedding(["a/x", "b/y"], ["Hi"], hedge_after=2)
    assert [("a", 0.0), ("b", 2.0)] == pace.asked
    client = client_of({"a": []})
    assert 1 == len((await client.aembedding("a/x", ["Hi"], hedge_after=2)).data)


# --- where it is said ---


@in_no_time
async def test_who_says_when() -> None:
    """The call, before the target, before the route, before the router."""
    models: dict[str, Any] = {
        "fast": Route([Target("a/x", hedge_after=3), Target("b/y", priority=2)], hedge_after=4),
        "slow": Route([Target("a/x"), Target("b/y", priority=2)], hedge_after=4),
        "other": [Target("a/x"), Target("b/y", priority=2)],
    }
    asked = list[float]()
    for model, options in (
        ("fast", {"hedge_after": 2.0}),
        ("fast", {}),
        ("slow", {}),
        ("other", {}),
        ("a/x", {}),
    ):
        pace = Pace(a=[60, 0], b=0)
        began = time.monotonic() - virtual_time.BEGINNING
        router = Router(models, hedge_after=5)
        client = client_of({"a": ["a"] * 2, "b": ["b"] * 2}, router, pace)
        await client.acompletion(model, HI, **options)
        asked.append(pace.asked[1][1] - began)
    assert [2.0, 3.0, 4.0, 5.0, 5.0] == asked


MAKERS: list[Callable[[Any], object]] = [
    lambda given: Router(hedge_after=given),
    lambda given: Router({"fast": Route(["a/x"], hedge_after=given)}),
    lambda given: Target("a/x", hedge_after=given),
    lambda given: client_of({"a": ["a"]}).completion("a/x", HI, hedge_after=given),
    lambda given: client_of({"a": ["a"]}).embedding("a/x", ["Hi"], hedge_after=given),
]


@pytest.mark.parametrize("given", [0, -1, True, "2", float("inf"), float("nan")])
@pytest.mark.parametrize("make", MAKERS, ids=["router", "route", "target", "call", "embedding"])
def test_seconds_are_checked(make: Callable[[Any], object], given: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        make(given)
    assert "hedge_after" == caught.value.path


def test_a_call_has_no_hedge_unless_it_is_asked_for() -> None:
    """As a middleware sees it."""
    assert ChatCall("a/x", HI).hedge_after is None


# --- with sockets ---


async def test_the_losers_connection_is_closed() -> None:
    """The provider sees it, and need not go on; hooks are told of both calls."""
    recorder = Recorder()
    with FaultServer(hang, reply(body=COMPLETION)) as server:
        async with client_to(server, hooks=[recorder], max_retries=1) as client:
            completion = await client.acompletion("openai/gpt-4o", HI, hedge_after=0.05)
            assert isinstance(completion, Completion)
            assert "Hi" == completion.text
            first = server.peers[0]
            assert await wait_for_async(first.gone.is_set)
            assert 2 == len(server.requests)
    ended = [event.outcome for event in recorder.events if isinstance(event, CallEnded)]
    assert ["cancelled", "ok"] == sorted(ended)


async def test_what_a_losing_stream_was_billed_is_told_to_hooks() -> None:
    """As far as its provider has said it by then."""
    recorder = Recorder()
    used = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
    billed = STREAM_HEAD + framed(event({**chunk(), "usage": used}))
    with FaultServer(billed, stream("Hi")) as server:
        async with client_to(server, hooks=[recorder], max_retries=1) as client:
            answer = await client.acompletion("openai/m", HI, stream=True, hedge_after=0.05)
            assert "Hi" == (await answer.completion()).text
            assert await wait_for_async(server.peers[0].gone.is_set)
    ended = {event.outcome: event for event in recorder.events if isinstance(event, CallEnded)}
    assert {"cancelled", "ok"} == {*ended}
    usage = ended["cancelled"].usage
    assert usage is not None
    assert 7 == usage.prompt_tokens


def test_the_same_without_async() -> None:
    """On the background loop, of which no task is left."""
    with FaultServer(hang, reply(body=COMPLETION)) as server:
        with client_to(server, max_retries=1) as client:
            completion = client.completion("openai/gpt-4o", HI, hedge_after=0.05)
            assert isinstance(completion, Completion)
            assert [("openai/gpt-4o", "CancelledError"), ("openai/gpt-4o", None)] == attempts(
                completion
            )
        assert 2 == len(server.requests)
