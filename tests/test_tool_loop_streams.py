"""The tool loop as a stream of events, and results that are no texts."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import llmgate
from llmgate import Client, tool
from llmgate.errors import InvalidRequestError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.tool_loop import (
    ToolCalled,
    ToolLoopError,
    arun_tools,
    run_tools,
)
from llmgate.tools import Context
from llmgate.types import Chunk
from tests.tool_loops import MESSAGES, City, broken, called, client_of, loop, weather

# --- streams ----------------------------------------------------------------------------


async def test_a_loop_is_streamed() -> None:
    """Chunks, completions and what came of calls, in order; the history grows meanwhile."""
    async with client_of([called("weather", '{"city": "Oslo"}')], "It is sunny.") as client:
        run = await arun_tools(
            "fake/m", MESSAGES, tools=[weather], client=client, stream=True, timeout=10
        )
        assert not run.completions
        events = [event async for event in run]
    kinds = [type(event).__name__ for event in events if not isinstance(event, Chunk)]
    assert kinds == ["Completion", "ToolCalled", "Completion"]
    texts = [event.choices[0].delta.content for event in events if isinstance(event, Chunk)]
    assert "".join(filter(None, texts)) == "It is sunny."
    assert run.text == "It is sunny."
    assert [message["role"] for message in run.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert run.usage is not None
    assert run.usage.prompt_tokens == 1 + 3


async def test_a_streamed_loop_that_is_left() -> None:
    """It is resumed by another loop over it, or closed."""
    async with client_of([called("weather", '{"city": "Oslo"}')], "It is sunny.") as client:
        async with await arun_tools(
            "fake/m", MESSAGES, tools=[weather], client=client, stream=True
        ) as run:
            async for event in run:
                if isinstance(event, ToolCalled):
                    break
            assert len(run.messages) == 3
            assert isinstance(await anext(run), Chunk)
        assert [event async for event in run] == []
    assert len(run.messages) == 3


async def test_a_streamed_loop_that_is_cancelled() -> None:
    """Its tools end, and what there was stays."""
    ended = list[bool]()

    async def waits() -> None:
        try:
            await anyio.sleep(30)
        finally:
            ended.append(True)

    async with client_of([called("waits")]) as client:
        run = await arun_tools("fake/m", MESSAGES, tools=[waits], client=client, stream=True)
        with anyio.move_on_after(0.3):
            [_ async for _ in run]
    assert ended == [True]
    assert len(run.completions) == 1


class Watched(Middleware):
    """Keeps the streams that it passes on."""

    observes = True

    def __init__(self) -> None:
        self.streams = list[Any]()

    async def chat(self, call: Any, handler: Any) -> Any:
        self.streams.append(await handler(call))
        return self.streams[-1]


async def test_a_streamed_loop_that_is_closed() -> None:
    """The stream of its model is closed with it, and not some time later."""
    watched = Watched()
    provider = FakeProvider(["It is sunny."])
    async with Client(providers={"fake": provider}, middleware=[watched]) as client:
        run = await arun_tools("fake/m", MESSAGES, tools=[weather], client=client, stream=True)
        assert isinstance(await anext(run), Chunk)
        assert [each.is_open for each in watched.streams] == [True]
        await run.aclose()
        assert [each.is_open for each in watched.streams] == [False]


def test_a_streamed_loop_without_async() -> None:
    """The same, for ``for``."""
    calls = [called("weather", '{"city": "Oslo"}')]
    with client_of(calls, "Sunny.", calls) as client:
        options: dict[str, Any] = {"tools": [weather], "client": client}
        with run_tools("fake/m", MESSAGES, stream=True, **options) as run:
            kinds = {type(event).__name__ for event in run}
        assert kinds == {"Chunk", "Completion", "ToolCalled"}
        assert run.text == "Sunny."
        with run_tools("fake/m", MESSAGES, stream=True, **options) as run:
            next(iter(run))
        assert not run.completions


# --- what tools bring -------------------------------------------------------------------


async def test_a_tool_has_a_timeout_and_a_context() -> None:
    """Its own timeout goes before the loop's."""

    @tool(timeout=0.05)
    async def waits(name: Context[str]) -> str:
        await anyio.sleep(30)
        return name

    @tool
    def named(name: Context[str]) -> str:
        return name

    calls = [called("waits"), called("named", ident="c2")]
    run = await loop(calls, "Done.", tools=[waits, named], context="Ann", tool_timeout=20)
    assert run.messages[2]["content"] == "Error: the tool took longer than 0.05 seconds"
    assert run.messages[3]["content"] == "Ann"
    with pytest.raises(InvalidRequestError, match="'named' needs a context"):
        await loop(tools=[named])


async def test_arguments_are_repaired() -> None:
    """The event says so."""
    seen = list[Any]()
    await loop([called("weather", "{'city': 'Oslo',}")], "Done.", on_event=seen.append)
    assert (seen[1].arguments, seen[1].repaired) == ({"city": "Oslo"}, True)
    assert seen[1].call_id == "c1"


async def test_parts_are_results() -> None:
    """They are sent as they are."""
    picture = llmgate.image(b"\x89PNG....")

    def look() -> Any:
        return ["A cat:", picture]

    run = await loop([called("look")], "A cat.", tools=[look])
    assert run.messages[2]["content"] == [{"type": "text", "text": "A cat:"}, picture]


async def test_a_loop_ends_with_a_value() -> None:
    """``response_format`` is for the last response."""
    run = await loop([called("weather", '{"city": "x"}')], '{"name": "Oslo"}', response_format=City)
    assert run.parsed == City(name="Oslo")


class Shelf:
    """A source of tools."""

    def __init__(self, *tools: Any) -> None:
        self.tools, self.log = tools, list[str]()

    async def open_tools(self) -> list[Any]:
        """The tools."""
        self.log.append("open")
        return [tool(each) for each in self.tools]

    async def close_tools(self) -> None:
        """Nobody needs them."""
        self.log.append("close")


async def test_a_source_of_tools_is_opened_and_closed() -> None:
    """Beside functions; also where the loop fails."""
    shelf = Shelf(weather)
    calls = [called("weather", '{"city": "Oslo"}'), called("broken", ident="c2")]
    run = await loop(calls, "Done.", tools=[shelf, broken])
    assert run.messages[2]["content"] == "sunny in Oslo"
    assert shelf.log == ["open", "close"]
    with pytest.raises(InvalidRequestError, match="two tools have one name: 'weather'"):
        await loop(tools=[shelf, weather])
    assert shelf.log == ["open", "close"] * 2


async def test_a_loop_without_tools() -> None:
    """It is one call."""
    assert (await loop("Hi.", tools=[])).text == "Hi."


@pytest.mark.parametrize("given", [1, "weather"])
async def test_what_is_no_tool(given: Any) -> None:
    """It is refused at once."""
    with pytest.raises(InvalidRequestError, match="neither a function nor a Tool"):
        await loop(tools=[given])


def test_two_tools_of_one_name() -> None:
    """They are refused before anything is sent."""
    with pytest.raises(InvalidRequestError, match="one name"):
        run_tools("fake/m", MESSAGES, tools=[weather, weather])


def test_without_async() -> None:
    """The same, and through the default client where none is given."""
    with client_of([called("weather", '{"city": "Oslo"}')], "Done.") as client:
        run = run_tools("fake/m", MESSAGES, tools=[weather], client=client)
    assert run.text == "Done."
    with pytest.raises(llmgate.UnknownProviderError):
        run_tools("nobody-has/it", MESSAGES, tools=[weather])


@pytest.mark.parametrize("name", ["completion", "text", "parsed"])
async def test_a_streamed_loop_that_was_not_read(name: str) -> None:
    """It has no response yet, and says so; what is a sum of none is None or nothing."""
    async with client_of("Done.") as client:
        run = await arun_tools("fake/m", MESSAGES, tools=[weather], client=client, stream=True)
        with pytest.raises(ToolLoopError, match="no response has come yet") as caught:
            getattr(run, name)
        assert run is caught.value.run
        assert run.usage is None
        [_ async for _ in run]
        assert "Done." == run.text
