"""The short way to send: what it promises beyond aiohttp's public API, and when it is taken."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from yarl import URL

from llmgate._core.deadline import Deadline
from llmgate.errors import (
    ClosedError,
    LLMGateError,
    ProtocolError,
    ReadError,
)
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports import _fast
from llmgate.transports._failures import BrokenConnectionError
from llmgate.transports._fast.direct import DirectResponse, FastConnector, Route
from llmgate.transports._fast.wire import Body, Wire
from llmgate.transports._session import STREAM_BUFFER
from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings, Stats
from tests.faults.peer import Peer
from tests.faults.server import (
    COMPLETION,
    FaultServer,
    close,
    hang,
    head,
    reply,
    reset,
    stream,
    then,
)
from tests.machine import wait_for_async

# --- when it is taken ---


async def stats_of_a_call() -> Stats:
    """Which way a request takes."""
    with FaultServer(reply(body=COMPLETION)) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        (await transport.open(HttpRequest("GET", server.url), Timeout())).close()
        await transport.aclose()
    return transport.stats


def nothing_of_two(_: object, __: object) -> None:
    """A method of another signature."""


def nothing_of_one(_: object) -> None:
    """A method that does nothing."""


async def waiting(_: object) -> None:
    """One that waits for what is there."""
    await asyncio.sleep(0)


CHANGES: list[tuple[str, object]] = [
    ("aiohttp.StreamReader._read_nowait", None),
    ("aiohttp.StreamReader.feed_data", nothing_of_two),
    ("aiohttp.TCPConnector._create_connection", nothing_of_two),
    ("aiohttp.client_proto.ResponseHandler.should_close", True),
    ("aiohttp.client_proto.ResponseHandler.set_response_params", nothing_of_two),
    ("aiohttp.ClientRequest.connection_key", None),
    ("llmgate.transports._fast.Body", object),
    ("llmgate.transports._fast._NoTransport.pause_reading", nothing_of_one),
    ("llmgate.transports._fast.Body.readany", waiting),
]


@pytest.mark.parametrize(("name", "other"), CHANGES)
async def test_an_aiohttp_that_has_changed(
    name: str, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something is not what the short way relies on, the public one is taken."""
    assert Stats(0, 1) == await stats_of_a_call()
    monkeypatch.setattr("llmgate.transports._fast.is_supported", _fast.is_supported.__wrapped__)
    with monkeypatch.context() as changed:
        changed.setattr(name, other)
        supported = _fast.is_supported()
    assert not supported
    monkeypatch.setattr("llmgate.transports._fast.is_supported", lambda: False)
    assert Stats(1, 0) == await stats_of_a_call()


async def test_a_short_way_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else needs its folder, nor the names that it imports."""
    monkeypatch.setitem(sys.modules, "llmgate.transports._fast", None)
    monkeypatch.delattr("llmgate.transports._fast")
    assert Stats(1, 0) == await stats_of_a_call()


@pytest.mark.parametrize("fast", [True, False])
async def test_a_session_that_was_closed_meanwhile(fast: bool) -> None:
    """As by whoever ends the loop: nothing is sent, on either way."""
    transport = await AiohttpTransport.start(HttpSettings(fast_path=fast))
    await transport._session.close()
    with pytest.raises(ClosedError):
        await transport.open(HttpRequest("GET", "http://127.0.0.1:9/"), Timeout())
    await transport.aclose()


# --- what it promises ---


class Opened:
    """A transport that takes the short way."""

    async def __aenter__(self) -> AiohttpTransport:
        self._transport = await AiohttpTransport.start(HttpSettings())
        return self._transport

    async def __aexit__(self, *_: object) -> None:
        assert not self._transport.stats.public
        await self._transport.aclose()


async def drained(incoming: Any) -> bytes:
    """The whole body, and the connection given back."""
    pieces = list[bytes]()
    while piece := await incoming.read():
        pieces.append(piece)
    incoming.close()
    return b"".join(pieces)


@pytest.mark.parametrize("end", [close, reset])
async def test_what_came_before_a_break_is_given_first(end: Any) -> None:
    """However late it is read: then the break."""
    with FaultServer(then(head(content_length="9"), b"some", pause=0.02, last=end)) as server:
        async with Opened() as each:
            incoming = await each.open(HttpRequest("GET", server.url), Timeout())
            assert await wait_for_async(server.peers[0].gone.is_set)
            await asyncio.sleep(0.02)
            if end is close:
                assert b"some" == await incoming.read()
            with pytest.raises(ReadError):
                await drained(incoming)
            incoming.close()


async def test_rubbish_after_a_response() -> None:
    """What follows a whole response, even in the same packet, does not undo it."""
    with FaultServer(reply(body=b"{}") + b"rubbish\r\n\r\n", reply(body=b"{}")) as server:
        async with Opened() as each:
            for _ in range(2):
                request = HttpRequest("GET", server.url)
                assert b"{}" == await drained(await each.open(request, Timeout()))
        assert 2 == server.connections


async def test_announcements_without_end() -> None:
    """A server that says for ever that a response will come is left."""
    with FaultServer(head(102) * 2_000) as server:
        async with Opened() as each:
            with pytest.raises(ReadError):
                await each.open(HttpRequest("GET", server.url), Timeout())


async def test_nonsense_within_a_body() -> None:
    """A body that is not well-formed fails when that is seen, not at the deadline."""
    step = then(head(transfer_encoding="chunked"), b"2\r\nok\r\n", b"zz\r\n", last=hang)
    with FaultServer(step) as server:
        async with Opened() as each:
            incoming = await each.open(HttpRequest("GET", server.url), Timeout())
            async with asyncio.timeout(5):
                with pytest.raises(ProtocolError):
                    await drained(incoming)
            incoming.close()


async def test_a_part_of_a_head_that_nobody_asked_for() -> None:
    """A connection on which another response has begun is not used again."""
    with FaultServer(reply(body=b"{}") + b"HTTP/1.1 2", reply(body=b"{}")) as server:
        async with Opened() as each:
            for _ in range(2):
                await drained(await each.open(HttpRequest("GET", server.url), Timeout()))
        assert 2 == server.connections


async def test_a_place_that_a_cancelled_request_had_just_been_given() -> None:
    """It goes to the next that waits for one."""
    with FaultServer(reply(body=b"{}")) as server:
        request = HttpRequest("GET", server.url)
        transport = await AiohttpTransport.start(HttpSettings(limit=1))
        first = await transport.open(request, Timeout())
        second, third = (
            asyncio.ensure_future(transport.open(request, Timeout())) for _ in range(2)
        )
        await asyncio.sleep(0.01)
        first.close()
        second.cancel()
        async with asyncio.timeout(5):
            assert b"{}" == await drained(await third)
        await transport.aclose()


# --- how it writes ---


class Kept:
    """A connection from the pool, as far as a response knows it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.protocol = Wire(self._loop)
        self.ends: list[str] = []

    def close(self) -> None:
        """It is dropped."""
        self.ends.append("close")

    def release(self) -> None:
        """It goes back."""
        self.ends.append("release")


async def test_a_connection_that_is_gone_before_anything_is_written() -> None:
    """Nothing was sent, so anything may be sent again."""
    response = DirectResponse(Kept(), URL("http://a/"))
    with pytest.raises(BrokenConnectionError) as caught:
        await response.send(b"GET / HTTP/1.1\r\n\r\n")
    assert caught.value.unprocessed


async def test_a_connection_goes_back_once_or_not_at_all() -> None:
    """Whatever ends first: the body, or whoever reads it."""
    for ways in (["_rest", "close", "_rest"], ["close", "_rest", "close"]):
        kept = Kept()
        response = DirectResponse(kept, URL("http://a/"))
        for way in ways:
            getattr(response, way)()
        assert [ways[0].replace("_rest", "release")] == kept.ends


def routes_of(transport: AiohttpTransport) -> dict[str, Route]:
    """Where requests went."""
    assert transport._fast is not None
    return transport._fast._routes


async def test_routes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no end of addresses, as where each model has its own."""
    monkeypatch.setattr("llmgate.transports._fast._MAX_ROUTES", 2)
    with FaultServer(reply(body=COMPLETION)) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        for path in "abcd":
            request = HttpRequest("POST", f"{server.url}/{path}", {}, b"{}")
            (await transport.open(request, Timeout())).close()
        assert [f"/v1/{path}" for path in "abcd"] == [seen.target for seen in server.requests]
        assert 2 == len(routes_of(transport))
        await transport.aclose()


async def test_the_first_lines_of_requests_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no end of headers' names; each request has its own, and ours but for those."""
    monkeypatch.setattr("llmgate.transports._fast.direct._MAX_STARTS", 2)
    with FaultServer(reply(body=COMPLETION)) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        for headers in ({}, {"A": "1"}, {"A": "2"}, {"b": "3"}, {"User-Agent": "me"}, {"c": "4"}):
            request = HttpRequest("GET", f"{server.url}/x", headers)
            (await transport.open(request, Timeout())).close()
        sent = [seen.headers for seen in server.requests]
        assert [None, "1", "2", None, None, None] == [each.get("a") for each in sent]
        assert ["llmgate"] * 4 + ["me", "llmgate"] == [each["user-agent"] for each in sent]
        [route] = routes_of(transport).values()
        assert 2 == len(route._starts)
        await transport.aclose()


@pytest.mark.parametrize("method", ["GET\r\nA: b", "GET\n", "G\0"])
async def test_a_line_end_in_a_method(method: str) -> None:
    """It would be a header that nobody gave."""
    with FaultServer(reply(body=COMPLETION)) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        with pytest.raises(LLMGateError):
            await transport.open(HttpRequest(method, server.url), Timeout())
        assert not server.requests
        await transport.aclose()


async def test_a_deadline_while_a_request_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so, of a server that takes nothing."""

    async def ignore(peer: Peer) -> None:
        peer.transport.pause_reading()
        await peer.gone.wait()

    monkeypatch.setattr("llmgate.transports._fast.LARGE_BODY", 10**9)
    with FaultServer(on_connect=ignore) as server:
        async with Opened() as each:
            request = HttpRequest("POST", server.url, body=b"x" * 9_000_000)
            deadline = Deadline(Timeout(total=0.3, connect=None))
            with deadline.limit():  # which ends the wait, and can be asked why
                await each.open(request, Timeout())
    assert "write" == deadline.exceeded().phase


# --- bodies ---


async def test_a_body_is_read_by_a_class_of_ours() -> None:
    """aiohttp's own reader becomes it; nothing in it is no piece of it."""
    with FaultServer(stream("a", "b")) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        incoming: Any = await transport.open(HttpRequest("GET", server.url), Timeout())
        content = incoming._response.content
        assert type(content) is Body
        content.feed_data(b"")
        data = b""
        while piece := await incoming.read():
            data += piece
        assert data.endswith(b"data: [DONE]\n\n")
        assert content.is_eof()
        await transport.aclose()


async def test_a_server_has_to_wait_for_who_reads_slowly() -> None:
    """Little is held of what nobody reads, in as many pieces as it may come."""

    much = then(head(transfer_encoding="chunked"), b"1\r\nx\r\n" * 300_000, last=hang)
    with FaultServer(much) as server:
        transport = await AiohttpTransport.start(HttpSettings())
        request = HttpRequest("GET", server.url, stream=True)
        incoming: Any = await transport.open(request, Timeout())
        content = incoming._response.content
        assert await wait_for_async(lambda: content._protocol._reading_paused)
        assert len(content._buffer) <= 2 * STREAM_BUFFER
        assert 1 <= len(await incoming.read()) <= 4 * STREAM_BUFFER
        incoming.close()
        await transport.aclose()


async def test_doubts_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no end of hosts."""
    monkeypatch.setattr("llmgate.transports._fast.direct._MAX_DOUBTED", 2)
    connector = FastConnector()
    for host in "abc":
        connector.doubt_idle_connections(host)
    assert ["b", "c"] == [*connector._doubted]
    await connector.close()
