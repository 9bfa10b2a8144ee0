"""The network: names, refusals, black holes, resets at every stage, strangers; TLS and proxies."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    ReadError,
    StreamTruncatedError,
)
from tests.faults import net_proxies, net_tls
from tests.faults.calls import AT_ONCE, SLACK, limits
from tests.faults.dialects import TEXT
from tests.faults.networks import (
    Address,
    Resolver,
    at,
    black_hole,
    deaf,
    free_port,
    named,
)
from tests.faults.server import (
    STREAM_HEAD,
    FaultServer,
    Peer,
    Step,
    close,
    hang,
    reset,
    then,
)
from tests.faults.several import several
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
    together,
)

__all__ = ["CASES"]


def both(name: str, check: Check, step: Step = hang, **more: Any) -> Case:
    """A case in which the server does the same whether it was asked for a stream or not."""
    return Case(name, check, unary=lambda _: [step], stream=lambda _: [step], **more)


def well(name: str, **more: Any) -> Case:
    """A case that goes well."""
    return Case(
        name, answers(), unary=lambda d: [d.reply()], stream=lambda d: [d.streamed()], **more
    )


def tried(times: int, check: Check) -> Check:
    """That, after this many attempts."""

    def checked(outcome: Outcome) -> None:
        check(outcome)
        assert isinstance(outcome.error, LLMGateError)
        before = [seen for seen in outcome.server.asides if not seen.target.endswith("/cancel")]
        assert times + len(before) == len(outcome.error.attempts)

    return checked


def naming(text: str, check: Check) -> Check:
    """That, by an error which says this."""

    def checked(outcome: Outcome) -> None:
        check(outcome)
        assert text in str(outcome.error), str(outcome.error)

    return checked


# --- names --------------------------------------------------------------------------------


def resolved_by(resolver: Resolver, scheme: str = "http") -> Address:
    """An address under a name of its own, which is resolved so."""

    @contextmanager
    def entered(server: FaultServer) -> Generator[str]:
        host = f"h{server.port}.test"
        with named(host, resolver):
            yield f"{scheme}://{host}:{server.port}/v1"

    return entered


def failing(error: Exception) -> Resolver:
    """Every look-up raises this."""

    def resolve(_: int) -> Any:
        raise error

    return resolve


def found(*hosts: str) -> Resolver:
    """The addresses that a look-up gives."""

    def resolve(port: int) -> Any:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in hosts
        ]

    return resolve


@contextmanager
def slow_name(server: FaultServer) -> Generator[str]:
    """A name whose look-up never ends."""
    over = threading.Event()
    host = f"slow{server.port}.test"

    def resolve(port: int) -> Any:
        over.wait(5)
        raise socket.gaierror(socket.EAI_AGAIN, "slow")

    with named(host, resolve):
        try:
            yield f"http://{host}:{server.port}/v1"
        finally:
            over.set()


@contextmanager
def hole_beside(server: FaultServer) -> Generator[str]:
    """A name with two addresses, of which the first swallows whoever connects."""
    host = f"h{server.port}.test"
    with (
        black_hole(host="127.0.0.2", port=server.port),
        named(host, found("127.0.0.2", "127.0.0.1")),
    ):
        yield f"http://{host}:{server.port}/v1"


NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

NAMES = (
    both(
        "a name that does not exist", raises(ConnectError), address=at("http://no-such.invalid/v1")
    ),
    both("a name not known", raises(ConnectError), address=resolved_by(failing(NO_NAME))),
    both(
        "a name that cannot be looked up for now, three times",
        tried(3, raises(ConnectError)),
        address=resolved_by(failing(AGAIN)),
        settings={"retry": AT_ONCE},
    ),
    both(
        "a name without an address",
        raises(ConnectError),
        address=resolved_by(failing(socket.gaierror(socket.EAI_NODATA, "No address"))),
    ),
    both("a look-up that finds nothing", raises(ConnectError), address=resolved_by(found())),
    both(
        "a look-up that fails for want of files",
        raises(ConnectError),
        address=resolved_by(failing(OSError(errno.EMFILE, "Too many open files"))),
    ),
    both(
        "a look-up that raises what is no error of the network",
        raises(ConnectError),
        address=resolved_by(failing(UnicodeError("label empty or too long"))),
    ),
    both(
        "a label of 70 characters",
        raises(ConnectError, InvalidRequestError),
        address=at(f"http://{'x' * 70}.invalid/v1"),
    ),
    both(
        "an empty label",
        raises(ConnectError, InvalidRequestError),
        address=at("http://a..invalid/v1"),
    ),
    both(
        "a name of a thousand characters",
        raises(ConnectError, InvalidRequestError),
        address=at(f"http://{'x.' * 500}invalid/v1"),
    ),
    both(
        "a look-up that never ends",
        raises(DeadlineExceededError, phase="connect"),
        address=slow_name,
        settings={"timeout": limits(total=0.2)},
        within=0.2,
    ),
    both(
        "a look-up that never ends, by the limit of connecting",
        raises(DeadlineExceededError, phase="connect"),
        address=slow_name,
        settings={"timeout": limits(total=5, connect=0.15)},
        within=0.15,
    ),
    well(
        "a name with two addresses, the first refused",
        address=resolved_by(found("::1", "127.0.0.1")),
    ),
    well(
        "a name with many addresses, all but the last refused",
        address=resolved_by(found("127.0.0.2", "127.0.0.3", "::1", "127.0.0.4", "127.0.0.1")),
    ),
    well(
        "a name with two addresses, the first unreachable",
        address=resolved_by(found("255.255.255.255", "127.0.0.1")),
    ),
    well("a name with two addresses, the first a black hole", address=hole_beside, within=0.5),
    both(
        "a name with two addresses, both refused",
        raises(ConnectError),
        address=resolved_by(found("::1", "127.0.0.2")),
    ),
)


async def _two_ask_for_one_name(player: Player) -> None:
    """Two calls wait for one look-up; the first is cancelled, and the second is answered."""
    over = threading.Event()

    def resolve(port: int) -> Any:
        over.wait(5)
        return found("127.0.0.1")(port)

    dialect = player.dialect
    with dialect.serve(dialect.streamed() if player.stream else dialect.reply()) as server:
        host = f"two{server.port}.test"
        with named(host, resolve):
            async with calling(player, f"http://{host}:{server.port}/v1", {}) as client:
                first = asyncio.ensure_future(player.call(client, server))
                second = asyncio.ensure_future(player.call(client, server))
                await asyncio.sleep(0.05)
                first.cancel()
                await asyncio.wait({first})
                over.set()
                outcome = await second
    answers()(outcome)


# --- nobody is there ----------------------------------------------------------------------

UNREACHABLE = ("255.255.255.255", "224.0.0.1", "[ff02::1]", "[fe80::1]")

ABSENT = (
    both(
        "refused",
        tried(1, naming("127.0.0.1:", raises(ConnectError))),
        address=free_port,
        requests=0,
    ),
    both(
        "refused, three times",
        tried(3, raises(ConnectError)),
        address=free_port,
        settings={"retry": AT_ONCE},
        requests=0,
    ),
    together(
        "unreachable",
        *(
            both(host, raises(ConnectError), address=at(f"http://{host}:9/v1"))
            for host in UNREACHABLE
        ),
    ),
    both("port 0", raises(ConnectError, InvalidRequestError), address=at("http://127.0.0.1:0/v1")),
    both(
        "a black hole",
        raises(DeadlineExceededError, phase="connect"),
        address=black_hole,
        settings={"timeout": limits(total=0.2)},
        within=0.2,
    ),
    both(
        "a black hole, by the limit of connecting",
        raises(DeadlineExceededError, phase="connect"),
        address=black_hole,
        settings={"timeout": limits(total=5, connect=0.15)},
        within=0.15,
    ),
    both(
        "a black hole, three times within one limit",
        raises(DeadlineExceededError),
        address=black_hole,
        settings={"timeout": limits(total=0.25, connect=0.1), "retry": AT_ONCE},
        within=0.25,
    ),
    both(
        "nobody takes the connection up",
        raises(DeadlineExceededError, phase="total"),
        address=deaf,
        settings={"timeout": limits(total=0.2)},
        within=0.2,
    ),
)


# --- connections that break ---------------------------------------------------------------


async def shut(peer: Peer) -> None:
    """Say that nothing more comes, and go on listening."""
    peer.transport.write_eof()
    await peer.gone.wait()


ENDS = {"end": close, "reset": reset, "half-close": shut}


def on_connect(step: Step) -> dict[str, Any]:
    """A server that does this before it is asked anything."""

    async def met(peer: Peer) -> None:
        if isinstance(step, bytes):
            await peer.send(step)
            await peer.gone.wait()
        else:
            await step(peer)

    return {"on_connect": met}


async def part_of_request(peer: Peer) -> None:
    """Reset as soon as anything of a request has come."""
    await peer.arrived()
    peer.reset()


def after_head(last: Any) -> Any:
    """The head of an answer, and then its connection's end."""
    return lambda dialect: [then(dialect.reply().partition(b"{")[0], last=last)]


@contextmanager
def _opened_late(server: FaultServer) -> Generator[str]:
    """A name that leads nowhere at first, and to the server from the second look-up on."""
    host, looked = f"late{server.port}.test", list[int]()

    def resolve(port: int) -> Any:
        looked.append(port)
        if len(looked) == 1:
            raise AGAIN
        return found("127.0.0.1")(port)

    with named(host, resolve):
        yield f"http://{host}:{server.port}/v1"


BREAKS = (
    *(
        # a reset may come while the connection is being made
        both(
            f"{name} as soon as connected", raises(ReadError, ConnectError), server=on_connect(last)
        )
        for name, last in ENDS.items()
    ),
    *(
        # where another request went before it on the same connection, it is replayed once
        both(f"{name} after the request", tried(1, raises(ReadError)), last, requests=2)
        for name, last in ENDS.items()
    ),
    both("reset within the request", raises(ReadError), server=on_connect(part_of_request)),
    *(
        both(f"{name} within the status line", raises(ReadError), then(b"HTTP/1.1 20", last=last))
        for name, last in ENDS.items()
    ),
    *(
        both(
            f"{name} within the headers",
            raises(ReadError),
            then(b"HTTP/1.1 200 OK\r\nContent-Type: appl", last=last),
        )
        for name, last in ENDS.items()
    ),
    *(
        Case(f"{name} after the headers", raises(ReadError), unary=after_head(last))
        for name, last in ENDS.items()
    ),
    *(
        Case(
            f"{name} after a stream's headers",
            raises(StreamTruncatedError, partial=""),
            stream=lambda d, last=last: [then(STREAM_HEAD, last=last)],
        )
        for name, last in ENDS.items()
    ),
    *(
        Case(
            f"{name} within a stream",
            raises(StreamTruncatedError, partial=TEXT),
            stream=lambda d, last=last: [then(d.streamed(*d.begun, last=b""), last=last)],
        )
        for name, last in ENDS.items()
    ),
    *(
        Case(
            f"{name} when all is said",
            answers(),
            unary=lambda d, last=last: [then(d.reply(), last=last)],
            stream=lambda d, last=last: [then(d.streamed(last=b""), last=last)],
        )
        for name, last in ENDS.items()
    ),
    Case(
        "half an answer without a length that is reset",
        raises(ReadError, DecodeError),
        unary=lambda d: [
            then(b"HTTP/1.1 200 OK\r\n\r\n" + d.reply().partition(b"\r\n\r\n")[2][:-20], last=reset)
        ],
    ),
    Case(
        "an answer without a length that ends",
        answers(),
        unary=lambda d: [
            then(b"HTTP/1.1 200 OK\r\n\r\n" + d.reply().partition(b"\r\n\r\n")[2], last=close)
        ],
    ),
    both(
        "a reset after the request, three times",
        tried(3, raises(ReadError)),
        reset,
        settings={"retry": AT_ONCE},
        requests=3,
        providers=("openai", "azure", "anthropic", "cohere"),
    ),
    Case(
        # whoever makes a prediction twice is billed twice
        "a reset after a request that may have been done",
        tried(1, raises(ReadError)),
        unary=lambda _: [reset],
        settings={"retry": AT_ONCE},
        providers=("replicate",),
    ),
    Case(
        "a reset, then an answer",
        answers(),
        unary=lambda d: [reset, d.reply()],
        stream=lambda d: [reset, d.streamed()],
        settings={"retry": AT_ONCE},
        requests=2,
        providers=("openai", "azure", "anthropic", "cohere"),
    ),
    Case(
        "refused in the beginning, then an answer",
        answers(),
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        address=_opened_late,
        settings={"retry": AT_ONCE},
    ),
)


async def _cut_anywhere(player: Player) -> None:
    """A reply that ends at any of its bytes, in order or by a reset, is an error of ours."""
    dialect = player.dialect
    whole = dialect.streamed() if player.stream else dialect.reply()
    said = whole.index(dialect.marker) if player.stream and dialect.marker else len(whole)
    head_end = whole.index(b"\r\n\r\n") + 4
    cuts = [*range(1, min(said, len(whole) - 1), 23), head_end - 1, head_end]
    steps = [then(whole[:cut], last=last) for cut in cuts for last in (close, reset)]
    with dialect.serve(*steps) as server:
        async with calling(player, server.url, {}) as client:
            for cut in cuts:
                for _ in range(2):
                    outcome = await player.call(client, server)
                    check_always(outcome)
                    is_stream = player.stream and cut >= head_end
                    raises(StreamTruncatedError if is_stream else ReadError)(outcome)


# --- half-open connections, and strangers -------------------------------------------------


async def _goes_silent(player: Player) -> None:
    """A kept connection that has gone dead costs one call its limit; the next makes another."""
    dialect = player.dialect
    good = dialect.streamed() if player.stream else dialect.reply()
    with dialect.serve(good, hang, good) as server:
        async with calling(player, server.url, {"limit": 1}) as client:
            answers()(await player.call(client, server))
            outcome = await player.call(client, server, timeout=0.15)
            check_always(outcome)
            raises(DeadlineExceededError)(outcome)
            assert outcome.seconds < 0.15 + SLACK
            answers()(await player.call(client, server))
        assert 2 == server.connections


GREETINGS: dict[str, bytes] = {
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"220 mail.example ESMTP ready\r\n",
    "Redis": b"-ERR unknown command 'POST'\r\n",
    "MySQL": b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh\x00",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01",
    "HTTP/2 in words": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "zeros": bytes(500),
    "a request": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
}

# the parser knows RTSP and later versions of HTTP; their replies are then no answers
STRANGERS = several(
    "servers that speak something else",
    raises(ReadError, DecodeError, StreamTruncatedError),
    {
        kind: lambda _, greeting=greeting: [then(greeting, last=close)]
        for kind, greeting in GREETINGS.items()
    },
    streamed=(False, True),
)

CASES: tuple[Case | Scene, ...] = (
    *NAMES,
    Scene(
        "two calls for one name, the first cancelled",
        _two_ask_for_one_name,
        ways=((False, False), (False, True)),
    ),
    *ABSENT,
    *BREAKS,
    Scene("cut anywhere, by its end and by a reset", _cut_anywhere),
    Scene("a kept connection goes silent", _goes_silent),
    STRANGERS,
    *net_tls.CASES,
    *net_proxies.CASES,
)
