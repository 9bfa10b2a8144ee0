"""Bad networks to play faults in: names, holes that swallow connections, certificates, proxies.

It makes them and takes them away again; what is right on them is said in ``net``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

import trustme

from llmgate.errors import LLMGateError
from tests.faults.peer import Peer
from tests.faults.server import FaultServer
from tests.faults.table import Check, Outcome

__all__ = [
    "AUTHORITY",
    "Address",
    "Resolver",
    "at",
    "black_hole",
    "deaf",
    "free_port",
    "named",
    "server_tls",
    "shaking",
    "tried",
    "trusting",
    "tunnel",
]

Address: TypeAlias = Callable[[FaultServer], AbstractContextManager[str]]
"""Where a call goes: what :class:`~tests.faults.table.Case` enters for its base URL."""


def at(url: str) -> Address:
    """This address, in which ``{port}`` is the server's port."""

    @contextmanager
    def entered(server: FaultServer) -> Generator[str]:
        yield url.replace("{port}", str(server.port))

    return entered


# --- places where nobody answers ----------------------------------------------------------


@contextmanager
def free_port(server: FaultServer) -> Generator[str]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}/v1"


@contextmanager
def deaf(server: FaultServer) -> Generator[str]:
    """A port where connections are made, and nobody ever takes them up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def black_hole(
    server: FaultServer | None = None, host: str = "127.0.0.1", port: int = 0
) -> Generator[str]:
    """A port that swallows every attempt to connect: its backlog is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind((host, port))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://{host}:{listener.getsockname()[1]}/v1"


# --- names --------------------------------------------------------------------------------

Resolver: TypeAlias = Callable[[int], Any]
"""Is handed a port, and gives what ``getaddrinfo`` would, or raises what it would."""

_names: dict[str, Resolver] = {}
_lock = threading.Lock()
_resolve = socket.getaddrinfo


def _look_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:
    resolver = _names.get(host)
    return _resolve(host, port, *more, **options) if resolver is None else resolver(int(port))


@contextmanager
def named(host: str, resolver: Resolver) -> Generator[None]:
    """The system resolves this name so, and all others as ever; several tests may be in here."""
    with _lock:
        _names[host] = resolver
        socket.getaddrinfo = _look_up
    try:
        yield
    finally:
        with _lock:
            del _names[host]
            if not _names:
                socket.getaddrinfo = _resolve


# --- certificates -------------------------------------------------------------------------

AUTHORITY = trustme.CA()
"""Whom only the tests trust."""


@cache
def server_tls(*names: str, authority: trustme.CA = AUTHORITY, days: float = 0.0) -> ssl.SSLContext:
    """A server's end of TLS, with a certificate for these names, 127.0.0.1 without any.

    ``days`` moves the time at which it is valid into the past or the future.
    """
    start = end = None
    if days:
        start = datetime.now(UTC) + timedelta(days=days)
        end = start + timedelta(days=abs(days) / 2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue_cert(*(names or ("127.0.0.1",)), not_before=start, not_after=end)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    """A client's end of TLS that trusts this authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def shaking(context: ssl.SSLContext) -> Callable[[Peer], Awaitable[None]]:
    """What a server does that shakes hands, tells by an alert why not, and then goes.

    A server of asyncio's goes without the alert.
    """

    async def meet(peer: Peer) -> None:
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        hands = context.wrap_bio(heard, said, server_side=True)
        try:
            while not peer.gone.is_set():
                await peer.arrived()
                heard.write(peer.taken())
                with suppress(ssl.SSLWantReadError):
                    hands.do_handshake()
                    break
                await peer.send(said.read())
        except ssl.SSLError:
            pass
        await peer.send(said.read())
        peer.close()

    return meet


# --- proxies ------------------------------------------------------------------------------


async def tunnel(peer: Peer) -> None:
    """An HTTP proxy that connects to whatever it is asked for."""
    seen = await peer.request()
    if seen is None:
        return
    peer.server.requests.append(seen)
    host, _, port = seen.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    await peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
    peer.data_received = writer.write  # type: ignore[method-assign]
    try:
        while data := await reader.read(65536):
            peer.transport.write(data)
    finally:
        writer.transport.abort()
        peer.close()


# --- what is right on any of them ---------------------------------------------------------


def tried(times: int, check: Check) -> Check:
    """That, after this many attempts."""

    def checked(outcome: Outcome) -> None:
        check(outcome)
        assert isinstance(outcome.error, LLMGateError)
        before = [seen for seen in outcome.server.asides if not seen.target.endswith("/cancel")]
        assert times + len(before) == len(outcome.error.attempts)

    return checked
