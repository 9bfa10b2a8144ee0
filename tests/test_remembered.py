"""Large parameters are looked at once for the JSON that they are written as."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from llmgate import Client, Completion, Stream
from llmgate._core import remembered
from llmgate._core.check import check_parameters
from llmgate.errors import InvalidRequestError
from llmgate.middleware import Middleware
from llmgate.options import ChatCall
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def tool(name: str = "forecast", **more: Any) -> dict[str, Any]:
    """A tool, made anew."""
    fields = {"city": {"type": "string", "enum": ["Oslo", "Bergen"], **more}}
    function = {"name": name, "parameters": {"type": "object", "properties": fields}}
    return {"type": "function", "function": function}


def checked(*tools: Any) -> list[Any]:
    """The tools of a call, as a provider is given them."""
    parameters: Any = check_parameters({"tools": [*tools]})
    found: list[Any] = parameters["tools"]
    return found


def test_what_is_written_alike_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is not is looked at: a list that was changed meanwhile is another one."""
    tools = [tool("looked_at_once")]
    first = checked(*tools)
    monkeypatch.setattr(remembered, "parameter_validator", None)
    assert tools == first == checked(tool("looked_at_once"))
    tools[0]["function"]["name"] = "another"
    with pytest.raises(TypeError):
        checked(*tools)


def test_a_call_has_its_own_list_and_nothing_of_the_callers() -> None:
    """What either does with it is not seen by the next call."""
    mine = [tool("own_list")]
    first = checked(*mine)
    first.append(tool("more"))
    mine[0]["function"]["parameters"]["properties"].clear()
    assert [tool("own_list")] == checked(tool("own_list")) == first[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "function", "function": {"name": ""}},
        tool(default=float("nan")),
        tool(default=float("inf")),
        tool(default="\ud800"),
        tool(default={1: 2}),
        "no tool",
    ],
    ids=repr,
)
def test_what_is_wrong_is_refused_each_time(wrong: Any) -> None:
    """Also after a right one, and where its JSON would be that of a right one."""
    checked(tool(default=None))
    for _ in range(3):
        with pytest.raises(InvalidRequestError) as caught:
            checked(tool(), wrong)
        assert caught.value.path is not None
        assert caught.value.path.startswith("tools[1]")


@pytest.mark.parametrize(
    "odd", [tool(default=None), tool(default=2**70), tool(description="x" * 150_000)], ids=len
)
def test_what_is_not_remembered_is_taken_all_the_same(odd: Any) -> None:
    """A null, an integer that few writers know, and what is very long."""
    for _ in range(2):
        assert [odd] == checked(copy.deepcopy(odd))


def test_what_json_has_not_is_what_it_is_written_as() -> None:
    """A tuple is a list."""
    for _ in range(2):
        assert [tool(examples=["a"])] == checked(tool(examples=("a",)))


def test_middleware_may_change_all_of_a_call() -> None:
    """It has a copy: the next call of the same tools is another."""
    seen = list[Any]()

    class Renames(Middleware):
        async def chat(
            self, call: ChatCall, handler: Callable[[ChatCall], Awaitable[Completion | Stream]]
        ) -> Completion | Stream:
            parameters: Any = call.parameters
            parameters["tools"][0]["function"]["name"] += "_2"
            seen.append(parameters["tools"][0]["function"]["name"])
            return await handler(call)

    client = Client(providers={"fake": FakeProvider("Hello")}, middleware=[Renames()])
    for _ in range(3):
        client.completion("fake/m", HI, tools=[tool("renamed")], seed=1)
    client.close()
    assert ["renamed_2"] * 3 == seen
