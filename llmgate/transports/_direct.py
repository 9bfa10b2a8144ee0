"""Requests written in one piece on a connection of aiohttp's pool, and the replies to them: the
short way, for requests without a proxy and without a body that has to be sent in pieces.

It chooses no address, and retries nothing (ADR 0008).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from llmgate.transports._connections import LONGEST_HEADER, READ_BUFFER, STREAM_BUFFER, Wire
from llmgate.transports._failures import ExplainedError
from llmgate.wire import HttpRequest

__all__ = ["DirectResponse", "Route"]

_MOST_STARTS = 16


class Route(aiohttp.ClientRequest):
    """Where requests go, made once: what aiohttp needs to connect, and the head but for headers."""

    def __init__(self, url: URL, session: aiohttp.ClientSession) -> None:
        super().__init__("GET", url, loop=asyncio.get_running_loop(), session=session)
        self.is_plain = not (url.raw_user or url.raw_password)  # else aiohttp makes a header of it
        self._key: Any = super().connection_key
        self._target = self.url.raw_path_qs
        self._own = {
            "host": f"Host: {self.headers['Host']}\r\n",
            "accept": "Accept: */*\r\n",
            "accept-encoding": "Accept-Encoding: identity\r\n",
            "user-agent": "User-Agent: llmgate\r\n",
        }
        self._starts: dict[tuple[str, ...], str] = {}

    @property
    def connection_key(self) -> Any:
        """What tells apart connections that can be shared."""
        return self._key

    def head(self, request: HttpRequest) -> bytes:
        """The bytes of a request before its body.

        Raises:
            ValueError: when a header would add a line of its own.
        """
        headers = request.headers
        names = (request.method, *headers)
        start = self._starts.get(names) or self._start(*names)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        if request.body or request.method != "GET":
            lines.append(f"Content-Length: {len(request.body)}\r\n")
        return f"{start}{_joined(lines)}\r\n".encode()

    def _start(self, method: str, *names: str) -> str:
        """The lines before the given headers, which differ only in which of ours they replace."""
        given = {name.lower() for name in names}
        own = (line for name, line in self._own.items() if name not in given)
        start = _joined([f"{method} {self._target} HTTP/1.1\r\n", *own])
        while len(self._starts) >= _MOST_STARTS:
            self._starts.pop(next(iter(self._starts)))
        self._starts[method, *names] = start
        return start


def _joined(lines: list[str]) -> str:
    """Lines with their ends; an end within one, or a NUL, is refused."""
    text = "".join(lines)
    if text.count("\r") + text.count("\n") + text.count("\0") != 2 * len(lines):
        raise ValueError
    return text


class DirectResponse:
    """The reply to a request that was written at once, in the terms of aiohttp's own."""

    __slots__ = ("_connection", "content", "headers", "status", "url")
    content: aiohttp.StreamReader
    headers: Mapping[str, str]
    status: int

    def __init__(self, connection: Any, url: URL) -> None:
        self._connection: Any = connection
        self.url = url

    async def exchange(self, request: bytes, *, stream: bool = False) -> None:
        """Send the bytes of a request, and wait for the head of its reply."""
        wire: Wire = self._connection.protocol
        try:
            wire.set_response_params(**(_STREAMING if stream else _READING))
            if wire.transport is None or wire.transport.is_closing():
                raise aiohttp.ClientOSError  # without a number, as aiohttp says it itself
            wire.transport.write(request)
            message, self.content = await wire.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, self.content = await wire.read()
        except asyncio.CancelledError as cancelled:
            wire.mark(cancelled)
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = wire.explained(error)
        except HttpProcessingError as error:
            failure = ExplainedError(f"{error.code} {error.message}")
        else:
            self.status, self.headers = message.code, message.headers
            self.content.on_eof(self._rest)
            return
        raise failure

    def _rest(self) -> None:
        """The body has ended, and the connection is free for another request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def close(self) -> None:
        """Drop the connection, unless it is free already; whoever reads is told."""
        connection, self._connection = self._connection, None
        if connection is None or connection._loop.is_closed():
            return
        content: aiohttp.StreamReader | None = getattr(self, "content", None)
        if content is not None and content.exception() is None:
            content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
        connection.close()


_READING: dict[str, Any] = {
    "read_until_eof": True,
    "read_bufsize": READ_BUFFER,
    "max_line_size": LONGEST_HEADER,
    "max_field_size": LONGEST_HEADER,
}
_STREAMING = {**_READING, "read_bufsize": STREAM_BUFFER}
