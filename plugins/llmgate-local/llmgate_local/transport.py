"""Carries requests to the processes that run models: finds and starts them, and is their client.

The host of a request's address is the name of a model, percent-encoded; everything else is what
llama.cpp's server is asked. The connections are the transport's own, so that no proxy of the
client's sees them.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from llmgate.errors import TransportError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, IncomingResponse
from llmgate.provider.threads import run_in_thread
from llmgate_local.models import find_model
from llmgate_local.server import ModelServer, release, server_for
from llmgate_local.settings import Settings

if TYPE_CHECKING:
    from llmgate.transports.aiohttp import AiohttpTransport

__all__ = ["LocalTransport"]

_HTTP = "llmgate.transports.aiohttp"
_SECONDS_TO_DIE = 0.5
"""How long the end of a process may come after that of its connections."""


class LocalTransport:
    """One client's way to the models of this process; their servers end with the last of these."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport] = (
            WeakKeyDictionary()
        )

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        """Send the request to its model's server, which is started if need be. A response that is
        not to be streamed is read to its end.

        Raises:
            NotFoundError: there is no such model.
            BadRequestError: its file is no model.
            ServerError: llama.cpp cannot load it.
            RequestError: llama.cpp is not installed.
            TransportError: its process ended.
        """
        parts = urlsplit(request.url)
        settings = replace(self._settings, embeds=parts.path == "/v1/embeddings")
        server = server_for(find_model(unquote(parts.netloc)), settings, self)
        response = None
        try:
            await asyncio.wrap_future(server.ready)
            if server.failure is not None:
                raise copy(server.failure)
            pool = await self._pool()
            try:
                incoming = await pool.open(_addressed(request, server), timeout)
            except TransportError as error:
                failure = await _explained(error, server)
                raise failure from None
            response = _Response(incoming, server)
            if not request.stream:
                await response.read_whole()
            return response
        finally:
            if response is None:
                server.leave()
            elif not request.stream:
                response.close()

    async def aclose(self) -> None:
        """Close the running loop's connections, and let go of the models."""
        release(self)
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    async def _pool(self) -> AiohttpTransport:
        if _HTTP not in sys.modules:  # it takes a while, in which the loop is not held up
            await run_in_thread(lambda: importlib.import_module(_HTTP))
        from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.is_closed:
            pool = self._pools[loop] = await AiohttpTransport.start(HttpSettings(), warns=False)
        return pool


def _addressed(request: HttpRequest, server: ModelServer) -> HttpRequest:
    path = urlsplit(request.url).path
    # An idle connection would hold a thread of llama.cpp's, and end unseen when that ends it.
    headers = {"Authorization": f"Bearer {server.key}", "Connection": "close"}
    sent = request.with_headers(headers)
    return replace(sent, url=f"{server.address}{path}")


async def _explained(error: TransportError, server: ModelServer) -> TransportError:
    """The error with what became of the process, if that has ended."""
    try:
        await asyncio.wait_for(asyncio.wrap_future(server.ended), _SECONDS_TO_DIE)
    except TimeoutError:
        return error
    return type(error)(server.describe_end())


class _Response:
    """A server's response; as long as it is open, the server is in use."""

    def __init__(self, incoming: IncomingResponse, server: ModelServer) -> None:
        self.status = incoming.status
        self.headers: Mapping[str, str] = incoming.headers
        self._incoming = incoming
        self._server: ModelServer | None = server
        self._body: bytes | None = None

    async def read_whole(self) -> None:
        """Read it to its end, after which it may be closed."""
        pieces = list[bytes]()
        while piece := await self.read():
            pieces.append(piece)
        self._body = b"".join(pieces)

    async def read(self) -> bytes:
        """The next piece as it arrives; empty at the end."""
        if self._body is not None:
            body, self._body = self._body, b""
            return body
        try:
            return await self._incoming.read()
        except TransportError as error:
            if self._server is None:
                raise
            failure = await _explained(error, self._server)
        raise failure

    def close(self) -> None:
        """Give the connection back, or drop it, which stops the generation."""
        server, self._server = self._server, None
        if server is not None:
            self._incoming.close()
            server.leave()
