"""Servers of the Model Context Protocol as sources of tools: by the official package ``mcp``.

Which server is started or called is said in code alone. A server is somebody else's program: it is
given no variable of the environment that may hold a key, and what it returns is bounded.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, cast

from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    RequestError,
    describe_error,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llmgate.messages import FunctionTool

__all__ = ["McpServer", "McpTool", "mcp_server"]

_MAX_PAGES = 100
_CLOSE_SECONDS = 5.0
_CONNECTION_CLOSED = -32000
"""The code of the error by which the package says that a connection is gone."""


def mcp_server(
    server: str | Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    headers: Mapping[str, str] | None = None,
    only: Iterable[str] | None = None,
    prefix: str = "",
    timeout: float = 30.0,
    max_bytes: int = 1024 * 1024,
) -> McpServer:
    """A server of tools, for ``tools=`` of the tool loop, which opens it and closes it at its end.

    ``async with mcp_server(...) as server`` keeps it open for several loops.

    Args:
        server: A command and its arguments, as a list, that speaks over standard input and output;
            or the ``https:`` address of a server that speaks streamable HTTP.
        env: Variables for the command, beside those that name the user, the path and the terminal.
        cwd: The directory in which the command is run.
        headers: Headers for the address, such as a credential of it.
        only: The names of the tools that are used; all where it is None.
        prefix: What is put before the name of each tool.
        timeout: Seconds for connecting, and for each call of a tool.
        max_bytes: What a result may hold; a longer text is cut, and the model is given a note.

    Raises:
        InvalidRequestError: when it is neither a command nor such an address.
    """
    if isinstance(server, str):
        if not server.startswith(("https://", "http://")):
            reason = "expected an https: address, or a command as a list: ['python', 'server.py']"
            raise InvalidRequestError(reason, path="server")
        if env is not None or cwd is not None:
            raise InvalidRequestError("env and cwd are for a command", path="server")
    else:
        if not server or not all(isinstance(each, str) for each in cast("Sequence[Any]", server)):
            raise InvalidRequestError.expected("a command as a list of texts", server, "server")
        if headers is not None:
            raise InvalidRequestError("headers are for an address", path="headers")
    if isinstance(only, str):
        raise InvalidRequestError.expected("a list of names of tools", only, "only")
    return McpServer(
        _ServerParameters(server, env, cwd, headers),
        only=None if only is None else frozenset(only),
        prefix=prefix,
        timeout=timeout,
        max_bytes=max_bytes,
    )


class _ServerParameters:
    """How a server is reached; what of it may be a credential is in no ``repr``."""

    def __init__(
        self,
        server: str | Sequence[str],
        env: Mapping[str, str] | None,
        cwd: str | os.PathLike[str] | None,
        headers: Mapping[str, str] | None,
    ) -> None:
        self.server, self._env, self._cwd, self._headers = server, env, cwd, headers

    @asynccontextmanager
    async def streams(self) -> AsyncGenerator[Any, None]:
        """The two streams of a connection."""
        if isinstance(self.server, str):
            import httpx2  # noqa: PLC0415 - it comes with mcp
            from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - as above

            # neither proxies nor credentials are taken from the environment
            http = httpx2.AsyncClient(headers=self._headers, trust_env=False)
            async with http, streamable_http_client(self.server, http_client=http) as streams:
                yield streams
            return
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415 - as above

        command, *arguments = self.server
        directory = None if self._cwd is None else os.fspath(self._cwd)
        own = None if self._env is None else dict(self._env)
        parameters = StdioServerParameters(command=command, args=arguments, env=own, cwd=directory)
        async with stdio_client(parameters, errlog=sys.__stderr__ or sys.stderr) as streams:
            yield streams


class McpServer:
    """A server of tools. It is opened once, and closed when the last who opened it closes it. Where
    the connection was lost in between, who opens it next connects anew."""

    def __init__(
        self,
        parameters: _ServerParameters,
        *,
        only: frozenset[str] | None,
        prefix: str,
        timeout: float,
        max_bytes: int,
    ) -> None:
        self._parameters, self._only, self._prefix = parameters, only, prefix
        self._timeout, self._max_bytes = timeout, max_bytes
        self._users = 0
        self._connection: _Connection | None = None

    def __repr__(self) -> str:
        server = self._parameters.server
        named = "at an address" if isinstance(server, str) else f"of {server[0]!r}"
        return f"<McpServer {named}, {'open' if self._connection else 'closed'}>"

    async def open_tools(self) -> list[McpTool]:
        """The server's tools; it is connected to if it is not yet.

        Raises:
            LLMGateError: when it cannot be reached, or does not list its tools in time.
            InvalidRequestError: when it lacks one of the tools that are to be used.
        """
        self._users += 1
        try:
            async with asyncio.timeout(self._timeout):
                client, found = await self._connected()
        except LLMGateError:
            await self.close_tools()
            raise
        except Exception as error:  # noqa: BLE001 - a third-party server may fail in any way
            await self.close_tools()
            reason = "it took too long" if isinstance(error, TimeoutError) else _inner(error)
        except BaseException:
            await self.close_tools()
            raise
        else:
            return await self._used(client, found)
        raise LLMGateError(f"{self!r} cannot be used: {reason}")

    async def _connected(self) -> tuple[Any, list[Any]]:
        """The client and the tools of the connection that is kept, or of another one where it was
        lost, as when the command has ended."""
        kept = self._connection
        if kept is not None:
            try:
                client = await kept.client()
                return client, await _listed(client)
            except Exception as error:
                if getattr(error, "code", None) != _CONNECTION_CLOSED:
                    raise
            if self._connection is kept:  # nobody else has begun another one
                self._connection = None
            await kept.close()
        if self._connection is None:
            self._connection = _Connection(self._parameters)
        client = await self._connection.client()
        return client, await _listed(client)

    async def _used(self, client: Any, found: Sequence[Any]) -> list[McpTool]:
        names = {each.name for each in found}
        missing = sorted((self._only or frozenset()) - names)
        if missing:
            await self.close_tools()
            reason = f"the server has no tool {missing[0]!r}; it has: {', '.join(sorted(names))}"
            raise InvalidRequestError(reason, path="only")
        return [
            McpTool(client, each, self._prefix, self._timeout, self._max_bytes)
            for each in found
            if self._only is None or each.name in self._only
        ]

    async def close_tools(self) -> None:
        """Close the connection, unless somebody else uses it."""
        self._users -= 1
        if self._users == 0 and self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def __aenter__(self) -> Self:
        await self.open_tools()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_tools()


class _Connection:
    """A connection that a task of its own holds: what is opened there is closed there, whichever
    task asks for that."""

    def __init__(self, parameters: _ServerParameters) -> None:
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(parameters))

    async def client(self) -> Any:
        """The client of the package ``mcp``, once it is connected."""
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """End it, also while it is being made."""
        self._closing.set()
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        self._task.cancel()
        self._ready.cancel()

    async def _hold(self, parameters: _ServerParameters) -> None:
        try:
            try:
                from mcp import Client  # noqa: PLC0415 - an extra, imported when first used
            except ImportError:
                reason = "servers of tools need the extra: llmgate-core[mcp]"
                raise RequestError(reason) from None
            async with Client(parameters.streams()) as client:
                self._ready.set_result(client)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001 - whoever waits is to have it
            with suppress(asyncio.InvalidStateError):  # it was connected
                self._ready.set_exception(error)
                self._ready.exception()  # nobody may wait any more


def _inner(error: BaseException) -> str:
    """The first reason in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return describe_error(error)


async def _listed(client: Any) -> list[Any]:
    """All tools of a server, page by page."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            return found
    raise LLMGateError(f"the server lists its tools on more than {_MAX_PAGES} pages")


class McpTool:
    """One tool of a server."""

    context_names: tuple[str, ...] = ()

    def __init__(
        self, client: Any, described: Any, prefix: str, timeout: float, max_bytes: int
    ) -> None:
        self._client, self._described = client, described
        self.name: str = prefix + described.name
        self.timeout: float | None = timeout
        self._max_bytes = max_bytes

    @property
    def definition(self) -> FunctionTool:
        """The tool in OpenAI's form."""
        function = {"name": self.name, "parameters": self._described.input_schema}
        if self._described.description:
            function["description"] = self._described.description
        return cast("FunctionTool", {"type": "function", "function": function})

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> Any:
        """What the server returns: a text, or parts of a message.

        Raises:
            LLMGateError: when the server says that it failed.
        """
        del context
        result = await self._client.call_tool(self._described.name, dict(arguments))
        parts = [*map(_part, result.content)]
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        if result.is_error:
            raise LLMGateError(_cut(text, self._max_bytes) or "the tool failed")
        if all(part["type"] == "text" for part in parts):
            return _cut(text, self._max_bytes)
        if len(repr(parts)) > self._max_bytes:
            raise LLMGateError(f"the result has more than {self._max_bytes:,} bytes")
        return parts


_FORMATS = {
    **dict.fromkeys(("mpeg", "mpeg3", "x-mpeg", "x-mp3"), "mp3"),
    **dict.fromkeys(("x-wav", "wave", "x-pn-wav", "vnd.wave"), "wav"),
    "x-flac": "flac",
}
"""The formats of sounds by their media types, where these have another name."""


def _cut(text: str, most: int) -> str:
    """The text, or as much of it as is allowed, and a note."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    kept = data[:most].decode("utf-8", "ignore")
    return f"{kept}\n[cut: the result has {len(data):,} bytes]"


def _part(content: Any) -> dict[str, Any]:
    """What a server returns as a part of a message."""
    match content.type:
        case "image":
            url = f"data:{content.mime_type};base64,{content.data}"
            return {"type": "image_url", "image_url": {"url": url}}
        case "audio":
            form = content.mime_type.partition(";")[0].rpartition("/")[2].lower()
            sound = {"data": content.data, "format": _FORMATS.get(form, form)}
            return {"type": "input_audio", "input_audio": sound}
        case "resource" if hasattr(content.resource, "blob"):
            resource = content.resource
            kind = resource.mime_type or "application/octet-stream"
            data = f"data:{kind};base64,{resource.blob}"
            name = str(resource.uri).rpartition("/")[2] or "file"
            return {"type": "file", "file": {"filename": name, "file_data": data}}
        case "resource":
            return {"type": "text", "text": content.resource.text}
        case "text":
            return {"type": "text", "text": content.text}
        case _:  # a link to a resource
            return {"type": "text", "text": str(content.uri)}
