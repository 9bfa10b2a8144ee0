"""Steps of a server that never come to an end, and what it says meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

from tests.faults.dialects import DIALECTS
from tests.faults.peer import Peer, Step
from tests.faults.server import STREAM_HEAD, chunk, event, framed, head, trickle
from tests.faults.table import Steps

__all__ = [
    "CHUNKED",
    "LARGE",
    "PINGS",
    "UNTIL_CLOSE",
    "again",
    "always",
    "begun",
    "endlessly",
    "lines",
    "never_read",
    "slow_lines",
]

UNTIL_CLOSE = head(content_type="application/json", connection="close")
CHUNKED = head(content_type="application/json", transfer_encoding="chunked")
LARGE = [{"role": "user", "content": "x" * 9_000_000}]
"""More than the buffers between two sockets hold."""

_OPENAI_PING = event(chunk(choices=[]))
PINGS: Mapping[str, bytes] = {
    "openai": _OPENAI_PING,
    "azure": _OPENAI_PING,
    "huggingface": _OPENAI_PING,
    "mistral": _OPENAI_PING,
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "bedrock": DIALECTS["bedrock"].piece(""),
    "cohere": b'event: debug\ndata: {"type": "debug", "prompt": "x"}\n\n',
    "gemini": event({"usageMetadata": {"promptTokenCount": 1}}),
    "ollama": DIALECTS["ollama"].piece(""),
    "replicate": b"event: logs\ndata: x\n\n",
}
"""Each provider's event that is no part of an answer."""


def always(*steps: Step) -> Steps:
    """The same steps for every provider."""
    return lambda _: steps


def again(piece: bytes, pause: float, *before: bytes) -> Step:
    """The same piece again and again, until the client leaves."""
    return trickle(*before, pieces=itertools.repeat(piece), pause=pause)


def begun(*events: bytes) -> bytes:
    """A stream as far as these events."""
    return STREAM_HEAD + b"".join(framed(each) for each in events)


def endlessly(piece: bytes, pause: float) -> Steps:
    """A stream of nothing but this."""
    return lambda _: [again(framed(piece), pause, STREAM_HEAD)]


def lines(pause: float) -> Step:
    """A head without end, a line at a time."""
    numbered = (b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in itertools.count())
    return trickle(b"HTTP/1.1 200 OK\r\n", pieces=numbered, pause=pause)


async def slow_lines(peer: Peer) -> None:
    """The rest of a head without end, a byte at a time."""
    for number in itertools.count():
        for byte in b"X-%d: y\r\n" % number:
            if peer.gone.is_set():
                return
            await peer.send(b"%c" % byte)
            await asyncio.sleep(0.02)


async def never_read(peer: Peer) -> None:
    """Take no byte of any request for longer than its call lasts."""
    peer.transport.pause_reading()
    await asyncio.sleep(0.5)
    peer.transport.resume_reading()  # or it would not be seen that the client has left
    await peer.gone.wait()
