"""A request is never sent twice without a trace, nor by itself where it may have been processed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import trustme

from llmgate import Client, Completion, RetryPolicy
from llmgate.errors import ReadError
from llmgate.hooks import AttemptEnded, AttemptStarted, RetryScheduled
from llmgate.provider import ProviderCall
from llmgate.provider.http import Flow
from llmgate.transports import _unprocessed
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder
from tests.faults.peer import Peer, Step
from tests.faults.server import COMPLETION, FaultServer, close, reply, reset
from tests.machine import wait_for_async
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)
NEVER = RetryPolicy(max_retries=0)
SLOWLY = RetryPolicy(max_retries=2, wait=lambda _: 60.0)
PATHS = ["public", "fast"] if find_spec("llmgate.transports._fast") else ["public"]


@pytest.fixture(autouse=True, params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way that requests take: each test is played on both."""
    name: str = request.param
    monkeypatch.setenv("LLMGATE_FAST_PATH", "1" if name == "fast" else "0")
    return name


class Once(PlainProvider):
    """A provider whose requests are billed each time."""

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        flow = super().complete(call)
        response = yield replace(next(flow), idempotent=False)
        try:
            flow.send(response)
        except StopIteration as stop:
            completion: Completion = stop.value
            return completion
        raise AssertionError("one request is enough")


def client_of(server: FaultServer, provider: type[PlainProvider], **settings: Any) -> Client:
    """A client of this server."""
    return Client(providers={"openai": provider(api_key=KEY, base_url=server.url)}, **settings)


async def second_call(
    server: FaultServer, provider: type[PlainProvider], policy: RetryPolicy, **settings: Any
) -> tuple[Completion | ReadError, Recorder]:
    """What comes of a call on a connection that has served before, and the events of hooks."""
    recorder = Recorder()
    client = client_of(server, provider, retry=policy, timeout=5.0, **settings)
    async with client:
        await client.acompletion(MODEL, HI)
        try:
            outcome: Any = await client.acompletion(MODEL, HI, hooks=[recorder])
        except ReadError as error:
            outcome = error
    return outcome, recorder


def connection_of(peer: Peer) -> socket.socket:
    """The server's socket."""
    found: socket.socket = peer.transport.get_extra_info("socket")
    return found


async def acknowledged_reset(peer: Peer) -> None:
    """Confirm that the request has come, and reset."""
    connection_of(peer).setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    await asyncio.sleep(0.01)
    peer.reset()


async def answer_and_put_off(peer: Peer) -> None:
    """Answer, and put off confirming whatever comes next."""
    connection_of(peer).setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    await peer.send(ANSWER)
    connection_of(peer).setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def at_once(count: int, step: Callable[[Peer], Awaitable[None]]) -> list[Step]:
    """The step for so many requests, none of which has it before all have come."""
    arrived = asyncio.Barrier(count)

    async def together(peer: Peer) -> None:
        await arrived.wait()
        await step(peer)

    return [together] * count


async def closed_while_idle(server: FaultServer) -> None:
    """The server closes its connections, and this loop has no turn in which to see it."""
    for peer in server.peers:
        peer.server._loop.call_soon_threadsafe(peer.transport.close)
    time.sleep(0.05)  # noqa: ASYNC251 - that is what it is about


# --- where the request may have been processed --------------------------------------------

TAKEN = [close, acknowledged_reset]


@pytest.mark.parametrize("end", TAKEN)
@pytest.mark.parametrize("provider", [PlainProvider, Once])
async def test_a_request_that_was_taken_is_sent_once(
    end: Step, provider: type[PlainProvider]
) -> None:
    """Where retries are forbidden, whatever the request does."""
    with FaultServer(ANSWER, end, ANSWER) as server:
        error, recorder = await second_call(server, provider, NEVER)
    assert isinstance(error, ReadError)
    assert (1, False) == (len(error.attempts), error.unprocessed)
    assert [1, 1] == [len(recorder.all(kind)) for kind in (AttemptStarted, AttemptEnded)]
    assert 2 == len(server.requests)


@pytest.mark.parametrize("end", TAKEN)
async def test_a_request_that_is_billed_each_time(end: Step) -> None:
    """It is not sent again by itself, though retries are allowed."""
    with FaultServer(ANSWER, end, ANSWER) as server:
        error, recorder = await second_call(server, Once, AT_ONCE)
    assert isinstance(error, ReadError)
    assert 1 == len(error.attempts) == len(recorder.all(AttemptStarted))
    assert 2 == len(server.requests)


@pytest.mark.parametrize("end", TAKEN)
async def test_a_request_that_is_billed_each_time_may_be_repeated_where_asked(end: Step) -> None:
    """``retry_reads`` says so."""
    with FaultServer(ANSWER, end, ANSWER) as server:
        answer, recorder = await second_call(server, Once, replace(AT_ONCE, retry_reads=True))
    assert isinstance(answer, Completion)
    assert 2 == len(answer.attempts) == len(recorder.all(AttemptStarted))
    assert 3 == len(server.requests)


@pytest.mark.parametrize("end", TAKEN)
async def test_a_retry_is_an_attempt(end: Step) -> None:
    """A request that may be repeated is, within ``max_retries``, and each has its events."""
    with FaultServer(ANSWER, end, ANSWER) as server:
        answer, recorder = await second_call(server, PlainProvider, AT_ONCE)
    assert isinstance(answer, Completion)
    assert ["ReadError", None] == [attempt.error for attempt in answer.attempts]
    emitted = [name for name in recorder.names if name.startswith(("Attempt", "Retry"))]
    attempt = ["AttemptStarted", "AttemptEnded"]
    assert [*attempt, "RetryScheduled", *attempt] == emitted
    assert server.requests[1].body == server.requests[2].body


# --- where it cannot have been ------------------------------------------------------------


@pytest.mark.parametrize("provider", [PlainProvider, Once])
async def test_a_connection_that_was_closed_before_the_request(
    provider: type[PlainProvider],
) -> None:
    """Nothing is written on it: another takes its place, which is no retry."""
    with FaultServer(ANSWER) as server:
        async with client_of(server, provider, max_retries=0) as client:
            await client.acompletion(MODEL, HI)
            await closed_while_idle(server)
            answer = await client.acompletion(MODEL, HI)
    assert isinstance(answer, Completion)
    assert 1 == len(answer.attempts)
    assert (2, 2) == (len(server.requests), server.connections)


async def test_a_pool_of_closed_connections() -> None:
    """However many there are."""
    with FaultServer(*at_once(5, answer_and_put_off), ANSWER) as server:
        async with client_of(server, Once, max_retries=0, timeout=5.0) as client:
            await asyncio.gather(*(client.acompletion(MODEL, HI) for _ in range(5)))
            await closed_while_idle(server)
            answer = await client.acompletion(MODEL, HI)
    assert isinstance(answer, Completion)
    assert 1 == len(answer.attempts)
    assert (6, 6) == (len(server.requests), server.connections)


@pytest.fixture
def secured() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, and that of a client which trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]
    return server, client


async def test_a_secure_connection(secured: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """It is used again, and not where it was closed; a request that was taken is not repeated."""
    with FaultServer(ANSWER, ANSWER, ANSWER, close, tls=secured[0]) as server:
        async with client_of(server, Once, verify=secured[1], retry=AT_ONCE) as client:
            for _ in range(2):
                await client.acompletion(MODEL, HI)
            assert 1 == server.connections
            await closed_while_idle(server)
            answer = await client.acompletion(MODEL, HI)
            assert isinstance(answer, Completion)
            assert (1, 2) == (len(answer.attempts), server.connections)
            with pytest.raises(ReadError):
                await client.acompletion(MODEL, HI)
        assert 4 == len(server.requests)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("end", TAKEN)
async def test_an_end_sooner_than_a_round_trip(
    end: Step,
    secure: bool,
    secured: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was sent before the request arrived. The next attempt is made at once, with events."""
    monkeypatch.setattr(_unprocessed, "_MICROSECOND", 1.0)  # the server seems far away
    settings: Mapping[str, Any] = {"verify": secured[1]} if secure else {}
    with FaultServer(ANSWER, end, ANSWER, tls=secured[0] if secure else None) as server:
        answer, recorder = await second_call(server, Once, SLOWLY, **settings)
    assert isinstance(answer, Completion)
    assert ["ReadError", None] == [attempt.error for attempt in answer.attempts]
    [scheduled] = recorder.all(RetryScheduled)
    assert (0.0, True) == (scheduled.wait, scheduled.error.unprocessed)
    assert 2 == len(recorder.all(AttemptStarted)) == len(recorder.all(AttemptEnded))


async def test_max_retries_holds_where_nothing_was_processed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a policy is asked."""
    monkeypatch.setattr(_unprocessed, "_MICROSECOND", 1.0)
    for policy in (NEVER, RetryPolicy(retry=lambda _: False)):
        with FaultServer(ANSWER, close, ANSWER) as server:
            error, recorder = await second_call(server, Once, policy)
        assert isinstance(error, ReadError)
        assert (True, 1) == (error.unprocessed, len(error.attempts))
        assert 1 == len(recorder.all(AttemptStarted))


async def test_a_reset_before_any_acknowledgement(path: str) -> None:
    """The fast path can tell; aiohttp's public API cannot, and so it is a failure there."""
    outcomes = list[Completion | ReadError]()
    for _ in range(5):  # on a busy machine it may take longer than an acknowledgement is put off
        with FaultServer(answer_and_put_off, reset, ANSWER) as server:
            outcome, recorder = await second_call(server, Once, SLOWLY)
        sent = len(server.requests) - 1
        assert sent == len(outcome.attempts) == len(recorder.all(AttemptStarted))
        assert sent == 1 + isinstance(outcome, Completion)
        outcomes.append(outcome)
        if isinstance(outcome, Completion):
            break
    assert (path == "fast") == isinstance(outcomes[-1], Completion)


async def test_a_pool_of_dead_connections(path: str) -> None:
    """One that turns out to be dead casts doubt on all that are idle: one retry is enough."""
    for _ in range(5):  # as above
        with FaultServer(*at_once(5, answer_and_put_off), reset, ANSWER) as server:
            async with client_of(server, Once, retry=SLOWLY, timeout=5.0) as client:
                await asyncio.gather(*(client.acompletion(MODEL, HI) for _ in range(5)))
                try:
                    answer: Any = await client.acompletion(MODEL, HI)
                except ReadError:
                    continue
        assert (2, 7) == (len(answer.attempts), len(server.requests))
        assert await wait_for_async(lambda: server.connections == 6)
        return
    assert path == "public"
