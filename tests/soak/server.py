"""A fast server of chat completions in a process of its own: python -m tests.soak.server.

It prints its port and serves until it is killed. What a prompt says chooses what is done:
``never`` is not answered, ``slow`` late unless the model is a ``mini``, ``half`` is begun and not
ended, ``fail`` is a failure of the server's, and anything else is answered at once.
``GET /`` answers with the number of connections that are open besides its own.
"""

from __future__ import annotations

import asyncio
from asyncio import BaseTransport, Transport

from tests.faults.server import COMPLETION, reply, stream

WHOLE = reply(body=COMPLETION)
STREAM = stream(*("Hello, this is a piece of an answer. " for _ in range(10)))
FAILURE = reply(500, body={"error": {"message": "oops"}})
HALF = stream("Hello", end=b"", last=b"")


class Peer(asyncio.Protocol):
    """One connection."""

    open = 0

    def __init__(self) -> None:
        self._received = b""
        self._transport: Transport

    def connection_made(self, transport: BaseTransport) -> None:
        """Count it."""
        assert isinstance(transport, Transport)
        self._transport = transport
        Peer.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        Peer.open -= 1

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        while True:
            head, blank, rest = self._received.partition(b"\r\n\r\n")
            length = _length_in(head)
            if not blank or len(rest) < length:
                return
            self._received = rest[length:]
            body = rest[:length]
            answer = _answer(head, body)
            if b"slow" in body and b"mini" not in body:
                asyncio.get_running_loop().call_later(0.5, self._transport.write, answer)
            elif answer:
                self._transport.write(answer)


def _length_in(head: bytes) -> int:
    _, found, after = head.lower().partition(b"content-length:")
    return int(after.partition(b"\r\n")[0]) if found else 0


def _answer(head: bytes, body: bytes) -> bytes:
    if head.startswith(b"GET"):
        return reply(body=Peer.open - 1)
    if b"never" in body:
        return b""
    if b"fail" in body:
        return FAILURE
    if b'"stream":true' not in body:
        return WHOLE
    return HALF if b"half" in body else STREAM


async def main() -> None:
    """Listen on loopback, at any port."""
    server = await asyncio.get_running_loop().create_server(Peer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
