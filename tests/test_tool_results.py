"""Tools that do what few do: what they return, and how they end, reaches the model all the same."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from llmgate.tool_loop import arun_tools
from tests.tool_loops import MESSAGES, called, client_of, loop, weather


async def result_of(function: Any, arguments: str = "{}") -> Any:
    """What the model is given for a call of a function."""
    run = await loop([called(function.__name__, arguments)], "Done.", tools=[function])
    assert run.text == "Done."
    return run.messages[2]["content"]


async def test_an_object_with_a_type_is_json() -> None:
    """Whatever the type is: a schema has a list of them."""

    def schema() -> Any:
        return {"type": ["string", "null"]}

    assert await result_of(schema) == '{"type": ["string", "null"]}'


async def test_a_decorated_async_function_is_awaited() -> None:
    """Though its decorator is not async."""

    async def greet(name: str) -> str:
        await asyncio.sleep(0)
        return f"Hello {name}"

    @functools.wraps(greet)
    def decorated(*args: Any, **named: Any) -> Any:
        return greet(*args, **named)

    assert await result_of(decorated, '{"name": "Ada"}') == "Hello Ada"


async def test_a_tool_that_waits_for_what_was_cancelled() -> None:
    """Has failed, and the loop goes on."""

    async def waits() -> str:
        other = asyncio.ensure_future(asyncio.sleep(20))
        other.cancel()
        await other
        return "never"

    assert await result_of(waits) == "Error: the tool was cancelled"


async def test_results_that_are_no_unicode() -> None:
    """Are escaped, alone, as JSON and beside parts: no request can hold them."""
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    def text() -> str:
        return name

    def listed() -> list[str]:
        return [name]

    def parts() -> list[Any]:
        return [name, {"type": "text", "text": "b"}]

    assert await result_of(text) == "caf\\udce9"
    assert await result_of(listed) == '["caf\\udce9"]'
    first, _ = await result_of(parts)
    assert first == {"type": "text", "text": "caf\\udce9"}


async def test_tools_from_a_generator() -> None:
    """Are read once, and all are there."""
    async with client_of([called("weather", '{"city": "Oslo"}')], "Done.") as client:
        tools: Any = (each for each in [weather])
        run = await arun_tools("fake/m", MESSAGES, tools=tools, client=client)
    assert run.messages[2]["content"] == "sunny in Oslo"
