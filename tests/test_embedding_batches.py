"""Calls for embeddings that take several requests, and their events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from llmgate import Client, Timeout
from llmgate.errors import (
    DeadlineExceededError,
    RateLimitError,
    ServerError,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded, CallStarted, Event
from llmgate.provider import (
    EmbeddingAbilities,
)
from tests.faults.peer import Peer, Step
from tests.faults.server import FaultServer, hang, reply
from tests.machine import wait_for_async
from tests.vectors_provider import Vectors, embed, run, vectors


def sent_inputs(server: FaultServer) -> list[Any]:
    """What each request asked for, in the order of the input."""
    return sorted((seen.json["input"] for seen in server.requests), key=json.dumps)


# --- several requests ---------------------------------------------------------------------


def each_its_own(
    delay: Callable[[list[str]], float] = lambda _: 0.0,
    usage: Callable[[list[str]], int | None] = len,
) -> Step:
    """A step that answers each request with the numbers that its texts are."""

    async def step(peer: Peer) -> None:
        texts: list[str] = peer.server.requests[-1].json["input"]
        await asyncio.sleep(delay(texts))
        order = range(len(texts) - 1, -1, -1)
        await peer.send(vectors(*map(float, texts), usage=usage(texts), order=order))

    return step


def texts(count: int) -> list[str]:
    """As many texts, each its own number."""
    return [str(number) for number in range(count)]


def test_more_than_one_request_takes_is_split_and_joined_in_order() -> None:
    """Whatever came first; usage is summed, and the report says so once."""
    abilities = EmbeddingAbilities(max_batch=3)
    with FaultServer(each_its_own(lambda some: 0.1 if "0" in some else 0.0)) as server:
        found = embed(server, texts(10), abilities=abilities)
    assert [[float(number)] for number in range(10)] == found.vectors
    assert [*range(10)] == [item.index for item in found.data]
    assert [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"], ["9"]] == sent_inputs(server)
    assert found.usage is not None
    assert (10, 10) == (found.usage.prompt_tokens, found.usage.total_tokens)
    split = found.report[0]
    assert ("split", "input", 10, 3) == (split.kind, split.path, split.given, split.sent)
    assert "sent in 4 requests: vec takes 3 inputs per request" == split.reason
    paths = [each.path for each in found.report][1:]
    assert ["encoding", "input[1]", "input[4]", "input[7]", "input[10]"] == paths
    assert (b"", "m", {"id": "r"}) == (found.raw, found.model, found.extra)
    assert {1, 2, 3, 4} == {attempt.number for attempt in found.attempts}


def test_exactly_one_request_is_not_split() -> None:
    """Nor is a limit below one one."""
    with FaultServer(each_its_own()) as server:
        found = embed(server, texts(3), abilities=EmbeddingAbilities(max_batch=3))
        assert "input" not in found.report
        assert 1 == len(server.requests)
        found = embed(server, texts(2), abilities=EmbeddingAbilities(max_batch=0))
        assert [[0.0], [1.0]] == found.vectors


def test_usage_is_none_where_a_part_of_it_is_missing() -> None:
    """A part is not the whole."""
    step = each_its_own(usage=lambda some: None if "2" in some else 5)
    with FaultServer(step) as server:
        found = embed(server, texts(4), abilities=EmbeddingAbilities(max_batch=2))
    assert found.usage is None


def test_requests_run_at_once_within_bounds() -> None:
    """Eight of them, and no more."""
    at_once, most = 0, 0

    async def step(peer: Peer) -> None:
        nonlocal at_once, most
        text = peer.server.requests[-1].json["input"]
        at_once += 1
        most = max(most, at_once)
        assert await wait_for_async(lambda: most >= 8)
        await asyncio.sleep(0.01)  # in which a ninth would come
        at_once -= 1
        await peer.send(vectors(float(text[0])))

    with FaultServer(step) as server:
        embed(server, texts(20), abilities=EmbeddingAbilities(max_batch=1))
    assert 20 == len(server.requests)
    assert 8 == most


def test_one_failing_request_fails_the_call_and_says_for_which_inputs() -> None:
    """Each was retried by itself; the others are cancelled."""

    async def step(peer: Peer) -> None:
        some = peer.server.requests[-1].json["input"]
        if "2" in some:
            await peer.send(reply(500, body={"error": "no"}, retry_after="0"))
        elif "0" in some:
            await peer.send(vectors(0.0, 1.0))
        else:
            await asyncio.Event().wait()

    with FaultServer(step) as server:
        with pytest.raises(ServerError) as caught:
            embed(server, texts(6), abilities=EmbeddingAbilities(max_batch=2), max_retries=1)
        assert server.wait_until_left()
    assert str(caught.value).startswith("inputs 2 to 3: ")
    assert 500 == caught.value.status
    attempts = caught.value.attempts
    assert len(attempts) == len({attempt.number for attempt in attempts})
    assert 2 == [attempt.status for attempt in attempts].count(500)
    assert caught.value.report is not None
    assert "input" in caught.value.report


@pytest.mark.parametrize(
    ("timeout", "phase", "failed"),
    [(0.4, "total", ""), (Timeout(total=20, first_token=0.6), "first_token", "inputs 19 to 19: ")],
)
def test_one_deadline_holds_for_all_requests(timeout: Any, phase: str, failed: str) -> None:
    """And the wait for a first byte for each, counted from when it was sent: the third round of
    requests begins when that time is over for the first."""

    async def step(peer: Peer) -> None:
        some = peer.server.requests[-1].json["input"]
        if "19" in some:
            await asyncio.Event().wait()
        await asyncio.sleep(0.25)
        await peer.send(vectors(float(some[0])))

    with FaultServer(step) as server, pytest.raises(DeadlineExceededError) as caught:
        embed(server, texts(20), abilities=EmbeddingAbilities(max_batch=1), timeout=timeout)
    assert phase == caught.value.phase
    assert str(caught.value).startswith(failed)


def test_a_cancelled_call_cancels_its_requests() -> None:
    """All of them."""

    async def scenario(server: FaultServer) -> None:
        provider = Vectors(server.url, abilities=EmbeddingAbilities(max_batch=1))
        async with Client(providers={"vec": provider}) as client:
            call = asyncio.ensure_future(client.aembedding("vec/m", texts(3)))
            assert await wait_for_async(lambda: len(server.requests) == 3)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert server.wait_until_left()

    with FaultServer(hang) as server:
        run(lambda: scenario(server))


# --- hooks --------------------------------------------------------------------------------


def test_hooks_see_one_call() -> None:
    """However many requests it took; each attempt has a number of its own."""
    seen = list[Event]()
    abilities = EmbeddingAbilities(max_batch=2)
    with FaultServer(each_its_own()) as server:
        client = {"hooks": [seen.append]}
        embed(server, texts(5), abilities=abilities, client=client, labels={"team": "a"})
    started, ended = seen[0], seen[-1]
    assert isinstance(started, CallStarted)
    assert isinstance(ended, CallEnded)
    assert ("embeddings", "vec", "m", False) == (
        started.operation,
        started.provider,
        started.model,
        started.stream,
    )
    assert ("embeddings", "ok", 3, None) == (
        ended.operation,
        ended.outcome,
        ended.attempts,
        ended.completion,
    )
    assert ended.usage is not None
    assert 5 == ended.usage.total_tokens
    for kind in (AttemptStarted, AttemptEnded):
        assert [1, 2, 3] == sorted(event.number for event in seen if isinstance(event, kind))
    assert 1 == len({event.call_id for event in seen})
    assert {"a"} == {event.labels["team"] for event in seen}


def test_hooks_see_lists_and_failures() -> None:
    """With the operation's name."""
    seen = list[Event]()

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Vectors(url)}, hooks=[seen.append]) as client:
            await client.alist_models("vec")
            with pytest.raises(RateLimitError):
                await client.aembedding("vec/m", "a", max_retries=0)

    with FaultServer(reply(body={"models": []}), reply(429)) as server:
        run(lambda: scenario(server.url))
    ends = [event for event in seen if isinstance(event, CallEnded)]
    assert [("models", "", "ok"), ("embeddings", "m", "error")] == [
        (end.operation, end.model, end.outcome) for end in ends
    ]
