"""Schemas for models that take none, in calls that have tools of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmgate import Client
from llmgate.provider import Support
from llmgate.testing import FakeProvider
from llmgate.tool_loop import ToolCalled, arun_tools
from llmgate.types import Completion, Function, ToolCall
from tests.parsed_calls import QUESTION, Item

LOOK = ToolCall("c1", Function("look", '{"name": "nut"}'))
FUNCTION: dict[str, Any] = {"name": "look", "parameters": {"type": "object", "properties": {}}}


def look(name: str) -> str:
    """Look for it."""
    return f"a {name}"


class WithoutSchemas(FakeProvider):
    """A provider whose models take tools, and no schema."""

    def abilities(self, model: str, parameters: Any) -> Mapping[str, Support]:
        """What a model takes."""
        return {"tools": Support.NATIVE, "tool_choice": Support.NATIVE}


async def completion_of(stream: bool, **options: Any) -> Completion:
    """What comes of a call of a tool that the caller offers."""
    async with Client(providers={"fake": WithoutSchemas([[LOOK]])}) as client:
        result: Any = await client.acompletion(
            "fake/m", QUESTION, response_format=Item, stream=stream, **options
        )
        completion: Completion = await result.completion() if stream else result
        return completion


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_of_the_callers_own_tool_stays_a_call(stream: bool) -> None:
    """It is no answer in the schema, which is asked for in words."""
    completion = await completion_of(stream, tools=[look])
    choice = completion.choices[0]
    assert [LOOK] == choice.message.tool_calls
    assert ("tool_calls", None, None) == (
        choice.finish_reason,
        choice.message.content,
        choice.message.parsed,
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("options", [{"functions": [FUNCTION]}, {"function_call": "auto"}])
async def test_a_call_in_the_legacy_form_stays_a_call(
    stream: bool, options: dict[str, Any]
) -> None:
    """Likewise: whoever uses that form is given it."""
    completion = await completion_of(stream, **options)
    choice = completion.choices[0]
    assert ("function_call", LOOK.function) == (choice.finish_reason, choice.message.function_call)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_of_tools_with_a_schema(stream: bool) -> None:
    """The tool is run, and the last response is the value."""
    provider = WithoutSchemas([[LOOK], '{"name": "nut"}'])
    async with Client(providers={"fake": provider}) as client:
        options: dict[str, Any] = {"response_format": Item, "stream": stream, "client": client}
        run: Any = await arun_tools("fake/m", QUESTION, tools=[look], **options)
        if stream:
            assert [LOOK.id] == [each.call_id async for each in run if isinstance(each, ToolCalled)]
    assert Item(name="nut") == run.parsed
    assert "a nut" == run.messages[-2]["content"]
