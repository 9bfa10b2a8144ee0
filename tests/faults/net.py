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
    InvalidRequestError,
)
from tests.faults import net_breaks, net_environment, net_proxies, net_tls
from tests.faults.calls import AT_ONCE, limits
from tests.faults.networks import (
    Address,
    Resolver,
    at,
    black_hole,
    deaf,
    free_port,
    named,
    tried,
)
from tests.faults.peer import Step
from tests.faults.server import FaultServer, hang
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    answers,
    calling,
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


NAMES = (
    both(
        "a name that does not exist",
        raises(ConnectError),
        address=at("http://no-such.invalid/v1"),
        within=12.0,  # the system asks again after five seconds where a question was lost
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
    Case(
        "no such name at first, then an answer",
        answers(),
        unary=lambda d: [d.reply()],
        stream=lambda d: [d.streamed()],
        address=_opened_late,
        settings={"retry": AT_ONCE},
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


CASES: tuple[Case | Scene, ...] = (
    *NAMES,
    Scene(
        "two calls for one name, the first cancelled",
        _two_ask_for_one_name,
        ways=((False, False), (False, True)),
    ),
    *ABSENT,
    *net_breaks.CASES,
    *net_tls.CASES,
    *net_proxies.CASES,
    *net_environment.CASES,
)
