"""Messages that are taken though they hold what no library writes: names of one role in another."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate import Client, InvalidRequestError, UnsupportedError
from llmgate.provider.http import decode_json, is_array, is_object
from llmgate.testing import FakeProvider

Messages = list[dict[str, Any]]
HOSTS_CALL: dict[str, Any] = {"type": "web_search_call", "action": {"query": "weather"}}
CALLED: dict[str, Any] = {"name": "weather", "arguments": "{}"}
CUSTOM: dict[str, Any] = {"id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}


async def sent(messages: Messages, *, times: int = 1) -> Messages:
    """The messages that the provider was given for such ones, the last time."""
    provider = FakeProvider(["Hi"] * times)
    async with Client(providers={"fake": provider}, max_retries=0) as client:
        for _ in range(times):
            await client.acompletion("fake/m", messages)
    found: Messages = decode_json(provider.transport.requests[-1].body)["conversation"]
    return found


@pytest.mark.parametrize("role", ["user", "system", "developer", "tool", "function"])
@pytest.mark.parametrize(
    "more",
    [
        {"tool_calls": [1]},
        {"tool_calls": 1},
        {"tool_calls": {"function": 1}},
        {"tool_calls": ["x"], "function_call": 3, "refusal": None},
        {"tool_calls": [{"type": "function"}], "function_call": {"name": 1}},
        {"audio": "x", "tool_call_id": "1"},
    ],
    ids=repr,
)
async def test_what_is_no_response_may_hold_anything_under_the_names_of_one(
    role: str, more: dict[str, Any]
) -> None:
    """It is an unknown key, and sent as it is."""
    first: dict[str, Any] = {"role": "assistant", "tool_calls": [CUSTOM | {"id": "1"}]}
    message: dict[str, Any] = {"role": role, "content": "x", **more}
    if role == "function":
        first = {"role": "assistant", "function_call": CALLED}
        message["name"] = "weather"
    if role == "tool":
        message["tool_call_id"] = "1"
    [_, found] = await sent([first, message], times=2)
    expected = {name: value for name, value in message.items() if value is not None}
    if role == "function":
        expected = {"role": "tool", "tool_call_id": "call_0", "content": "x"}
    assert expected == found


@pytest.mark.parametrize(
    ("one", "other"),
    [({"tool_calls": 0}, {"tool_calls": False}), ({"tool_call_id": 1}, {"tool_call_id": True})],
)
async def test_a_number_is_not_a_truth_value(one: dict[str, Any], other: dict[str, Any]) -> None:
    """They are equal, and are told apart from one call to the next."""
    history: Messages = [
        {"role": "user", "content": "x", "name": "n"},
        {"role": "user", "content": "y"},
    ]
    provider = FakeProvider(["Hi", "Hi"])
    async with Client(providers={"fake": provider}) as client:
        for more in (one, other):
            messages: Messages = [*history, {"role": "user", "content": "z", **more}]
            await client.acompletion("fake/m", messages)
    for request, more in zip(provider.transport.requests, (one, other), strict=True):
        last = decode_json(request.body)["conversation"][-1]
        assert repr({"role": "user", "content": "z", **more}) == repr(last)


@pytest.mark.parametrize(
    "call", [HOSTS_CALL, {**HOSTS_CALL, "id": ["x"]}, {**HOSTS_CALL, "function": "weather"}]
)
async def test_a_call_of_a_host_beside_one_in_the_legacy_form(call: dict[str, Any]) -> None:
    """It needs no id, and what it holds is not looked at; no result names it, so it is left out."""
    message = {"role": "assistant", "function_call": CALLED, "tool_calls": [call]}
    first = {"id": "call_0", "type": "function", "function": CALLED}
    result = {"role": "function", "name": "weather", "content": "sunny"}
    assert [
        {"content": None, "role": "assistant", "tool_calls": [first]},
        {"role": "tool", "tool_call_id": "call_0", "content": "sunny"},
    ] == await sent([message, result])


async def test_a_call_of_a_host_before_one_in_the_legacy_form() -> None:
    """It waits for no result."""
    first = {"role": "assistant", "content": "", "tool_calls": [HOSTS_CALL]}
    second = {"role": "assistant", "function_call": CALLED}
    result = {"role": "function", "name": "weather", "content": "sunny"}
    found = await sent([first, second, result])
    assert [first, "call_1"] == [found[0], found[-1]["tool_call_id"]]


async def test_the_function_of_a_custom_call_is_not_looked_at() -> None:
    """It is an unknown key."""
    call = {**CUSTOM, "function": True}
    message = {"role": "assistant", "function_call": CALLED, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "a", "content": "x"}
    [found, _] = await sent([message, result])
    assert call == found["tool_calls"][1]


# --- one value changed, anywhere ---

CALLS: list[Any] = [
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
    CUSTOM,
    HOSTS_CALL,
]
PARTS: list[Any] = [
    {"type": "text", "text": "Hi"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "input_audio", "input_audio": {"data": "UklGRAAA", "format": "wav"}},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
]
TOOL: dict[str, Any] = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
WHOLE: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": PARTS, "name": "n"},
        {"role": "assistant", "content": None, "tool_calls": CALLS, "function_call": CALLED},
        {"role": "tool", "content": "x", "tool_call_id": "a"},
        {"role": "function", "content": "x", "name": "weather"},
    ],
    "tools": [{"type": "function", "function": TOOL}, {"type": "custom", "custom": {"name": "f"}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
}
LEGACY: dict[str, Any] = {
    "messages": WHOLE["messages"],
    "functions": [TOOL],
    "function_call": {"name": "weather"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
}
JUNK: list[Any] = [None, True, 0, -1.5, "", "data", "data:", [], {}, [1], {"a": 1}, [{}], [None]]


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a value with each key, or index, of it."""
    keys: list[Any] = []
    if is_object(value):
        keys = [*value]
    elif is_array(value):
        keys = [*range(len(value))]
    for key in keys:
        yield value, key
        yield from places_in(value[key])


@pytest.mark.parametrize("name", ["tool_calls", "function_call", "function", "type", None])
@pytest.mark.parametrize("arguments", [WHOLE, LEGACY], ids=["tools", "functions"])
def test_any_value_in_place_of_any_other(arguments: dict[str, Any], name: str | None) -> None:
    """A call is taken or refused, and nothing else is raised, whatever stands where: another value,
    none, or a further key."""
    taken = refused = 0
    with Client(providers={"fake": FakeProvider()}) as client:
        for number, _ in enumerate(places_in(arguments)):
            for junk in JUNK:
                changed = copy.deepcopy(arguments)
                container, key = [*places_in(changed)][number]
                is_named = name is not None and isinstance(container, dict)
                container[name if is_named else key] = junk
                changed = {key: value for key, value in changed.items() if key in arguments}
                messages = changed.pop("messages")
                try:
                    client.preview("fake/m", messages, **changed)
                    taken += 1
                except (InvalidRequestError, UnsupportedError):
                    refused += 1
    assert taken > 100
    assert refused > 100
