"""The tool loop: rounds, results, errors that the model is handed, limits."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Any

import anyio
import pytest

import llmgate
from llmgate.errors import DeadlineExceededError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.tool_loop import (
    ToolCalled,
    ToolFailed,
    ToolLoopError,
    arun_tools,
)
from llmgate.types import Choice, Completion, CustomCall, ToolCall, Usage
from tests.tool_loops import MESSAGES, City, broken, called, loop, weather


async def slow(seconds: float) -> str:
    """Takes its time."""
    await anyio.sleep(seconds)
    return "done"


async def test_a_tool_is_called_and_the_model_is_asked_again() -> None:
    """The history, the completions and their usage are in the result."""
    run = await loop([called("weather", '{"city": "Oslo"}')], "It is sunny.")
    assert run.text == "It is sunny."
    roles = [message["role"] for message in run.messages]
    assert roles == ["user", "assistant", "tool", "assistant"]
    assert run.messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "sunny in Oslo"}
    assert len(run.completions) == 2
    assert run.usage is not None
    assert run.usage.prompt_tokens == 1 + 3
    assert len(MESSAGES) == 1


async def test_calls_of_one_response_run_at_once() -> None:
    """Their results come in the order of the calls."""
    calls = [called("slow", '{"seconds": 0.4}', f"c{number}") for number in range(10)]
    began = time.monotonic()
    run = await loop(calls, "Done.", tools=[slow])
    assert time.monotonic() - began < 2.0
    results = [message["tool_call_id"] for message in run.messages if message["role"] == "tool"]
    assert results == [f"c{number}" for number in range(10)]


async def test_a_sync_function_runs_on_a_thread() -> None:
    """And sees the caller's context; the loop goes on meanwhile."""
    threads = list[threading.Thread]()
    running, went_on = asyncio.get_running_loop(), threading.Event()
    caller = ContextVar("caller", default="nobody")

    def where() -> str:
        threads.append(threading.current_thread())
        running.call_soon_threadsafe(went_on.set)
        assert went_on.wait(20)
        return caller.get()

    caller.set("Ann")
    run = await loop([called("where")], "Done.", tools=[where])
    assert threads[0] is not threading.current_thread()
    assert run.messages[2]["content"] == "Ann"


@dataclass
class Point:
    """A parameter that is no plain value."""

    x: int


def born(day: date, at: Point) -> dict[str, Any]:
    """Takes a date and an object."""
    return {"day": day, "city": City(name="Oslo"), "x": at.x + 1}


async def test_arguments_are_converted_and_results_are_json() -> None:
    """By the function's annotations; dates, models and dataclasses are read and written."""
    run = await loop(
        [called("born", '{"day": "2026-11-30", "at": {"x": 1}}')], "Done.", tools=[born]
    )
    assert run.messages[2]["content"] == '{"day":"2026-11-30","city":{"name":"Oslo"},"x":2}'
    run = await loop([called("numbers")], "Done.", tools=[numbers])
    assert run.messages[2]["content"] == '[1, "ü"]'


def numbers() -> list[Any]:
    """A list."""
    return [1, "ü"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (called("wether", '{"city": "Oslo"}'), "there is no tool 'wether'; there are: weather"),
        (called("weather", '{"city": '), "JSON"),
        (called("weather", '{"town": "Oslo"}'), "city"),
        (called("weather", "[]"), "object"),
        (called("broken"), "the tool's own words"),
        (called("slow", '{"seconds": 30}'), "longer than 0.05 seconds"),
    ],
)
async def test_what_went_wrong_is_handed_to_the_model(call: ToolCall, said: str) -> None:
    """Or it ends the loop, where that was asked for."""
    tools: list[Any] = [weather]
    if call.function and call.function.name != "wether":
        tools = [weather, broken, slow]
    run = await loop([call], "Sorry.", tools=tools, tool_timeout=0.05)
    assert run.text == "Sorry."
    assert run.messages[2]["content"].startswith("Error: ")
    assert said in run.messages[2]["content"]
    with pytest.raises(ToolLoopError, match="failed") as raised:
        await loop([call], "Sorry.", tools=tools, tool_timeout=0.05, on_error="raise")
    assert raised.value.run.messages[-1]["role"] == "tool"


async def test_a_custom_call_is_no_function() -> None:
    """The model is told so; it cannot have been offered one."""
    custom = ToolCall("c1", custom=CustomCall("grep", "x"), type="custom")

    class Says:
        """A client whose model calls that, then answers."""

        def __init__(self) -> None:
            self.left: list[Any] = [[custom], None]

        async def acompletion(self, model: str, messages: Any, **options: Any) -> Any:
            """One call."""
            message = llmgate.Message("Done.", tool_calls=self.left.pop(0))
            return Completion([Choice(message)])

    run = await arun_tools("m", MESSAGES, tools=[weather], client=Says())
    assert "there is no tool 'custom'" in run.messages[2]["content"]
    assert run.usage is None


async def test_events() -> None:
    """Each completion and each call, in order."""
    seen = list[Any]()
    calls = [called("weather", '{"city": "Oslo"}'), called("broken", ident="c2")]
    await loop(calls, "Done.", tools=[weather, broken], on_event=seen.append)
    assert [type(event) for event in seen] == [Completion, ToolCalled, ToolFailed, Completion]
    assert (seen[1].name, seen[1].arguments, seen[1].result) == (
        "weather",
        {"city": "Oslo"},
        "sunny in Oslo",
    )
    assert seen[1].seconds >= 0
    assert seen[2].arguments == "{}"


async def test_rounds_and_calls_are_limited() -> None:
    """The error holds what there was."""
    again = [called("weather", '{"city": "Oslo"}')]
    with pytest.raises(ToolLoopError, match="after 3 rounds") as raised:
        await loop(*[again] * 5, max_rounds=3)
    assert len(raised.value.run.completions) == 3
    assert raised.value.run.usage != Usage()
    with pytest.raises(ToolLoopError, match="more than 2 calls"):
        await loop(*[again] * 5, max_calls=2)


@pytest.mark.parametrize("timeout", [0.2, llmgate.Timeout(total=0.2)])
async def test_one_deadline_holds_for_all(timeout: Any) -> None:
    """For what the tools take, too."""
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        await loop([called("slow", '{"seconds": 30}')], tools=[slow], timeout=timeout)
    assert time.monotonic() - began < 5


async def test_a_deadline_that_passed_between_two_calls() -> None:
    """No further call is made."""

    def blocks(_: object) -> None:
        time.sleep(0.3)

    with pytest.raises(DeadlineExceededError, match="tool loop"):
        await loop([called("weather", '{"city": "x"}')], "Done.", on_event=blocks, timeout=0.2)


async def test_no_limit_of_time() -> None:
    """``Timeout(total=None)`` is handed on, with the other limits of its calls."""
    given = list[Any]()

    class Watching(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            given.append(call.timeout)
            return await handler(call)

    provider = FakeProvider(["Done.", "Done."])
    async with llmgate.Client(providers={"fake": provider}, middleware=[Watching()]) as client:
        for timeout in (llmgate.Timeout(total=None, idle=5), None):
            run = await arun_tools("fake/m", MESSAGES, tools=[slow], client=client, timeout=timeout)
            assert run.completion.text == "Done."
    assert given == [llmgate.Timeout(total=None, idle=5), None]


async def test_cancellation_ends_the_tools() -> None:
    """Nothing is left running."""
    ended = list[bool]()

    async def waits() -> None:
        try:
            await anyio.sleep(30)
        finally:
            ended.append(True)

    with anyio.move_on_after(0.2):
        await loop([called("waits")], tools=[waits])
    assert ended == [True]


class Silent:
    """A client whose model gives no choice."""

    async def acompletion(self, model: str, messages: Any, **options: Any) -> Any:
        """A completion, or a stream of one."""
        completion = Completion([], "id-1")
        return llmgate.Stream.replay(completion) if options.get("stream") else completion


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_without_a_choice(stream: bool) -> None:
    """There is nothing to go on from; the response is among those of the run."""

    async def runs() -> None:
        client = Silent()
        if not stream:
            await arun_tools("fake/m", MESSAGES, tools=[weather], client=client)
            return
        async for _ in await arun_tools(
            "fake/m", MESSAGES, tools=[weather], stream=True, client=client
        ):
            pass

    with pytest.raises(ToolLoopError, match="the response has no choice") as caught:
        await runs()
    assert ([*MESSAGES], ["id-1"]) == (
        caught.value.run.messages,
        [completion.id for completion in caught.value.run.completions],
    )
