"""Tools that do what few do: what they return, and how they end, reaches the model all the same.
Settings that are none are refused.
"""

from __future__ import annotations

import asyncio
import functools
import math
import pickle
from typing import Any

import pytest

from llmgate import InvalidRequestError, tool
from llmgate.tool_loop import ToolLoopError, arun_tools
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


async def test_a_failure_that_ends_the_loop_leaves_a_whole_history() -> None:
    """Each call has its result, so that it can be sent again."""

    def bad() -> str:
        raise ValueError("no")

    calls = [called("bad", ident="c1"), called("weather", '{"city": "Oslo"}', "c2")]
    with pytest.raises(ToolLoopError, match="the tool bad failed") as caught:
        await loop(calls, tools=[bad, weather], on_error="raise")
    told = [message.get("tool_call_id") for message in caught.value.run.messages[2:]]
    assert told == ["c1", "c2"]


async def test_a_failure_goes_through_a_pool_of_processes() -> None:
    """As a pickle, with what there was until then."""
    with pytest.raises(ToolLoopError) as caught:
        await loop([called("weather", '{"city": "Oslo"}')], max_calls=0)
    loaded = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made in the line itself
    assert (str(caught.value), caught.value.run) == (str(loaded), loaded.run)


# --- settings ---


async def later(_: object) -> None:
    """A listener that nobody would await."""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_rounds", "8", "an integer above 0"),
        ("max_rounds", 0, "an integer above 0"),
        ("max_rounds", True, "an integer above 0"),
        ("max_calls", "3", "an integer of 0 or more"),
        ("max_calls", -1, "an integer of 0 or more"),
        ("tool_timeout", "5", "a number of seconds above 0"),
        ("tool_timeout", 0, "a number of seconds above 0"),
        ("tool_timeout", math.nan, "a number of seconds above 0"),
        ("on_error", "ignore", "'return' or 'raise'"),
        ("on_event", "print", "a function that is not async"),
        ("on_event", later, "a function that is not async"),
    ],
)
async def test_wrong_settings(name: str, value: Any, expected: str) -> None:
    """They are refused before the model is asked."""
    with pytest.raises(InvalidRequestError, match=f"^{name}: expected {expected}"):
        await loop("Done.", **{name: value})


def test_names_and_times_of_tools() -> None:
    """A dash is allowed in a name that is given; what is wrong is said as it is."""
    assert tool(name="get-weather")(weather).name == "get-weather"
    for name in ("get weather", 5):
        given: Any = name
        with pytest.raises(InvalidRequestError, match=r"tools\.name: expected a name of letters"):
            tool(name=given)(weather)
    late: Any = "5"
    with pytest.raises(InvalidRequestError, match=r"tools\.weather\.timeout: expected a number"):
        tool(timeout=late)(weather)
