"""Cancelled wherever a call waits: it passes, the connection closes, and the pool goes on."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from llmgate import Client, RetryPolicy
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest
from llmgate_openai import OpenAI
from tests.faults.calls import HI, KEY, MODEL, Recorder, client_of
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    Peer,
    Step,
    chunk,
    event,
    framed,
    hang,
    head,
    reply,
    stream,
    then,
    wait_for_async,
)

ANSWER = reply(body=COMPLETION)
OVERLOADED = event({"error": {"code": 529, "message": "later"}})
PIECE = framed(event(chunk("a")))


async def whole(client: Client) -> None:
    """A call that is answered whole."""
    await client.acompletion(MODEL, HI)


async def large(client: Client) -> None:
    """A call with a large prompt."""
    prompt: Any = [{"role": "user", "content": "x" * 9_000_000}]
    await client.acompletion(MODEL, prompt)


async def streamed(client: Client) -> None:
    """A call whose stream is read."""
    async for _ in await client.acompletion(MODEL, HI, stream=True):
        pass


async def never_read(peer: Peer) -> None:
    """Take the head of a request, and nothing more."""
    peer.transport.pause_reading()
    await peer.gone.wait()


POINTS: dict[str, tuple[Step, Callable[[Client], Awaitable[None]]]] = {
    "waiting for headers": (hang, whole),
    "in the head": (then(b"HTTP/1.1 200 OK\r\nX-", last=hang), whole),
    "in the body": (then(head(content_length="99") + b"{", last=hang), whole),
    "in an error's body": (then(head(400, content_length="99") + b"{", last=hang), whole),
    "in a back-off": (reply(503, retry_after="3"), whole),
    "opening a stream": (hang, streamed),
    "before the first piece": (then(STREAM_HEAD, last=hang), streamed),
    "between pieces": (then(STREAM_HEAD, PIECE, last=hang), streamed),
    "in a stream's back-off": (
        stream(end=event({"error": {"code": 529, "message": "later"}})),
        streamed,
    ),
}


@pytest.mark.parametrize("point", POINTS)
async def test_cancelled(point: str) -> None:
    """The server sees the close within 0.2 s, the pool of one serves the next call, and the hooks
    are told of one start and one end."""
    step, call = POINTS[point]
    hook = Recorder()
    policy = RetryPolicy(max_retries=1, wait=lambda _: 3.0)
    with FaultServer(step, ANSWER) as server:
        async with client_of(server, limit=1, hooks=[hook], retry=policy) as client:
            task = asyncio.ensure_future(call(client))
            assert await wait_for_async(lambda: bool(server.requests))
            await asyncio.sleep(0.02)
            task.cancel("with a message")
            with pytest.raises(asyncio.CancelledError):
                await task
            idle = "back-off" in point
            assert idle or await wait_for_async(lambda: server.open_connections == 0, 0.2)
            assert "Hi" == (await client.acompletion(MODEL, HI, timeout=1)).text
    assert ["cancelled", "ok"] == [end.outcome for end in hook.all(CallEnded)]
    assert len(hook.all(AttemptStarted)) == len(hook.all(AttemptEnded))


async def test_cancelled_while_connecting() -> None:
    """A TLS handshake is broken off."""
    with FaultServer(on_connect=hang) as server:
        async with client_of(server.url.replace("http:", "https:"), limit=1) as client:
            task = asyncio.ensure_future(whole(client))
            await asyncio.sleep(0.06)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            assert await wait_for_async(lambda: server.open_connections == 0, 0.2)


async def test_cancelled_while_sending() -> None:
    """A large prompt is broken off."""
    with FaultServer(on_connect=never_read) as server:
        async with client_of(server, limit=1) as client:
            task = asyncio.ensure_future(large(client))
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            assert (0, 0) == (
                len(client._connections.pools[asyncio.get_running_loop()]._replies),
                len(server.requests),
            )


async def test_cancelled_while_waiting_for_the_pool() -> None:
    """Who waits for a connection leaves the queue, and the next in it gets one."""
    over = threading.Event()

    async def slow(peer: Peer) -> None:
        assert await wait_for_async(over.is_set, 5.0)
        await peer.send(ANSWER)

    with FaultServer(slow, ANSWER) as server:
        async with client_of(server, limit=1) as client:
            tasks = [asyncio.ensure_future(whole(client)) for _ in range(3)]
            assert await wait_for_async(lambda: bool(server.requests))
            tasks[1].cancel()
            over.set()
            await asyncio.wait(tasks)
            assert [False, True, False] == [task.cancelled() for task in tasks]
        assert (2, 1) == (len(server.requests), server.connections)


async def test_cancelled_while_authorizing() -> None:
    """Nothing was sent, and nothing is held."""

    class Slow(OpenAI):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            await asyncio.Event().wait()
            raise AssertionError

    hook = Recorder()
    async with Client(providers={"openai": Slow(api_key=KEY)}, hooks=[hook]) as client:
        task = asyncio.ensure_future(whole(client))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert ["cancelled"] == [end.outcome for end in hook.all(CallEnded)]


async def test_cancelled_before_it_began() -> None:
    """Nothing happens at all."""
    with FaultServer(ANSWER) as server:
        async with client_of(server) as client:
            task = asyncio.ensure_future(whole(client))
            task.cancel()
            await asyncio.wait({task})
        assert 0 == server.connections


async def test_the_message_of_a_cancellation_passes() -> None:
    """It comes out unchanged."""
    with FaultServer(hang) as server:
        async with client_of(server) as client:
            task = asyncio.ensure_future(whole(client))
            await asyncio.sleep(0.05)
            task.cancel("because")
            with pytest.raises(asyncio.CancelledError, match="because"):
                await task


async def test_a_pool_under_random_cancellation() -> None:
    """Twelve rounds of calls that are cancelled, some twice, at random; then a healthy call."""
    chance = random.Random(7)
    steps: list[Step] = [ANSWER, stream("a"), then(STREAM_HEAD, PIECE, last=hang), hang]
    order = itertools.cycle(steps)

    async def one_of_them(peer: Peer) -> None:
        while await peer.request() is not None:
            step = ANSWER if healthy else next(order)
            if isinstance(step, bytes):
                await peer.send(step)
            else:
                await step(peer)

    healthy = False
    with FaultServer(on_connect=one_of_them) as server:
        async with client_of(server, limit=2) as client:
            for _ in range(12):
                calls = [chance.choice([whole, streamed])(client) for _ in range(6)]
                tasks = [asyncio.ensure_future(call) for call in calls]
                for _ in range(2):
                    await asyncio.sleep(chance.random() * 0.02)
                    for task in tasks:
                        if chance.random() < 0.7:
                            task.cancel()
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                for task in tasks:
                    assert task.cancelled() or task.exception() is None or task.exception()
            healthy = True
            assert "Hi" == (await client.acompletion(MODEL, HI, timeout=1)).text
            assert await wait_for_async(lambda: server.open_connections <= 2)
