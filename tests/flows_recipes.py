"""The classes of docs/frameworks.md under their frameworks: ``make frameworks`` runs them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from llmgate import Client
from llmgate.testing import FakeProvider
from llmgate.types import Function, ToolCall

PAGE = (Path(__file__).parents[1] / "docs" / "frameworks.md").read_text(encoding="utf-8")
SECTIONS = [part.partition("\n")[::2] for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]]
RECIPES = [
    (title, code)
    for title, text in SECTIONS
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]


class City(BaseModel):
    """A value that an agent ends with."""

    name: str


def recipe(title: str) -> dict[str, Any]:
    """The names that the code of a section defines."""
    names: dict[str, Any] = {"__name__": "recipe"}
    for section, code in RECIPES:
        if section == title:
            exec(code, names)  # noqa: S102 - our own document
    return names


def client_of(*answers: Any) -> tuple[Client, FakeProvider]:
    """A client whose model says this, and what it is asked."""
    provider = FakeProvider(answers)
    return Client(providers={"fake": provider}, max_retries=0), provider


def calls(name: str, arguments: str = '{"city": "Oslo"}') -> list[ToolCall]:
    """A call that the model makes."""
    return [ToolCall("c1", Function(name, arguments))]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@pytest.mark.parametrize(("title", "code"), RECIPES)
def test_a_recipe_is_short(title: str, code: str) -> None:
    """It is to be copied."""
    assert len(code.splitlines()) <= 60, title


def test_every_framework_has_one() -> None:
    """In this order."""
    assert list(dict(RECIPES)) == ["OpenAI Agents", "Pydantic AI", "LangChain"]


async def test_openai_agents() -> None:
    """Tools, a value at the end, usage."""
    agents: Any = import_module("agents")
    agents.set_tracing_disabled(True)
    client, provider = client_of(calls("weather"), '{"name": "Oslo"}')
    async with client:
        agent = agents.Agent(
            name="Helper",
            instructions="Be brief.",
            model=recipe("OpenAI Agents")["AgentsModel"]("fake/m", client),
            tools=[agents.function_tool(weather)],
            output_type=City,
        )
        result = await agents.Runner.run(agent, "How is the weather?")
    assert result.final_output.name == "Oslo"
    assert result.context_wrapper.usage.input_tokens > 0
    sent = provider.transport.requests[1].body
    assert b"sunny in Oslo" in sent
    assert b"Be brief." in sent


async def test_openai_agents_streams() -> None:
    """Text arrives in pieces, tools are called in between, usage comes at the end."""
    agents: Any = import_module("agents")
    agents.set_tracing_disabled(True)
    client, provider = client_of(calls("weather"), "Sunny and warm.")
    async with client:
        model = recipe("OpenAI Agents")["AgentsModel"]("fake/m", client)
        agent = agents.Agent(name="Helper", model=model, tools=[agents.function_tool(weather)])
        run = agents.Runner.run_streamed(agent, "How is the weather?")
        pieces = [
            event.data.delta
            async for event in run.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
    assert len(pieces) > 1
    assert "".join(pieces) == run.final_output == "Sunny and warm."
    assert run.context_wrapper.usage.input_tokens > 0
    assert b"sunny in Oslo" in provider.transport.requests[1].body


async def test_pydantic_ai() -> None:
    """Tools, a retry for what does not fit, a value at the end, usage."""
    ai: Any = import_module("pydantic_ai")
    wrong = calls("final_result", '{"nam": "Oslo"}')
    right = calls("final_result", '{"name": "Oslo"}')
    client, provider = client_of(calls("weather"), wrong, right, "Good day.")
    model = recipe("Pydantic AI")["PydanticModel"]
    async with client:
        agent = ai.Agent(
            model("fake/m", client), output_type=City, instructions="Be brief.", tools=[weather]
        )
        result = await agent.run("How is the weather?")
        assert result.output.name == "Oslo"
        plain = await ai.Agent(model("fake/m", client), system_prompt="Be polite.").run("Hello.")
    assert plain.output == "Good day."
    bodies = [request.body for request in provider.transport.requests]
    assert b"sunny in Oslo" in bodies[1]
    assert b"Field required" in bodies[2]
    assert b"Be brief." in bodies[0]
    assert b"Be polite." in bodies[3]


async def test_pydantic_ai_streams() -> None:
    """Text arrives in pieces, tools are called first, usage comes at the end; a run can be left."""
    ai: Any = import_module("pydantic_ai")
    client, provider = client_of(
        calls("weather"), "Sunny and warm.", calls("final_result", '{"name": "Oslo"}'), "Long."
    )
    model = recipe("Pydantic AI")["StreamingPydanticModel"]("fake/m", client)
    async with client:
        async with ai.Agent(model, tools=[weather]).run_stream("How is the weather?") as run:
            pieces = [piece async for piece in run.stream_text(delta=True, debounce_by=None)]
        async with ai.Agent(model, output_type=City).run_stream("Which city?") as found:
            city = await found.get_output()
        async with ai.Agent(model).run_stream("Tell me more.") as left:
            await left.cancel()
    assert len(pieces) > 1
    assert "".join(pieces) == "Sunny and warm."
    assert run.usage.input_tokens > 0
    assert city == City(name="Oslo")
    assert left.cancelled
    assert provider.transport.still_open == 0
    assert b"sunny in Oslo" in provider.transport.requests[1].body


async def test_langchain() -> None:
    """Tools, arguments that are none, values, usage; with and without async."""
    messages: Any = import_module("langchain_core.messages")
    tools: Any = import_module("langchain_core.tools")
    client, provider = client_of(
        calls("weather"), "Sunny.", calls("weather", "{"), calls("City", '{"name": "Oslo"}')
    )
    model = recipe("LangChain")["LangChainModel"](name="fake/m", client=client)
    bound = model.bind_tools([tools.tool(weather)])
    async with client:
        history = [messages.HumanMessage("How is the weather?")]
        history.append(await bound.ainvoke(history))
        [call] = history[-1].tool_calls
        assert call["args"] == {"city": "Oslo"}
        history.append(messages.ToolMessage(weather(**call["args"]), tool_call_id=call["id"]))
        answer = bound.invoke(history)
        assert answer.content == "Sunny."
        assert answer.usage_metadata["input_tokens"] == 3
        wrong = bound.invoke(history)
        assert wrong.invalid_tool_calls[0]["args"] == "{"
        found = model.with_structured_output(City).invoke("Which city?")
    assert found == City(name="Oslo")
    assert b"sunny in Oslo" in provider.transport.requests[1].body


async def test_langchain_streams() -> None:
    """Text and arguments arrive in pieces, which add up to the message; with and without async."""
    tools: Any = import_module("langchain_core.tools")
    client, _ = client_of("Sunny and warm.", "Cold and wet.", calls("weather"))
    model = recipe("LangChain")["StreamingLangChainModel"](name="fake/m", client=client)
    async with client:
        awaited = [piece async for piece in model.astream("How is the weather?")]
        plain = list(model.stream("How is it now?"))
        pieces: list[Any] = [*model.bind_tools([tools.tool(weather)]).stream("And in Oslo?")]
    assert "".join(piece.content for piece in awaited) == "Sunny and warm."
    assert [bool(piece.content) for piece in awaited].count(True) > 1
    assert "".join(piece.content for piece in plain) == "Cold and wet."
    assert [piece.usage_metadata for piece in plain if piece.usage_metadata] != []
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    [call] = whole.tool_calls
    assert (call["name"], call["args"], call["id"]) == ("weather", {"city": "Oslo"}, "c1")
