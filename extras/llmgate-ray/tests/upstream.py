"""A server on loopback that answers as OpenAI does, after a pause, and notes whom it answered.

python upstream.py NOTES SECONDS prints its port, and ends with its standard input. A line of the
notes is of one answer: how many were on their way then, the header ``x-node``, and the prompt's
first forty characters.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path


class Connection(asyncio.Protocol):
    """Requests one after the other, each answered with its prompt."""

    running = 0
    """Of all connections."""

    def __init__(self, notes: Path, seconds: float) -> None:
        self._notes = notes.open("ab", buffering=0)  # so that one write is one line
        self._seconds = seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is any more."""
        self._notes.close()

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = body[length:]
            Connection.running += 1
            node = head.partition(b"x-node:")[2].split(b"\r\n")[0].strip().decode()
            loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self._answer, node, body[:length])

    def _answer(self, node: str, body: bytes) -> None:
        running, Connection.running = Connection.running, Connection.running - 1
        if self._transport.is_closing():
            return
        prompt = json.loads(body)["messages"][-1]["content"]
        self._notes.write(f"{running}\t{node}\t{prompt[:40]}\n".encode())
        status, answer = _answer_to(prompt)
        content = json.dumps(answer).encode()
        self._transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            % (status, len(content))
            + content
        )


def _answer_to(prompt: str) -> tuple[bytes, object]:
    if prompt.startswith("refuse"):
        return b"400 Bad Request", {"error": {"message": "no such prompt", "code": "bad"}}
    message = {"role": "assistant", "content": prompt}
    return b"200 OK", {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


async def serve(notes: Path, seconds: float) -> None:
    """Until standard input is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(notes, seconds), "127.0.0.1", backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
