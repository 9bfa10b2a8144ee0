"""Connections that break at every stage of a call, in order and not, plain and by TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    ProtocolError,
    ReadError,
    StreamTruncatedError,
    TLSError,
)
from tests.faults.calls import AT_ONCE, SLACK
from tests.faults.dialect import TEXT, Dialect
from tests.faults.networks import server_tls, tried, trusting
from tests.faults.peer import Peer, Step
from tests.faults.server import STREAM_HEAD, close, hang, head, reset, then, until
from tests.faults.several import several
from tests.faults.table import (
    EVERYONE,
    Case,
    Check,
    Player,
    Scene,
    Steps,
    answers,
    calling,
    check_always,
    either,
    raises,
    together,
)

__all__ = ["CASES"]

# --- ends ---------------------------------------------------------------------------------

Ending: TypeAlias = Callable[[Peer], Awaitable[None]]


async def shut(peer: Peer) -> None:
    """Say that nothing more comes, and go on listening."""
    peer.transport.write_eof()
    await peer.gone.wait()


async def cut(peer: Peer) -> None:
    """End the connection below TLS, so that the other side cannot tell an end from a cut."""
    peer.transport.abort()


SECURE: dict[str, Any] = {"server": {"tls": server_tls()}, "settings": {"verify": trusting()}}
ENDS: dict[str, tuple[Ending, dict[str, Any]]] = {
    "ended": (close, {}),
    "reset": (reset, {}),
    "half closed": (shut, {}),
    "ended, by TLS": (close, SECURE),
    "reset, by TLS": (reset, SECURE),
    "cut, by TLS": (cut, SECURE),
}

# --- stages -------------------------------------------------------------------------------

Part: TypeAlias = Callable[[Dialect], bytes]
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"
"""The head of a body that lasts until the connection ends."""


def body_of(dialect: Dialect) -> bytes:
    """The body of an answer."""
    return dialect.reply().partition(b"\r\n\r\n")[2]


@dataclass(frozen=True)
class Stage:
    """How far a reply came, and what the caller is then to see; either kind may be left out."""

    name: str
    check: Check
    unary: Part | None = None
    stream: Part | None = None
    requests: int = 1

    def line(self) -> Scene:
        """One line for every way to end there."""
        return together(f"a connection ends {self.name}", *self._cases())

    def _cases(self) -> Iterator[Case]:
        for name, (last, more) in ENDS.items():
            yield Case(
                name,
                self.check,
                unary=_up_to(self.unary, last),
                stream=_up_to(self.stream, last),
                requests=self.requests,
                **more,
            )


def _up_to(part: Part | None, last: Ending) -> Steps | None:
    return None if part is None else lambda dialect: [then(part(dialect), last=last)]


def always(data: bytes) -> Part:
    """The same of every provider."""
    return lambda _: data


READ, CUT = raises(ReadError), raises(StreamTruncatedError, partial=TEXT)
STATUS, HEADERS = always(b"HTTP/1.1 20"), always(b"HTTP/1.1 200 OK\r\nContent-Type: appl")

STAGES = (
    Stage("after the request", READ, always(b""), always(b"")),
    Stage("within the status line", READ, STATUS, STATUS),
    Stage("within the headers", READ, HEADERS, HEADERS),
    Stage("after an answer's headers", READ, lambda d: d.reply().partition(b"{")[0]),
    Stage("within an answer", READ, lambda d: d.reply()[:-20]),
    Stage(
        "within an answer without a length",
        # where it ends in order, half an answer is one that cannot be read
        raises(ReadError, DecodeError),
        lambda d: UNTIL_THE_END + body_of(d)[:-20],
    ),
    Stage(
        "after a stream's headers",
        raises(StreamTruncatedError, partial=""),
        stream=always(STREAM_HEAD),
    ),
    Stage("within a stream", CUT, stream=lambda d: d.streamed(*d.begun, last=b"")),
    Stage(
        "within a stream without a length",
        CUT,
        stream=lambda d: head(content_type="text/event-stream") + b"".join(d.begun),
    ),
    Stage(
        "when all is said",
        answers(),
        lambda d: d.reply(),
        lambda d: d.streamed(last=b""),
    ),
    Stage(
        "as the end of an answer without a length",
        # what is complete in itself is an answer, and what was reset need not be taken for one
        either(answers(), READ),
        lambda d: UNTIL_THE_END + body_of(d),
    ),
)

# --- before a reply, and after several ----------------------------------------------------


def on_connect(step: Ending) -> dict[str, Any]:
    """A server that does this before it is asked anything."""
    return {"on_connect": step}


async def part_of_request(peer: Peer) -> None:
    """Reset as soon as anything of a request has come."""
    await peer.arrived()
    peer.reset()


def both(name: str, check: Check, *steps: Step, **more: Any) -> Case:
    """A case in which the server does the same whether it was asked for a stream or not."""
    return Case(name, check, unary=lambda _: steps, stream=lambda _: steps, **more)


IDEMPOTENT = tuple(name for name in EVERYONE if name != "replicate")

BREAKS = (
    together(
        "a connection ends as soon as it is made",
        *(
            # a reset may come while it is being made
            both(name, raises(ReadError, ConnectError), hang, server=on_connect(last))
            for name, (last, more) in ENDS.items()
            if not more
        ),
    ),
    both("a reset within the request", READ, hang, server=on_connect(part_of_request)),
    both(
        "a reset after the request, three times",
        tried(3, READ),
        reset,
        settings={"retry": AT_ONCE},
        requests=3,
        providers=IDEMPOTENT,
    ),
    Case(
        "a reset after a request that may have been done",
        tried(1, READ),
        unary=lambda _: [reset],
        settings={"retry": AT_ONCE},
        providers=("replicate",),  # whoever makes a prediction twice is billed twice
    ),
    Case(
        "a reset, then an answer",
        answers(),
        unary=lambda d: [reset, d.reply()],
        stream=lambda d: [reset, d.streamed()],
        settings={"retry": AT_ONCE},
        requests=2,
        providers=IDEMPOTENT,
    ),
)


async def _cut_anywhere(player: Player) -> None:
    """A reply that ends at any of its bytes, in order or by a reset, is an error of ours."""
    dialect = player.dialect
    whole = dialect.streamed() if player.stream else dialect.reply()
    said = whole.index(dialect.marker or dialect.finish) if player.stream else len(whole)
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
    over = threading.Event()
    with dialect.serve(good, until(over, hang, good)) as server:
        async with calling(player, server.url, {"limit": 1}) as client:
            answers()(await player.call(client, server))
            outcome = await player.call(client, server, timeout=0.15)
            check_always(outcome)
            raises(DeadlineExceededError)(outcome)
            assert outcome.own_seconds < 0.15 + SLACK
            over.set()
            answers()(await player.call(client, server))
        assert 2 == server.connections


def saying(greeting: bytes) -> Steps:
    """A server that answers every request so, and leaves."""
    return lambda _: [then(greeting, last=close)]


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
    raises(ProtocolError, ReadError, DecodeError, StreamTruncatedError),
    {kind: saying(greeting) for kind, greeting in GREETINGS.items()},
    streamed=(False, True),
)

# --- what is no TLS, after a handshake ----------------------------------------------------


async def below(peer: Peer) -> None:
    """Write below TLS, where nobody without the keys could write anything that is accepted."""
    await asyncio.sleep(0.02)
    raw: socket.socket = peer.transport.get_extra_info("socket")
    os.write(raw.fileno(), bytes.fromhex("1703030020") + bytes(32))
    await peer.gone.wait()


async def babble(peer: Peer) -> None:
    """Say what is no HTTP, again and again, whether or not anybody listens."""
    while not peer.gone.is_set():
        peer.transport.write(b"no HTTP\r\n\r\n")
        await asyncio.sleep(0.002)


NONSENSE = (
    Case(
        "what is no HTTP, in place of a reply",
        raises(ProtocolError),
        unary=lambda _: [babble],
        stream=lambda _: [babble],
        **SECURE,
    ),
    Case(
        "what is no HTTP, within a reply",
        raises(ProtocolError, StreamTruncatedError),
        unary=lambda _: [then(head(transfer_encoding="chunked"), last=babble)],
        stream=lambda _: [then(STREAM_HEAD, last=babble)],
        **SECURE,
    ),
    Case(
        "what is no TLS within an answer",
        raises(ReadError, TLSError),
        unary=lambda d: [then(d.reply()[:-20], last=below)],
        **SECURE,
    ),
    Case(
        "what is no TLS within a stream",
        CUT,
        stream=lambda d: [then(d.streamed(*d.begun, last=b""), last=below)],
        **SECURE,
    ),
)

CASES: tuple[Case | Scene, ...] = (
    *(stage.line() for stage in STAGES),
    *BREAKS,
    Scene("cut anywhere, by its end and by a reset", _cut_anywhere),
    Scene("a kept connection goes silent", _goes_silent),
    STRANGERS,
    *NONSENSE,
)
