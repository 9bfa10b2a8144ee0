"""Replies written byte by byte: what the families about HTTP and about bodies share.

    broken("a chunk's size is not a number", lambda answer: answer.head(CHUNKED) + b"zz\\r\\n")

It knows no provider; what an answer says, whole or streamed, comes from the dialects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from llmgate.errors import LLMGateError, StreamTruncatedError
from tests.faults.dialect import TEXT, Dialect
from tests.faults.peer import Peer, Step
from tests.faults.server import FaultServer, then
from tests.faults.server import close as close_connection
from tests.faults.table import (
    EVERYONE,
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    Steps,
    answers,
    calling,
    check_always,
    raises,
    serving,
)
from tests.machine import wait_for_async

__all__ = [
    "CHUNKED",
    "Answer",
    "Rows",
    "both",
    "broken",
    "by_kind",
    "cut",
    "flood",
    "in_pieces",
    "in_turn",
    "only",
    "play_lines",
    "steps_of",
    "whole",
]

CHUNKED = "transfer-encoding: chunked"


@dataclass(frozen=True)
class Answer:
    """An answer of one provider, and how to write the reply that holds it."""

    dialect: Dialect
    streamed: bool
    body: bytes

    @property
    def kind(self) -> str:
        """Its content type."""
        return "text/event-stream" if self.streamed else "application/json"

    @property
    def evil(self) -> bytes:
        """The body of another answer, which nobody asked for."""
        if not self.streamed:
            return self.dialect.reply().partition(b"\r\n\r\n")[2].replace(TEXT.encode(), b"EVIL!")
        events = (*self.dialect.opening, self.dialect.piece("EVIL!"), self.dialect.finish)
        return b"".join((*events, self.dialect.marker))

    def head(self, *lines: str, start: str = "HTTP/1.1 200 OK") -> bytes:
        """A status line and headers."""
        kind = [] if any(line.startswith("content-type") for line in lines) else [self.kind]
        named = [f"content-type: {each}" for each in kind]
        return "\r\n".join([start, *named, *lines, "", ""]).encode("latin-1")

    def sized(
        self, *lines: str, start: str = "HTTP/1.1 200 OK", body: bytes | None = None, more: int = 0
    ) -> bytes:
        """A reply with a content length, which may be wrong by some."""
        body = self.body if body is None else body
        return self.head(*lines, f"content-length: {len(body) + more}", start=start) + body

    def until_closed(
        self,
        *lines: str,
        start: str = "HTTP/1.1 200 OK",
        body: bytes | None = None,
        last: Callable[[Peer], Any] = close_connection,
    ) -> Step:
        """A reply whose end is that of the connection."""
        return then(
            self.head(*lines, start=start) + (self.body if body is None else body), last=last
        )

    def chunked(
        self, *lines: str, size: int = 100, form: bytes = b"%x\r\n", last: bytes = b"0\r\n\r\n"
    ) -> bytes:
        """A reply in chunked coding; ``form`` is the line before each chunk."""
        pieces = (self.body[at : at + size] for at in range(0, len(self.body), size))
        chunks = b"".join(form % len(piece) + piece + b"\r\n" for piece in pieces)
        return self.head(CHUNKED, *lines) + chunks + last


Build = Callable[[Answer], Step]


def steps_of(build: Build, *, streamed: bool) -> Steps:
    """The server's one step, for a whole answer or a streamed one."""

    def steps(dialect: Dialect) -> Iterable[Step]:
        body = b"".join(dialect.events) if streamed else dialect.reply().partition(b"\r\n\r\n")[2]
        return [build(Answer(dialect, streamed, body))]

    return steps


# --- lines of the table -------------------------------------------------------------------


def both(name: str, check: Check, build: Build, **more: Any) -> Case:
    """A line for a reply that may be whole or streamed."""
    unary, stream = steps_of(build, streamed=False), steps_of(build, streamed=True)
    return Case(name, check, unary=unary, stream=stream, **more)


def whole(name: str, build: Build, **more: Any) -> Case:
    """A line for a reply that is odd, and an answer."""
    return both(name, answers(), build, **more)


def broken(name: str, build: Build, *kinds: type[LLMGateError], **more: Any) -> Case:
    """A line for a reply that is none: an error of one of these kinds, or a cut stream."""
    return both(name, by_kind(raises(*kinds), cut(*kinds)), build, **more)


def by_kind(unary: Check, streamed: Check) -> Check:
    """What is right for a whole answer, and for a streamed one."""

    def check(outcome: Outcome) -> None:
        (streamed if outcome.streamed else unary)(outcome)

    return check


def cut(*kinds: type[LLMGateError]) -> Check:
    """A stream that broke: what came of it was delivered, and no more than that is its partial."""

    def check(outcome: Outcome) -> None:
        raises(StreamTruncatedError, *kinds)(outcome)
        assert TEXT.startswith(outcome.text), outcome.text
        if isinstance(outcome.error, StreamTruncatedError):
            raises(StreamTruncatedError, partial=outcome.text)(outcome)

    return check


Rows: TypeAlias = tuple[Case | Scene, ...]
Line: TypeAlias = tuple[str, Step, Check]
"""A name, what the server does, and what the caller is to see."""


async def play_lines(player: Player, lines: Iterable[Line]) -> FaultServer:
    """Calls of one client, one after the other; the server is over when it is returned."""
    played = list(lines)
    async with serving(player.dialect.serve(*(step for _, step, _ in played))) as server:
        async with calling(player, server.url, {}) as client:
            for number, (name, _, check) in enumerate(played, 1):
                outcome = await player.call(client, server)
                try:
                    check_always(outcome)
                    check(outcome)
                    assert number == len(server.requests), "it was tried again"
                except AssertionError as failure:
                    raise AssertionError(f"{name}: {failure}") from failure
        assert await wait_for_async(lambda: server.open_connections == 0), "left open"
    return server


def in_turn(name: str, *cases: Case, providers: tuple[str, ...] = EVERYONE) -> Scene:
    """One line for many cases of a kind: calls of one client, one after the other."""

    async def scene(player: Player) -> None:
        fitting = [case for case in cases if (player.sync, player.stream) in case.players]
        steps = (case.steps(player.stream)(player.dialect) for case in fitting)
        lines = zip(fitting, steps, strict=True)
        await play_lines(player, [(case.name, next(iter(s)), case.check) for case, s in lines])

    ways = dict.fromkeys(way for case in cases for way in case.players)
    return Scene(name, scene, providers, tuple(ways))


def only(case: Case) -> Scene:
    """A line that takes long, played whole without awaiting, and streamed with."""
    return Scene(case.name, case.play, case.providers, ((True, False), (False, True)))


# --- what is done -------------------------------------------------------------------------


def in_pieces(*parts: bytes, last: Callable[[Peer], Any] | None = None) -> Step:
    """Parts that arrive one after the other."""

    async def step(peer: Peer) -> None:
        await peer.send(*parts, pause=0.01)
        if last is not None:
            await last(peer)

    return step


def flood(start: bytes, piece: bytes, most: int, sent: list[int] | None = None) -> Step:
    """Something, and then a piece again and again, as fast as it is read, up to ``most`` bytes.

    ``sent`` is told how many bytes went out in all.
    """

    async def step(peer: Peer) -> None:
        await peer.send(start)
        size = 0
        while size < most and not peer.gone.is_set():
            if peer.transport.get_write_buffer_size() > 2 * len(piece):
                await asyncio.sleep(0.001)
                continue
            peer.transport.write(piece)
            size += len(piece)
            await asyncio.sleep(0)
        if sent is not None:
            sent.append(size)
        peer.close()

    return step
