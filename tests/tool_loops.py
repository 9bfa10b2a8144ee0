"""What tests of the tool loop share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from llmgate import Client
from llmgate.testing import FakeProvider
from llmgate.tool_loop import (
    ToolRun,
    ToolSource,
    arun_tools,
)
from llmgate.types import Function, ToolCall

MESSAGES: list[Any] = [{"role": "user", "content": "How is the weather?"}]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def broken() -> str:
    """Fails."""
    raise RuntimeError("the tool's own words")


def called(name: str, arguments: str = "{}", ident: str = "c1") -> ToolCall:
    """A call that the model makes."""
    return ToolCall(ident, Function(name, arguments))


def client_of(*answers: Any) -> Client:
    """A client whose model says this."""
    return Client(providers={"fake": FakeProvider(answers)}, max_retries=0)


async def loop(
    *answers: Any,
    tools: Iterable[Callable[..., Any] | ToolSource] = (weather,),
    **more: Any,
) -> ToolRun:
    """A loop with a model that says this."""
    async with client_of(*answers) as client:
        run: ToolRun = await arun_tools("fake/m", MESSAGES, tools=[*tools], client=client, **more)
        return run


class City(BaseModel):
    """A result that is no text."""

    name: str
