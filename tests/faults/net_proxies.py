"""Proxies: tunnels, refusals, silence, those of the environment and its exceptions, passwords."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Mapping
from itertools import repeat
from typing import Any

from llmgate.errors import (
    BadRequestError,
    ConnectError,
    DeadlineExceededError,
    ReadError,
    ServerError,
    TLSError,
)
from tests.faults.calls import AT_ONCE, KEY, SLACK, limits
from tests.faults.networks import black_hole, free_port, server_tls, trusting, tunnel
from tests.faults.peer import Peer, Step
from tests.faults.server import FaultServer, close, hang, head, reply, reset, then, trickle, until
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    raises,
    serving,
)

__all__ = ["CASES"]

PASSWORD = "canary-of-the-proxy"
SECURE: Mapping[str, Any] = {"tls": server_tls()}
PLAIN: Mapping[str, Any] = {}


async def called_by(proxy: str, player: Player, server: FaultServer, **settings: Any) -> Outcome:
    """A call by way of a proxy; nothing of what comes of it shows the proxy's password."""
    settings = {"verify": trusting(), "proxy": proxy, **settings}
    async with calling(player, server.url, settings) as client:
        assert PASSWORD not in repr(client)
        outcome = await player.call(client, server)
    check_always(outcome)
    if outcome.error is not None:
        told = [*traceback.format_exception(outcome.error), str(vars(outcome.error))]
        assert PASSWORD not in str(told)
        assert PASSWORD.encode() not in pickle.dumps(outcome.error)
    return outcome


def by_proxy(
    name: str,
    check: Check,
    step: Step,
    *,
    target: Mapping[str, Any] = SECURE,
    within: float = 3.0,
    asked: int | None = 1,
    **settings: Any,
) -> Scene:
    """A call that goes by a proxy which does this, instead of passing it on."""

    async def scene(player: Player) -> None:
        dialect = player.dialect
        with (
            dialect.serve(dialect.reply(), **target) as server,
            FaultServer(step) as proxy,
        ):
            address = f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"
            outcome = await called_by(address, player, server, **settings)
            check(outcome)
            assert outcome.own_seconds <= within + SLACK
            assert 0 == server.connections
            assert asked in (None, len(proxy.requests))
            for seen in proxy.requests:
                assert seen.headers["proxy-authorization"].startswith("Basic ")
                assert target is PLAIN or KEY not in str(seen), "the key is the server's alone"

    return Scene(name, scene, timed=within < 1.0)


# --- proxies that pass it on --------------------------------------------------------------


async def _passed_on(player: Player) -> None:
    """By CONNECT, with each password where it belongs; the connection serves the next call."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    with dialect.serve(good, **SECURE) as server, FaultServer(on_connect=tunnel) as proxy:
        address = f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"
        settings = {"verify": trusting(), "proxy": address, "limit": 1}
        async with calling(player, server.url, settings) as client:
            for _ in range(3):
                answers()(await player.call(client, server))
        (connect,) = proxy.requests
        assert ("CONNECT", f"127.0.0.1:{server.port}") == (connect.method, connect.target)
        assert connect.headers["proxy-authorization"].startswith("Basic ")
        assert KEY not in str(connect)
        for seen in server.requests:
            assert "proxy-authorization" not in seen.headers
            assert PASSWORD not in str(seen)


async def _passed_on_in_the_clear(player: Player) -> None:
    """An http address goes to the proxy whole, and is answered by it."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    with dialect.serve(good) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        async with calling(player, "http://api.example/v1", {"proxy": address}) as client:
            outcome = await player.call(client, proxy)
            # the stream of a prediction is at an address that this server gives
            if not (player.stream and dialect.name == "replicate"):
                assert proxy.requests[0].target.startswith("http://api.example/")
                assert "api.example" == proxy.requests[0].headers["host"]
        check_always(outcome)
        answers()(outcome)


async def _by_tls(player: Player) -> None:
    """A proxy that is itself spoken to by TLS, with a certificate that is looked at."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    for names, target, check in (
        (("127.0.0.1",), PLAIN, answers()),
        (("127.0.0.1",), SECURE, answers()),
        (("other.example",), SECURE, raises(TLSError)),
    ):
        tls = server_tls(*names)
        if target is PLAIN and player.stream and dialect.name == "replicate":
            continue  # the stream of a prediction is at an address that this server gives
        meet = {"on_connect": tunnel} if target is SECURE else {}
        with (
            dialect.serve(good, **target) as server,
            dialect.serve(good, tls=tls, **meet) as proxy,
        ):
            outcome = await called_by(f"https://127.0.0.1:{proxy.port}", player, server)
            check(outcome)


async def _other_certificate_behind(player: Player) -> None:
    """A server behind a proxy whose certificate is for another: a man in the middle."""
    dialect = player.dialect
    with (
        dialect.serve(dialect.reply(), tls=server_tls("other.example")) as server,
        FaultServer(on_connect=tunnel) as proxy,
    ):
        outcome = await called_by(f"http://127.0.0.1:{proxy.port}", player, server)
        raises(TLSError)(outcome)
        assert [] == server.requests


async def _refused_behind(player: Player) -> None:
    """A proxy to which nobody listens, or which is a black hole."""
    dialect = player.dialect
    with dialect.serve(dialect.reply(), **SECURE) as server:
        for place, seconds, check in (
            (free_port, 5.0, raises(ConnectError)),
            (black_hole, 0.15, raises(DeadlineExceededError, phase="connect")),
        ):
            with place(server) as url:
                address = url.removesuffix("/v1").replace("//", f"//me:{PASSWORD}@")
                timeout = limits(total=5, connect=seconds)
                check(await called_by(address, player, server, timeout=timeout))
        assert 0 == server.connections


async def _leave_the_tunnel(player: Player) -> None:
    """A limit that passes in a tunnel closes it to its end; the pool of one goes on."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    over = threading.Event()
    step = until(over, hang, good)
    with dialect.serve(step, **SECURE) as server, FaultServer(on_connect=tunnel) as proxy:
        settings = {"verify": trusting(), "proxy": f"http://127.0.0.1:{proxy.port}", "limit": 1}
        async with calling(player, server.url, settings) as client:
            outcome = await player.call(client, server, timeout=0.2)
            raises(DeadlineExceededError)(outcome)
            over.set()
            answers()(await player.call(client, server))


# --- proxies that do not ------------------------------------------------------------------


def says(status: int, check: Check) -> Check:
    def checked(outcome: Outcome) -> None:
        check(outcome)
        assert str(status) in str(outcome.error)

    return checked


async def _refusals(player: Player) -> None:
    """A proxy that says no to a tunnel: no connection, and what it says is shown."""
    statuses = (300, 400, 401, 403, 407, 429, 500, 502, 503, 504)
    async with (
        serving(player.dialect.serve(player.dialect.reply(), **SECURE)) as server,
        serving(FaultServer(*map(reply, statuses))) as proxy,
    ):
        for status in statuses:
            address = f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"
            says(status, raises(ConnectError))(await called_by(address, player, server))
        assert 0 == server.connections


async def answer_greeting(peer: Peer) -> None:
    """Say yes, and answer the greeting of TLS by a page."""
    await peer.send(head(200))
    await peer.arrived()
    await peer.send(reply(400))
    await hang(peer)


SHORT: dict[str, Any] = {"timeout": limits(total=0.2), "within": 0.2, "asked": None}
LATE = raises(DeadlineExceededError, phase="connect")

SILENT = (
    by_proxy("a proxy that never answers", LATE, hang, **SHORT),
    by_proxy(
        "a proxy that never answers, by the limit of connecting",
        LATE,
        hang,
        timeout=limits(total=5, connect=0.15),
        within=0.15,
        asked=None,
    ),
    by_proxy(
        "a proxy that stops within its answer", LATE, then(b"HTTP/1.1 200 O", last=hang), **SHORT
    ),
    by_proxy("a proxy that says yes, and then nothing", LATE, head(200), **SHORT),
    by_proxy(
        "a proxy with endless headers",
        raises(DeadlineExceededError, ConnectError),
        trickle(b"HTTP/1.1 200 OK\r\n", pieces=repeat(b"X-More: and more\r\n"), pause=0.01),
        **SHORT,
    ),
    by_proxy(
        "a proxy that never answers in the clear",
        raises(DeadlineExceededError, phase="total"),
        hang,
        target=PLAIN,
        **SHORT,
    ),
)

WRONG = (
    by_proxy(
        "a proxy that demands a login",
        says(407, raises(ConnectError)),
        reply(407, proxy_authenticate='Basic realm="x"'),
    ),
    by_proxy(
        "a proxy that demands a login in the clear",
        raises(BadRequestError, status=407),
        reply(407),
        target=PLAIN,
    ),
    by_proxy(
        "a proxy that fails in the clear",
        raises(ServerError, status=502),
        reply(502, b"<html>"),
        target=PLAIN,
    ),
    by_proxy(
        "a proxy that sends elsewhere",
        says(302, raises(ConnectError)),
        reply(302, location="http://127.0.0.1:9/"),
    ),
    by_proxy("a proxy that ends at once", raises(ConnectError), close),
    by_proxy("a proxy that resets at once", raises(ConnectError), reset),
    by_proxy(
        "a proxy that ends within its answer",
        raises(ConnectError),
        then(b"HTTP/1.1 200", last=close),
    ),
    by_proxy("a proxy that is none", raises(ConnectError), b"SSH-2.0-OpenSSH_9.6\r\n"),
    by_proxy(
        "a proxy that says yes, and ends",
        raises(ConnectError, TLSError),
        then(head(200), last=close),
    ),
    by_proxy(
        "a proxy that says yes, and resets",
        raises(ConnectError, TLSError),
        then(head(200), last=reset),
    ),
    by_proxy("a proxy that says yes, and speaks no TLS", raises(TLSError), answer_greeting),
    by_proxy("a proxy that ends in the clear", raises(ReadError), close, target=PLAIN),
    by_proxy(
        "a proxy that refuses, three times",
        raises(ConnectError),
        reply(503),
        asked=3,
        retry=AT_ONCE,
    ),
)

CASES: tuple[Case | Scene, ...] = (
    Scene("a proxy that passes it on", _passed_on),
    Scene("a proxy that passes it on in the clear", _passed_on_in_the_clear),
    Scene("a proxy that is spoken to by TLS", _by_tls),
    Scene("another certificate behind a proxy", _other_certificate_behind),
    Scene("no proxy where one was named", _refused_behind),
    Scene("a limit that passes in a tunnel", _leave_the_tunnel),
    Scene("proxies that refuse", _refusals),
    *SILENT,
    *WRONG,
)
