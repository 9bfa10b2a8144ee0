"""Servers of tools, made with the official package: over standard streams, and over HTTP."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import llmgate.mcp
from llmgate import (
    Client,
    InvalidRequestError,
    LLMGateError,
    RequestError,
    arun_tools,
    mcp_server,
    run_tools,
)
from llmgate._core.tool_calls import ToolCaller
from llmgate.mcp import McpTool, _listed
from llmgate.testing import FakeProvider
from llmgate.types import Function, ToolCall

COMMAND = [sys.executable, str(Path(__file__).parent / "mcp_tools.py")]
QUESTION: list[Any] = [{"role": "user", "content": "What is 1 and 2?"}]


def calls(name: str, arguments: str = "{}") -> list[ToolCall]:
    """A call that the model makes."""
    return [ToolCall("c1", Function(name, arguments))]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The server's address over HTTP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with subprocess.Popen([*COMMAND, str(port)], stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
        server.kill()


def tools_of(**settings: Any) -> Any:
    """The server over standard streams."""
    return mcp_server(COMMAND, **settings)


async def test_a_loop_opens_and_closes_a_server() -> None:
    """Its tools are the model's, beside functions."""
    server = tools_of(only=["add"])

    def double(x: int) -> int:
        return 2 * x

    provider = FakeProvider([calls("add", '{"first": 1, "second": 2}'), "Three."])
    async with Client(providers={"fake": provider}) as client:
        run = await arun_tools("fake/m", QUESTION, tools=[server, double], client=client)
    assert run.messages[2]["content"] == "3"
    assert b'"add"' in provider.transport.requests[0].body
    assert b'"many"' not in provider.transport.requests[0].body
    assert repr(server).endswith("closed>")


def test_without_async() -> None:
    """And as a stream of events."""
    provider = FakeProvider([calls("add", '{"first": 1, "second": 2}'), "Three."] * 2)
    with Client(providers={"fake": provider}) as client:
        run = run_tools("fake/m", QUESTION, tools=[tools_of()], client=client)
        assert run.messages[2]["content"] == "3"
        stream = run_tools("fake/m", QUESTION, tools=[tools_of()], client=client, stream=True)
        assert [type(event).__name__ for event in stream if hasattr(event, "seconds")] == [
            "ToolCalled"
        ]


async def test_over_http(address: str) -> None:
    """The same tools; one connection serves several loops, and tasks."""
    server = mcp_server(address, headers={"X-Test": "1"}, prefix="far_")
    provider = FakeProvider([calls("far_add", '{"first": 1, "second": 2}'), "Three."] * 2)
    async with Client(providers={"fake": provider}) as client, server:
        for _ in range(2):
            run = await arun_tools("fake/m", QUESTION, tools=[server], client=client)
            assert run.messages[2]["content"] == "3"
        assert "at an address, open" in repr(server)
    assert "closed" in repr(server)
    assert address not in repr(server)


async def test_a_server_that_ended_is_started_again() -> None:
    """Whoever opens it next, alone or at once, has its tools; it is closed as ever."""
    server = tools_of()
    async with server:
        for users in (1, 2):
            with pytest.raises(Exception, match="Connection closed"):
                await (await tool_of(server, "end")).run({})
            opened = await asyncio.gather(*(server.open_tools() for _ in range(users)))
            add = next(tool for tool in opened[-1] if tool.name == "add")
            assert await add.run({"first": 1, "second": 2}) == "3"
            for _ in range(users + 1):  # one of them had it end
                await server.close_tools()
        assert "open" in repr(server)
    assert "closed" in repr(server)


async def test_a_server_that_lists_nothing_stays_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others may be using it."""

    async def failing(_: object) -> None:
        raise ValueError("no list")

    server = tools_of()
    async with server:
        add = await tool_of(server, "add")
        with monkeypatch.context() as patched:
            patched.setattr(llmgate.mcp, "_listed", failing)
            with pytest.raises(LLMGateError, match="cannot be used: ValueError: no list"):
                await server.open_tools()
        assert await add.run({"first": 1, "second": 2}) == "3"
        await server.close_tools()
    assert "closed" in repr(server)


async def tool_of(server: Any, name: str) -> Any:
    """One of an open server's tools."""
    return next(tool for tool in await server.open_tools() if tool.name == name)


async def test_no_key_reaches_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """But what it is given; nor does anything else of the environment that is not needed."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("SOME_TOKEN", "canary")
    server = tools_of(env={"GIVEN": "yes"}, cwd=tmp_path)
    async with server:
        seen = await (await tool_of(server, "environment")).run({})
        where = await (await tool_of(server, "place")).run({})
        await server.close_tools()
        await server.close_tools()
    assert "canary" not in seen
    assert "GIVEN=yes" in seen
    assert Path(where) == tmp_path


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("audio/mpeg", "mp3"),
        ("audio/x-wav", "wav"),
        ("audio/WAV; codecs=1", "wav"),
        ("audio/x-flac", "flac"),
        ("audio/ogg", "ogg"),
    ],
)
async def test_the_format_of_a_sound(kind: str, form: str) -> None:
    """By the name that models know, whatever the server calls it."""
    sound = SimpleNamespace(type="audio", data="ZGF0YQ==", mime_type=kind)

    async def call_tool(*_: object) -> Any:
        return SimpleNamespace(content=[sound], is_error=False)

    described, client = SimpleNamespace(name="speak"), SimpleNamespace(call_tool=call_tool)
    [part] = await McpTool(client, described, "", 20.0, 1000).run({})
    assert part["input_audio"] == {"data": "ZGF0YQ==", "format": form}


async def test_results() -> None:
    """Texts, pictures, sounds and files; errors are the model's to read."""
    server = tools_of()
    async with server:
        everything, broken = await tool_of(server, "everything"), await tool_of(server, "broken")
        parts = await everything.run({})
        with pytest.raises(LLMGateError, match="broken"):
            await broken.run({})
        await server.close_tools()
        await server.close_tools()
    assert [part["type"] for part in parts] == [
        *("text", "image_url", "input_audio", "file", "text", "text")
    ]
    assert parts[1]["image_url"]["url"] == "data:image/png;base64,ZGF0YQ=="
    assert parts[2]["input_audio"]["format"] == "wav"
    assert parts[3]["file"]["filename"] == "b.pdf"
    assert (parts[4]["text"], parts[5]["text"]) == ("of a file", "https://example.com/x")


async def test_results_are_bounded() -> None:
    """A text is cut, between two letters; anything else is an error."""
    server = tools_of(max_bytes=99)
    async with server:
        text = await (await tool_of(server, "many")).run({"count": 100})
        short = await (await tool_of(server, "many")).run({"count": 3})
        everything = await tool_of(server, "everything")
        with pytest.raises(LLMGateError, match="more than 99 bytes"):
            await everything.run({})
        for _ in range(3):
            await server.close_tools()
    assert text == "é" * 49 + "\n[cut: the result has 200 bytes]"
    assert short == "é" * 3


async def test_a_call_takes_no_longer_than_it_may() -> None:
    """The model is given that."""
    async with tools_of() as server:
        slow = await tool_of(server, "slow")
        slow.timeout = 0.3
        caller = ToolCaller([slow], timeout=None, context=None)
        [outcome] = await caller.call_all(calls("slow"), None)
        await server.close_tools()
    assert outcome.result == "Error: the tool took longer than 0.3 seconds"


async def test_names_that_clash() -> None:
    """They are refused; a prefix helps."""

    def add(first: int) -> int:
        return first

    async with Client(providers={"fake": FakeProvider(["Hi."])}) as client:
        with pytest.raises(InvalidRequestError, match="two tools have one name: 'add'"):
            await arun_tools("fake/m", QUESTION, tools=[tools_of(), add], client=client)
        other = tools_of(prefix="their_")
        run = await arun_tools("fake/m", QUESTION, tools=[other, add], client=client)
    assert run.text == "Hi."


@pytest.mark.parametrize(
    ("server", "settings", "reason"),
    [
        ("python server.py", {}, "a command as a list"),
        ("ftp://x", {}, "https: address"),
        ([], {}, "a list of texts"),
        (["python", 1], {}, "a list of texts"),
        (["python"], {"headers": {}}, "headers are for an address"),
        (["python"], {"only": "search"}, "only: expected a list of names of tools"),
        ("https://x", {"env": {}}, "env and cwd are for a command"),
        ("https://x", {"cwd": "."}, "env and cwd are for a command"),
    ],
)
def test_what_is_no_server(server: Any, settings: dict[str, Any], reason: str) -> None:
    """It is refused at once."""
    with pytest.raises(InvalidRequestError, match=reason):
        mcp_server(server, **settings)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (["no-such-command-anywhere"], "cannot be used"),
        ([sys.executable, "-c", "import time; time.sleep(20)"], "it took too long"),
        ("http://127.0.0.1:9/mcp", "cannot be used"),
    ],
)
async def test_a_server_that_cannot_be_reached(server: Any, reason: str) -> None:
    """Nothing is left behind."""
    given = mcp_server(server, timeout=1.5)
    with pytest.raises(LLMGateError, match=reason):
        await given.open_tools()
    assert "closed" in repr(given)


async def test_opening_that_is_cancelled() -> None:
    """The command is ended."""
    given = mcp_server([sys.executable, "-c", "import time; time.sleep(20)"])
    opening = asyncio.create_task(given.open_tools())
    await asyncio.sleep(0.3)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert "closed" in repr(given)


async def test_a_tool_that_is_not_there() -> None:
    """The names that there are are said."""
    given = tools_of(only=["subtract"])
    with pytest.raises(InvalidRequestError, match=r"no tool 'subtract'; it has: add, broken"):
        await given.open_tools()
    assert "closed" in repr(given)


async def test_the_package_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do is said."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(RequestError, match=r"llmgate-core\[mcp\]"):
        await tools_of().open_tools()


class Pages:
    """A server that lists its tools on pages."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def list_tools(self, cursor: str | None) -> Any:
        """One of them."""
        number = int(cursor or 0) + 1
        following = str(number) if number < self.count else None
        return SimpleNamespace(tools=[number], next_cursor=following)


async def test_tools_are_listed_page_by_page() -> None:
    """But not without end."""
    assert await _listed(Pages(3)) == [1, 2, 3]
    with pytest.raises(LLMGateError, match="more than 100 pages"):
        await _listed(Pages(1000))


def test_a_tool_without_a_description() -> None:
    """None is sent."""
    described = SimpleNamespace(name="x", description=None, input_schema={"type": "object"})
    definition: Any = McpTool(None, described, "", 1, 1).definition
    assert "description" not in definition["function"]
