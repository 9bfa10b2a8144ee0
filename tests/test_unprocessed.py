"""What a connection's end says of the request that was written before it, on real sockets."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llmgate.transports import _unprocessed
from llmgate.transports._unprocessed import RequestMark, has_input

REQUEST = b"POST / HTTP/1.1\r\n\r\n"


class Client(asyncio.Protocol):
    """Marks a request, and asks of it when the connection ends, as a transport does."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.mark: RequestMark | None = None
        self.verdict: bool | None = None
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self) -> None:
        """Write a request."""
        self.mark = RequestMark(self.transport)
        self.transport.write(REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.mark is not None:
            is_reset = isinstance(exc, OSError)
            self.verdict = self.mark.rules_out_processing(self.transport, is_reset=is_reset)
        self.ended.set()


@asynccontextmanager
async def connected() -> AsyncGenerator[tuple[Client, socket.socket]]:
    """A client over asyncio, and the server's plain socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, *listener.getsockname())
        server, _ = listener.accept()
        with server:
            yield client, server
        client.transport.abort()
        await client.ended.wait()


def reset(server: socket.socket) -> None:
    """Leave by a reset."""
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()


def speak(server: socket.socket) -> None:
    """Say what nobody asked for."""
    server.sendall(b"HTTP/1.1 408 \r\n\r\n")


def shut(server: socket.socket) -> None:
    """Say that nothing more comes."""
    server.shutdown(socket.SHUT_WR)


def take(server: socket.socket) -> None:
    """Read the whole request, and acknowledge it at once."""
    taken = b""
    while len(taken) < len(REQUEST):
        taken += server.recv(1000)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def put_off(server: socket.socket) -> None:
    """Have the server's system put off its acknowledgements, for 40 ms."""
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def arrived(server: socket.socket) -> None:
    """Wait until the request is there, and read none of it."""
    select.select([server], [], [], 5)


# --- before a request is written ----------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(socket.socket.close, id="an end"),
        pytest.param(reset, id="a reset"),
        pytest.param(speak, id="words"),
        pytest.param(shut, id="half an end"),
    ],
)
async def test_input_on_an_idle_connection(act: Callable[[socket.socket], object]) -> None:
    """It is seen before the event loop has seen it."""
    async with connected() as (client, server):
        assert not has_input(client.transport)
        act(server)
        ends = time.monotonic() + 5
        while not has_input(client.transport):  # in no turn of the loop
            assert time.monotonic() < ends
        assert not client.ended.is_set()


async def test_a_closed_connection_has_input() -> None:
    """Whatever is written there is lost."""
    async with connected() as (client, _):
        client.transport.abort()
        await client.ended.wait()
        assert has_input(client.transport)


async def test_what_has_no_socket_or_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of it."""
    assert not has_input(None)
    assert not has_input(asyncio.Transport())
    async with connected() as (client, server):
        server.close()
        await asyncio.sleep(0)
        monkeypatch.setattr(_unprocessed, "_CAN_POLL", False)
        assert not has_input(client.transport)


# --- after it was written -----------------------------------------------------------------


async def verdict(act: Callable[[socket.socket], object], *before: Any) -> bool | None:
    """What is said of the end of a connection on which a request was written."""
    async with connected() as (client, server):
        for prepare in before:
            prepare(server)
        client.send()
        act(server)
        await asyncio.wait_for(client.ended.wait(), 5)
    return client.verdict


async def test_a_request_that_was_taken_may_have_been_processed() -> None:
    """However the connection ends then."""

    def take_and_close(server: socket.socket) -> None:
        take(server)
        server.close()

    def take_and_reset(server: socket.socket) -> None:
        take(server)
        reset(server)

    assert await verdict(take_and_close) is False
    assert await verdict(take_and_reset) is False


async def test_a_reset_before_any_acknowledgement() -> None:
    """The request was left unread."""

    def leave(server: socket.socket) -> None:
        arrived(server)
        reset(server)

    # on a busy machine it may take longer than an acknowledgement is put off
    assert True in [await verdict(leave, put_off) for _ in range(5)]


async def test_an_end_before_any_acknowledgement() -> None:
    """An end in order proves nothing: an acknowledgement may come with it."""

    def leave(server: socket.socket) -> None:
        arrived(server)
        server.shutdown(socket.SHUT_WR)

    assert await verdict(leave, put_off) is False


async def test_an_end_sooner_than_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was sent before the request arrived, even if the request is taken later."""
    monkeypatch.setattr(_unprocessed, "_MICROSECOND", 1.0)  # the server seems far away
    for end in (socket.socket.close, reset):

        def take_and_end(server: socket.socket, end: Any = end) -> None:
            take(server)
            end(server)

        assert await verdict(take_and_end) is True


async def test_the_shortest_round_trip_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The average grows where the server puts off its acknowledgements."""
    async with connected() as (client, _):
        real = client.transport.get_extra_info("socket")

        class Fake:
            """A socket of which the system says this."""

            def get_extra_info(self, _: str) -> Any:
                return self

            def getsockopt(self, level: int, option: int, size: int) -> bytes:
                raw = bytearray(real.getsockopt(level, option, size))
                struct.pack_into("=I", raw, 68, 40_000)
                struct.pack_into("=I", raw, 148, 50)
                return bytes(raw)

        fake: Any = Fake()
        mark = RequestMark(fake)
        time.sleep(0.001)  # noqa: ASYNC251 - a millisecond
        assert not mark.rules_out_processing(fake, is_reset=False)


@pytest.mark.parametrize("answer", [OSError(), TypeError(), b"", None])
async def test_a_system_that_does_not_say(answer: Any) -> None:
    """Nothing is ruled out."""

    class Fake:
        """A socket of which the system says nothing."""

        def get_extra_info(self, _: str) -> Any:
            return None if answer is None else self

        def getsockopt(self, *_: int) -> bytes:
            if isinstance(answer, Exception):
                raise answer
            return bytes(answer)

    fake: Any = Fake()
    for transport in (fake, None):
        assert not RequestMark(transport).rules_out_processing(transport, is_reset=True)


async def test_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their record of a connection is laid out in another way."""
    monkeypatch.setattr(_unprocessed, "_IS_LINUX", False)

    def leave(server: socket.socket) -> None:
        arrived(server)
        reset(server)

    assert await verdict(leave, put_off) is False


async def test_a_socket_that_another_connection_has_taken() -> None:
    """Some event loops keep a socket's number after its end: a live one proves nothing."""
    async with connected() as (client, _):
        mark = RequestMark(client.transport)
        await asyncio.sleep(0.01)  # more than a round trip
        assert not mark.rules_out_processing(client.transport, is_reset=True)
