"""The transport: what is sent, and connections that are kept."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import zlib

import pytest

from llmgate.errors import (
    ClosedError,
    InvalidRequestError,
    NotFoundError,
    ReadError,
)
from llmgate.hooks import CallEnded, ConnectionQueued
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports._waiting import after_long_wait, listen_for_pool_wait, stop_listening
from tests.faults.calls import HI, KEY, MODEL, Recorder, client_of, is_ours
from tests.faults.peer import Peer, Step
from tests.faults.server import (
    COMPLETION,
    LAST,
    FaultServer,
    close,
    hang,
    head,
    noting,
    reply,
    reset,
    stream,
    then,
)
from tests.machine import wait_for_async
from tests.transport.calls import ANSWER, drained, failure_of, transport

# --- what is sent -------------------------------------------------------------------------


async def test_what_is_sent_beside_the_request() -> None:
    """No cookie is kept, compression is not asked for, and the user agent is llmgate's."""
    with FaultServer(reply(body=COMPLETION, set_cookie="a=b"), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            await client.acompletion(MODEL, HI)
    names = {"host", "accept-encoding", "user-agent", "accept", "content-type", "content-length"}
    for seen in server.requests:
        assert names | {"authorization"} == {*seen.headers}
        assert "identity" == seen.headers["accept-encoding"]
        assert "llmgate" in seen.headers["user-agent"]


async def test_a_stream_that_is_let_go() -> None:
    """Its connection ends with the last reference to it: no garbage has to be collected."""
    with FaultServer(then(stream("a", last=b""), last=hang)) as server:
        async with client_of(server) as client:
            gc.disable()
            try:
                call = asyncio.ensure_future(client.acompletion(MODEL, HI, stream=True))
                answer = await call
                await anext(answer)
                del answer, call
                assert await wait_for_async(lambda: server.open_connections == 0)
            finally:
                gc.enable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is an error that names its target; nothing is sent there, nor tried again."""
    with (
        FaultServer(ANSWER) as elsewhere,
        FaultServer(reply(status, location=elsewhere.url)) as server,
    ):
        error = await failure_of(server.url, max_retries=2)
        assert (1, 0) == (len(server.requests), elsewhere.connections)
    assert status == error.status
    assert elsewhere.url in str(error)


async def test_a_line_end_in_a_header() -> None:
    """A header that would become two is refused, and its value is not shown."""
    with FaultServer(ANSWER) as server:
        request = HttpRequest("POST", server.url, {"X-Key": f"{KEY}\r\nHost: evil"})
        async with transport() as each:
            with pytest.raises(InvalidRequestError) as caught:
                await each.open(request, Timeout())
        assert [] == server.requests
    assert KEY not in str(caught.value)


async def test_a_user_in_the_address() -> None:
    """User and password in an address are sent as such, and shown in no error."""
    with FaultServer(ANSWER, close) as server:
        url = server.url.replace("//", "//user:pass-canary-1@")
        request = HttpRequest("POST", url)
        async with transport() as each:
            (await each.open(request, Timeout())).close()
            assert server.requests[0].headers["authorization"].startswith("Basic ")
            with pytest.raises(ReadError) as caught:
                await each.open(request, Timeout())
            contradiction = HttpRequest("POST", url, {"Authorization": "Bearer x"})
            with pytest.raises(InvalidRequestError) as refused:
                await each.open(contradiction, Timeout())
    for shown in (str(caught.value), str(refused.value)):
        assert "canary" not in shown


async def test_a_connection_is_used_again() -> None:
    """Answers, errors and whole streams leave their connection for the next call."""
    with FaultServer(ANSWER, reply(404), stream("a"), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            with pytest.raises(NotFoundError):
                await client.acompletion(MODEL, HI)
            answer = await client.acompletion(MODEL, HI, stream=True)
            assert "a" == (await answer.completion()).text
            await client.acompletion(MODEL, HI)
        assert (4, 1) == (len(server.requests), server.connections)


async def test_the_end_of_a_stream_that_comes_a_little_later() -> None:
    """The last chunk of the transfer coding may follow the terminator; the reader does not wait."""
    step = then(stream("a", last=b""), LAST, pause=0.02, last=lambda _: asyncio.sleep(0))
    ended = list[bool]()
    with FaultServer(noting(step, ended), ANSWER) as server:
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            await answer.completion()
            assert await wait_for_async(lambda: bool(ended))
            await asyncio.sleep(0.02)
            await client.acompletion(MODEL, HI)
        assert (2, 1) == (len(server.requests), server.connections)


async def test_the_end_of_a_stream_that_never_comes() -> None:
    """A server that keeps the connection open after the terminator is not waited for."""
    with FaultServer(then(stream("a", last=b""), last=hang), ANSWER) as server:
        async with client_of(server, limit=1) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            await answer.completion()
            assert await wait_for_async(lambda: server.open_connections == 0, 0.2)
            await client.acompletion(MODEL, HI)
        assert 2 == server.connections


async def test_a_long_wait_for_a_connection_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by an event of the request that waits; not of one that waits no more."""
    monkeypatch.setattr("llmgate.transports._waiting.LONG_WAIT", 0.1)
    recorder, free = Recorder(), threading.Event()  # the server has a loop of its own

    async def answer_late(peer: Peer) -> None:
        await asyncio.to_thread(free.wait, 20)
        await peer.send(ANSWER)

    with FaultServer(answer_late, ANSWER) as server:
        async with client_of(server, limit=1, hooks=[recorder]) as client:
            first = asyncio.create_task(client.acompletion(MODEL, HI))
            assert await wait_for_async(lambda: len(server.requests) == 1)
            second = asyncio.create_task(client.acompletion(MODEL, HI))
            left = asyncio.create_task(client.acompletion(MODEL, HI))
            await asyncio.sleep(0.02)
            left.cancel()
            assert await wait_for_async(lambda: bool(recorder.all(ConnectionQueued)))
            free.set()
            await asyncio.gather(first, second)
            await asyncio.sleep(0.1)
        [event] = recorder.all(ConnectionQueued)
        ended = {each.call_id: each.outcome for each in recorder.all(CallEnded)}
        assert (1, "ok", 3) == (event.number, ended[event.call_id], len(ended))
        assert 1 == server.connections


async def test_no_timer_runs_where_nobody_listens_for_a_long_wait() -> None:
    """As for a transport that is used without a client; within a request whose client listens,
    one does."""
    assert after_long_wait() is None
    listening = listen_for_pool_wait(lambda: None)
    timer = after_long_wait()
    stop_listening(listening)
    assert timer is not None
    timer.cancel()
    assert after_long_wait() is None


@pytest.mark.parametrize(
    ("step", "method", "idempotent"),
    [
        pytest.param(then(b"HTTP/1.1 2", last=close), "POST", True, id="some of a reply came"),
        pytest.param(then(b"HTTP/1.1 2", last=reset), "POST", True, id="some came, then a reset"),
        pytest.param(close, "POST", False, id="not idempotent"),
        pytest.param(close, "POST", True, id="idempotent"),
        pytest.param(close, "GET", True, id="a method that aiohttp itself repeats"),
    ],
)
async def test_what_is_not_sent_again(step: Step, method: str, idempotent: bool) -> None:
    """The transport sends nothing twice."""
    with FaultServer(ANSWER, step, ANSWER) as server:
        request = HttpRequest(method, server.url, body=b"{}", idempotent=idempotent)
        async with transport() as each:
            await drained(await each.open(request, Timeout()))
            with pytest.raises(ReadError):
                await each.open(request, Timeout())
        assert 2 == len(server.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_fresh_connection_is_never_replayed(method: str) -> None:
    """A connection that had not served before counts as an attempt, whatever the method."""
    with FaultServer(close, ANSWER) as server:
        async with transport() as each:
            with pytest.raises(ReadError):
                await each.open(HttpRequest(method, server.url), Timeout())
        assert 1 == len(server.requests)


async def test_words_that_nobody_asked_for() -> None:
    """What a server says on an idle connection is no reply to the next request."""

    async def answer_twice(peer: Peer) -> None:
        await peer.send(ANSWER)
        await asyncio.sleep(0.03)
        await peer.send(reply(408))

    said = list[bool]()
    with FaultServer(noting(answer_twice, said), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            assert await wait_for_async(lambda: bool(said))
            await asyncio.sleep(0.02)
            assert "Hi" == (await client.acompletion(MODEL, HI)).text
        assert 2 == server.connections


async def test_words_before_the_first_request() -> None:
    """A server that answers before it is asked is taken at its word, not called again for ever."""

    async def hurry(peer: Peer) -> None:
        await peer.send(ANSWER)

    with FaultServer(on_connect=hurry) as server:
        async with client_of(server) as client:
            assert "Hi" == (await client.acompletion(MODEL, HI)).text


async def test_closing_during_a_call() -> None:
    """A call whose client is closed meanwhile raises ClosedError; so does every later one."""
    with FaultServer(hang) as server:
        client = client_of(server)
        call = asyncio.ensure_future(client.acompletion(MODEL, HI))
        assert await wait_for_async(lambda: bool(server.requests))
        await client.aclose()
        with pytest.raises(ClosedError) as caught:
            await call
        assert is_ours(caught.value)
        with pytest.raises(ClosedError):
            await client.acompletion(MODEL, HI)


async def test_pieces_are_given_as_they_come() -> None:
    """A piece is delivered when it arrives, not with the next, also of a compressed body."""
    pressing = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    pressed = [
        pressing.compress(each) + pressing.flush(zlib.Z_SYNC_FLUSH) for each in (b"one", b"two")
    ]
    for encoding, pieces in (
        ("identity", [b"one", b"two"]),
        ("gzip", [pressed[0], pressed[1] + pressing.flush()]),
    ):
        step = then(head(content_encoding=encoding), *pieces, pause=0.03, last=close)
        with FaultServer(step) as server:
            async with transport() as each:
                incoming = await each.open(HttpRequest("GET", server.url), Timeout())
                assert [b"one", b"two", b""] == [await incoming.read() for _ in range(3)]
                incoming.close()


async def test_header_names_are_in_lower_case() -> None:
    """However a server spells them, so that limits and request ids are found."""
    with FaultServer(reply(body=COMPLETION, **{"X-RateLimit-Left": "9", "X-Request-ID": "r"})) as (
        server
    ):
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI)
    assert {"x-ratelimit-left": "9"} == answer.rate_limit
    assert "r" == answer.request_id


async def test_the_length_of_what_a_head_request_does_not_get() -> None:
    """A response to HEAD says how long a body would be, and has none: the next one follows it."""
    with FaultServer(head(content_length="5"), ANSWER) as server:
        async with transport() as each:
            incoming = await each.open(HttpRequest("HEAD", server.url), Timeout())
            assert ("5", b"") == (incoming.headers["content-length"], await drained(incoming))
            incoming = await each.open(HttpRequest("GET", server.url), Timeout())
            assert COMPLETION == json.loads(await drained(incoming))
        assert 1 == server.connections
