"""The transport that answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    ClosedError,
    ConnectError,
    InvalidRequestError,
    ReadError,
    RequestError,
    StreamTruncatedError,
)
from llmgate.options import Timeout
from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, IncomingResponse
from llmgate.testing import (
    Canned,
    CannedTransport,
    FakeProvider,
    cassette,
    server,
    with_transport,
)
from llmgate.types import Chunk, Completion

REQUEST = HttpRequest("POST", "https://a.invalid", {"Authorization": "Bearer secret"}, b"{}")
USER = [{"role": "user", "content": "Hi"}]
ANSWER = b'{"say": "Hi", "end": "done"}'


def opened(transport: CannedTransport) -> IncomingResponse:
    return asyncio.run(transport.open(REQUEST, Timeout()))


def read_all(reply: IncomingResponse, times: int) -> list[bytes]:
    async def read() -> list[bytes]:
        return [await reply.read() for _ in range(times)]

    return asyncio.run(read())


@pytest.mark.parametrize("body", [b"whole", [b"who", b"", b"le"]])
def test_gives_the_pieces_one_by_one(body: bytes | list[bytes]) -> None:
    """A body comes in its pieces and then ends, for good; an empty piece would be the end."""
    reply = opened(CannedTransport([Canned(201, {"X-Request-ID": "r"}, body)]))
    assert (201, {"x-request-id": "r"}) == (reply.status, reply.headers)
    pieces = [b"whole"] if body == b"whole" else [b"who", b"le"]
    assert [*pieces, b"", b""] == read_all(reply, len(pieces) + 2)


def test_breaks_off_where_it_is_told_to() -> None:
    """``then`` is raised in place of the end."""
    reply = opened(CannedTransport([Canned(body=b"half", then=ReadError("reset"))]))
    assert [b"half"] == read_all(reply, 1)
    with pytest.raises(ReadError, match="reset"):
        read_all(reply, 1)


def test_hangs_where_it_is_told_to() -> None:
    """With ``hang`` nothing more comes until the reader is cancelled."""
    reply = opened(CannedTransport([Canned(body=b"half", hang=True)]))

    async def read_twice() -> bytes:
        async with asyncio.timeout(0.01):
            return await reply.read() + await reply.read()

    with pytest.raises(TimeoutError):
        asyncio.run(read_twice())


def test_counts_what_is_left_open() -> None:
    """Each reply is closed once, however often it is told, and is not read afterwards."""
    transport = CannedTransport([Canned()])
    reply = opened(transport)
    assert 1 == transport.still_open
    reply.close()
    reply.close()
    assert (1, 1, 0) == (transport.opened, transport.closed, transport.still_open)
    with pytest.raises(ClosedError):
        read_all(reply, 1)
    asyncio.run(transport.aclose())


def test_keeps_requests_out_of_sight() -> None:
    """Requests are kept as they were sent, and no ``repr`` shows their credentials."""
    transport = CannedTransport([Canned()])
    opened(transport)
    assert [REQUEST] == transport.requests
    assert "secret" not in f"{transport!r}{transport.requests!r}"


def test_raises_an_error_in_place_of_a_reply() -> None:
    """A connection may fail, and there may be no reply left."""
    transport = CannedTransport([ConnectError("refused")])
    with pytest.raises(ConnectError):
        opened(transport)
    with pytest.raises(RequestError, match="no reply is left"):
        opened(transport)
    assert (2, 0) == (len(transport.requests), transport.opened)


def test_asks_a_callable() -> None:
    """Replies may depend on the request."""
    transport = CannedTransport(lambda request: Canned(body=request.method.encode()))
    assert [b"POST"] == read_all(opened(transport), 1)


class Slotted(Provider):
    """A provider that keeps its settings in slots."""

    protocol = 2
    __slots__ = ("_inner",)
    name = "fake"

    def __init__(self) -> None:
        self._inner = FakeProvider()

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        return self._inner.complete(call)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        return self._inner.stream(call)


@pytest.mark.parametrize("make", [FakeProvider, Slotted])
def test_takes_the_place_of_the_network(make: Callable[[], Provider]) -> None:
    """Any provider runs over it, in a whole client; the provider itself is left as it is."""
    transport, provider = CannedTransport([Canned(body=ANSWER)]), make()
    rerouted = with_transport(provider, transport)
    assert isinstance(rerouted, type(provider))
    assert provider.transport is not transport

    async def ask() -> str:
        async with Client(providers={"fake": rerouted}) as client:
            return (await client.acompletion("fake/x", USER)).text

    assert "Hi" == asyncio.run(ask())
    assert 0 == transport.still_open


def test_a_broken_stream_keeps_what_came() -> None:
    """A connection that breaks while a stream is read is a truncated stream, and is closed."""
    transport = CannedTransport([Canned(body=b'{"say": "Hi"}\n', then=ReadError("reset"))])

    async def ask() -> StreamTruncatedError:
        provider = with_transport(FakeProvider(), transport)
        async with Client(providers={"fake": provider}) as client:
            stream = await client.acompletion("fake/x", USER, stream=True)
            with pytest.raises(StreamTruncatedError) as raised:
                await stream.completion()
            return raised.value

    error = asyncio.run(ask())
    assert error.partial is not None
    assert ("Hi", 0) == (error.partial.text, transport.still_open)


@pytest.mark.parametrize("one", ["Hello", b"Hello", Canned(), RequestError("no"), 5])
def test_one_thing_in_place_of_a_list_is_refused(tmp_path: Path, one: Any) -> None:
    """Also a text, which would be taken for its characters: ``Hello`` was answered ``H``."""
    calls: dict[str, Callable[[], object]] = {
        "answers": lambda: FakeProvider(one),
        "replies": lambda: CannedTransport(one),
        "script": lambda: server(one),
        "models": lambda: server(models=one),
        "ignore": lambda: cassette(tmp_path / "x.json", ignore=one),
    }
    for path, call in calls.items():
        with pytest.raises(InvalidRequestError, match=f"^{path}: expected a list, got "):
            call()
