"""A server on a raw socket that does exactly what a test tells it to, and remembers what it saw.

    with FaultServer(reply(body=COMPLETION), hang) as server:
        ...                                   # the first request is answered, the second never
        server.requests, server.connections, server.open_connections

It runs on a thread and an event loop of its own, so that whatever the client does to its loop, the
server goes on. The n-th request, over all connections, gets the n-th step; the last step repeats.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

from tests.faults.peer import Peer, Seen, Step
from tests.machine import wait_for

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-1",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class FaultServer:
    """Listens on loopback for as long as it is entered."""

    def __init__(
        self,
        *steps: Step,
        on_connect: Callable[[Peer], Awaitable[None]] | None = None,
        tls: ssl.SSLContext | None = None,
        backlog: int = 100,
        host: str = "127.0.0.1",
        aside: Callable[[Seen, str], bytes | None] = lambda seen, url: None,
    ) -> None:
        """``aside`` answers a request, given the base URL, that is to take no step."""
        self.requests: list[Seen] = []
        self.asides: list[Seen] = []
        self.peers: list[Peer] = []
        self.port = 0
        self._steps = steps
        self._on_connect = on_connect or self._serve
        self._tls = tls
        self._backlog = backlog
        self._host = host
        self._aside = aside
        self._loop = asyncio.new_event_loop()
        self._tasks = set[asyncio.Task[None]]()
        self._thread = threading.Thread(target=self._run, name="fault-server", daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    # --- what tests ask ---

    @property
    def url(self) -> str:
        """The base URL up to and with ``/v1``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/v1"

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self.peers)

    @property
    def open_connections(self) -> int:
        """How many of them the client has not closed."""
        return sum(peer.gone_at is None for peer in self.peers)

    def wait_until_left(self, seconds: float = 5.0) -> bool:
        """Whether the client closes every connection within this time."""
        return wait_for(lambda: self.open_connections == 0, seconds)

    # --- how it runs ---

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def begin(self, peer: Peer) -> None:
        """Serve a connection."""
        self.peers.append(peer)
        task = self._loop.create_task(self._attend(peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, peer: Peer) -> None:
        await self._on_connect(peer)

    async def _serve(self, peer: Peer) -> None:
        while (seen := await peer.request()) is not None:
            if (answer := self._aside(seen, self.url)) is not None:
                self.asides.append(seen)
                await peer.send(answer)
                continue
            step = self._steps[min(len(self.requests), len(self._steps) - 1)]
            self.requests.append(seen)
            if isinstance(step, bytes):
                await peer.send(step)
            else:
                await step(peer)
        peer.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        server = await self._loop.create_server(
            lambda: Peer(self), self._host, 0, ssl=self._tls, backlog=self._backlog
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await asyncio.sleep(0.005)  # asyncio loses whoever is just being let in
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.transport.abort()
        await asyncio.sleep(0.02 if self._tls else 0)  # TLS takes several turns to say goodbye


# --- what is sent -------------------------------------------------------------------------


def head(status: int = 200, /, *lines: str, **headers: str) -> bytes:
    """A status line and headers; ``retry_after="1"`` is the header ``retry-after: 1``."""
    named = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Something", *lines, *named, "", ""]).encode()


def reply(status: int = 200, /, body: Any = b"", **headers: str) -> bytes:
    """A whole reply; what is no bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"content_type": "application/json", **headers}
    return head(status, **kind, content_length=str(len(raw))) + raw


def event(data: Any) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def chunk(text: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a chat completion."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-1",
        "choices": [choice],
        **more,
    }


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
END = event(chunk(finish_reason="stop")) + event(chunk(choices=[], usage=USAGE)) + event("[DONE]")
STREAM_HEAD = head(content_type="text/event-stream", transfer_encoding="chunked")
LAST = b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    """A piece of a body in chunked transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*texts: str, end: bytes = END, last: bytes = LAST) -> bytes:
    """A whole streamed reply."""
    pieces = [framed(event(chunk(text))) for text in texts]
    return STREAM_HEAD + b"".join(pieces) + (framed(end) if end else b"") + last


# --- what is done -------------------------------------------------------------------------


async def hang(peer: Peer) -> None:
    """Never answer; wait until the client leaves."""
    await peer.gone.wait()


async def close(peer: Peer) -> None:
    """Close without a word."""
    peer.close()


async def reset(peer: Peer) -> None:
    """Reset without a word."""
    peer.reset()


def then(*parts: bytes, pause: float = 0.0, last: Callable[[Peer], Awaitable[None]]) -> Step:
    """Send these parts, and then do something."""

    async def step(peer: Peer) -> None:
        await peer.send(*parts, pause=pause)
        await last(peer)

    return step


def trickle(*parts: bytes, pieces: Iterable[bytes], pause: float = 0.0) -> Step:
    """Send these parts, then pieces for ever or until the client leaves."""

    async def step(peer: Peer) -> None:
        await peer.send(*parts)
        for piece in pieces:
            if peer.gone.is_set():
                return
            peer.transport.write(piece)
            await asyncio.sleep(pause)

    return step


def noting(step: Step, done: list[bool]) -> Step:
    """The same step, which notes its end; what it sent is there then."""

    async def noted(peer: Peer) -> None:
        await (peer.send(step) if isinstance(step, bytes) else step(peer))
        await peer.delivered()
        done.append(True)

    return noted


def until(over: threading.Event, step: Step, after: bytes) -> Step:
    """The step, however often it is asked for, until that is over; then a reply."""

    async def either(peer: Peer) -> None:
        if over.is_set():
            await peer.send(after)
        else:
            await (peer.send(step) if isinstance(step, bytes) else step(peer))

    return either
