"""Reuse, cancellation, abandonment, pools, loops, threads, forks and the interpreter's exit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from llmgate.errors import LLMGateError, NotFoundError, ReadError
from tests.faults import life_awaits, life_cancel, life_leave, life_loops, life_pool, life_process
from tests.faults.calls import AT_ONCE
from tests.faults.peer import Peer, Step
from tests.faults.server import close, hang, head, noting, reply, reset, then
from tests.faults.stage import good, open_stage
from tests.faults.table import Case, Player, Scene, raises
from tests.machine import wait_for_async

__all__ = ["CASES"]

# --- reuse --------------------------------------------------------------------------------


async def _reused(player: Player) -> None:
    """Answers leave their connection for the next call, and so do refusals."""
    no = player.dialect.error(404)
    async with open_stage(player, good(player), no, good(player), no, good(player)) as stage:
        for expected in (None, NotFoundError, None, NotFoundError, None):
            outcome = await stage.call()
            assert expected is (outcome.error and type(outcome.error))
        assert 1 == stage.server.connections


async def _reused_by_many(player: Player) -> None:
    """Twenty calls at once through two connections, and then one."""
    async with open_stage(player, good(player), limit=2) as stage:
        await asyncio.gather(*(stage.healthy() for _ in range(20)))
        await stage.healthy()
        assert 21 == len(stage.server.requests)
        assert stage.server.connections <= 2


def followed_by(*parts: bytes) -> Callable[[Player], Step]:
    """A good answer, and something after it while the connection rests."""

    def made(player: Player) -> Step:
        async def step(peer: Peer) -> None:
            await peer.send(good(player), *parts, pause=0.01)

        return step

    return made


def ended_by(last: Callable[[Peer], Coroutine[Any, Any, None]]) -> Callable[[Player], Step]:
    """A good answer, and the end of the connection while it rests."""

    def made(player: Player) -> Step:
        async def step(peer: Peer) -> None:
            await peer.send(good(player))
            await asyncio.sleep(0.01)
            await last(peer)

        return step

    return made


async def _shut(peer: Peer) -> None:
    peer.transport.write_eof()
    await peer.gone.wait()


def rest(name: str, first: Callable[[Player], Step], *, reused: bool = False) -> Scene:
    """What happens to a connection while it rests does no harm to the next call."""

    async def scene(player: Player) -> None:
        over = list[bool]()
        step = noting(first(player), over)
        async with open_stage(player, step, good(player), limit=1) as stage:
            await stage.healthy()
            assert await wait_for_async(lambda: bool(over))
            await asyncio.sleep(0.05)
            outcome = await stage.healthy()
            assert outcome.answer is not None
            replicate_stream = player.dialect.name == "replicate" and player.stream
            assert (2 if replicate_stream else 1) == len(outcome.answer.attempts)
            assert (1 if reused else 2) == stage.server.connections
            assert 2 == len(stage.server.requests)

    return Scene(name, scene)


def _closing(player: Player) -> Step:
    """An answer that says its connection will close, and does."""
    answer = good(player).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    return then(answer, last=close)


def _closing_late(player: Player) -> Step:
    """An answer that says so, and leaves it to the client."""
    answer = good(player).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    return then(answer, last=hang)


def _of_version_1_0(player: Player) -> Step:
    """An answer of HTTP/1.0, whose connection is not kept."""
    body = good(player).partition(b"\r\n\r\n")[2]
    if player.stream:
        body = b"".join(player.dialect.events)
    return then(b"HTTP/1.0 200 OK\r\n\r\n" + body, last=close)


HALF = b"HTTP/1.1 204 Another\r\n"
RESTS = (
    rest("a connection that rests", good, reused=True),
    rest("a connection that ends while it rests", ended_by(close)),
    rest("a connection that is reset while it rests", ended_by(reset)),
    rest("a connection that half-closes while it rests", ended_by(_shut)),
    rest("a refusal while a connection rests", followed_by(reply(408))),
    rest("an answer while a connection rests", followed_by(reply(200, body={}))),
    rest("nonsense while a connection rests", followed_by(b"\x00\xff nonsense \r\n\r\n")),
    rest("half a head while a connection rests", followed_by(b"HTTP/1.1 200 OK\r\nX-")),
    rest("a part of a head with an answer", lambda p: good(p) + b"H"),
    rest("half a head with an answer", lambda p: good(p) + b"HTTP/1.1 200 OK\r\nX-"),
    rest("half a head with an answer, within a value", lambda p: good(p) + HALF + b"X: y"),
    rest("an answer that closes its connection", _closing),
    rest("an answer that says it closes its connection", _closing_late),
    rest("an answer of HTTP/1.0", _of_version_1_0),
)

# --- races --------------------------------------------------------------------------------


def race(name: str, last: Step) -> Scene:
    """A kept connection that ends as we write on it, without a word of a reply or with one."""

    async def scene(player: Player) -> None:
        asides = 1 if player.dialect.name == "replicate" and player.stream else 0
        async with open_stage(player, good(player), last, good(player)) as stage:
            await stage.healthy()
            outcome = await stage.call()
            raises(ReadError)(outcome)
            assert isinstance(outcome.error, LLMGateError)
            assert 1 + asides == len(outcome.error.attempts)
            assert 2 == len(stage.server.requests)
            await stage.healthy()

    return Scene(name, scene)


async def _races_twice(player: Player) -> None:
    """Each counts; a policy may then try again what does no harm twice."""
    if not (player.dialect.idempotent or player.stream):
        return  # it is not tried a second time, as the scenes above show
    steps = (good(player), close, close, good(player))
    async with open_stage(player, *steps, retry=AT_ONCE) as stage:
        await stage.healthy()
        outcome = await stage.healthy()
        assert outcome.answer is not None
        asides = 1 if player.dialect.name == "replicate" else 0
        assert 3 + asides == len(outcome.answer.attempts)
        assert 4 == len(stage.server.requests)


async def _fresh_connection(player: Player) -> None:
    """Nor is a request sent again on a connection that had not served before."""
    async with open_stage(player, close, good(player)) as stage:
        raises(ReadError)(await stage.call())
        assert 1 == len(stage.server.requests)
        await stage.healthy()


RACES = (
    race("a connection that ends as we write", close),
    race("a connection that is reset as we write", reset),
    race("a connection that half-closes as we write", _shut),
    race("a connection that ends after a word", then(b"HTTP/1.1 2", last=close)),
    race("a connection that is reset after a word", then(b"H", last=reset)),
    race(
        "a connection that ends after an informational reply",
        then(head(103), last=close),
    ),
)

CASES: tuple[Case | Scene, ...] = (
    Scene("a connection is used again", _reused),
    Scene("twenty calls through two connections", _reused_by_many),
    *RESTS,
    *RACES,
    Scene("a connection that ends as we write, twice", _races_twice),
    Scene(
        "a fresh connection that ends as we write",
        _fresh_connection,
        # the stream of a prediction comes by a connection that has served already
        providers=("openai", "azure", "anthropic", "cohere"),
    ),
    *life_awaits.CASES,
    *life_cancel.CASES,
    *life_pool.CASES,
    *life_leave.CASES,
    *life_loops.CASES,
    *life_process.CASES,
)
