"""Histories and parameters as hosts and other SDKs write them: each is read as what it means."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from llmgate import Client, Message
from llmgate._core.check import check_messages, check_parameters
from llmgate.errors import InvalidRequestError
from llmgate.report import Deviation
from llmgate.testing import FakeProvider
from llmgate.types import Function, ToolCall

HI: dict[str, Any] = {"role": "user", "content": "Hi"}
FUNCTION: dict[str, Any] = {"name": "f", "arguments": '{"a":1}'}
OTHER: dict[str, Any] = {"name": "f", "arguments": '{"a":2}'}
TWO_RESULTS: list[dict[str, Any]] = [{"role": "function", "name": "f", "content": "rain"}] * 2


def a_call(identifier: str = "t1", **more: Any) -> dict[str, Any]:
    """A call of a function."""
    return {"id": identifier, "type": "function", "function": FUNCTION, **more}


def called(*calls: Any, **more: Any) -> dict[str, Any]:
    """A message that calls."""
    return {"role": "assistant", "content": None, "tool_calls": [*calls], **more}


def result(identifier: str | None = None, **more: Any) -> dict[str, Any]:
    """The result of a call."""
    named = {} if identifier is None else {"tool_call_id": identifier}
    return {"role": "tool", "content": "rain", **named, **more}


def answer(**fields: Any) -> dict[str, Any]:
    """An assistant's message."""
    return {"role": "assistant", "content": "Good day.", **fields}


def read(*messages: Any) -> tuple[list[Any], list[tuple[str, str]]]:
    """What is made of messages, and the changes that are recorded. Nothing given is changed."""
    before = copy.deepcopy(messages)
    changes: list[Deviation] = []
    checked = check_messages([*messages], changes)
    assert repr(before) == repr(messages)
    return [*checked], [(each.kind, each.path) for each in changes]


FORMS: dict[str, tuple[list[Any], list[dict[str, Any]], list[tuple[str, str]]]] = {
    "the role model": (
        [HI, answer(role="model")],
        [HI, answer()],
        [("converted", "messages[1].role")],
    ),
    "a role in capitals": (
        [{**HI, "role": "USER"}, answer(role=" Assistant ")],
        [HI, answer()],
        [("converted", "messages[0].role"), ("converted", "messages[1].role")],
    ),
    "a response whose role nobody knows": (
        [HI, Message("Good day.", role="oracle")],
        [HI, answer()],
        [("converted", "messages[1].role")],
    ),
    "no parts": (
        [HI, answer(content=[])],
        [HI, answer(content="")],
        [("converted", "messages[1].content")],
    ),
    "a tool that returned nothing": (
        [called(a_call()), result("t1", content=None)],
        [called(a_call()), result("t1", content="")],
        [("converted", "messages[1].content")],
    ),
    "no calls, as a list": ([HI, answer(tool_calls=[])], [HI, answer()], []),
    "an empty function call": (
        [HI, answer(function_call={"name": "", "arguments": ""})],
        [HI, answer()],
        [],
    ),
    "an empty object for a function call": ([HI, answer(function_call={})], [HI, answer()], []),
    "a call without a type": (
        [called({"id": "t1", "function": FUNCTION}), result("t1")],
        [called(a_call()), result("t1")],
        [("injected", "messages[0].tool_calls[0].type")],
    ),
    "a custom call whose type is null": (
        [called({"id": "t1", "type": None, "custom": {"name": "g", "input": ""}})],
        [called({"id": "t1", "type": "custom", "custom": {"name": "g", "input": ""}})],
        [("injected", "messages[0].tool_calls[0].type")],
    ),
    "a call without an id, and its result": (
        [called({"type": "function", "function": FUNCTION}), result()],
        [called(a_call("call_0_0")), result("call_0_0")],
        [
            ("injected", "messages[0].tool_calls[0].id"),
            ("injected", "messages[1].tool_call_id"),
        ],
    ),
    "arguments as an object": (
        [called(a_call(function={"name": "f", "arguments": {"a": "ß"}}))],
        [called(a_call(function={"name": "f", "arguments": '{"a": "ß"}'}))],
        [("converted", "messages[0].tool_calls[0].function.arguments")],
    ),
    "arguments that are null": (
        [called(a_call(function={"name": "f", "arguments": None}))],
        [called(a_call(function={"name": "f", "arguments": "{}"}))],
        [],
    ),
    "legacy arguments as an object": (
        [HI, answer(function_call={"name": "f", "arguments": {"a": 1}})],
        [HI, answer(function_call={"name": "f", "arguments": '{"a": 1}'})],
        [("converted", "messages[1].function_call.arguments")],
    ),
    "results without ids": (
        [called(a_call("t1"), a_call("t2")), result(), result(tool_call_id="")],
        [called(a_call("t1"), a_call("t2")), result("t1"), result("t2")],
        [("injected", "messages[1].tool_call_id"), ("injected", "messages[2].tool_call_id")],
    ),
    "a result without an id beside one with": (
        [called(a_call("t1"), a_call("t2")), result("t1"), result()],
        [called(a_call("t1"), a_call("t2")), result("t1"), result("t2")],
        [("injected", "messages[2].tool_call_id")],
    ),
    "a result by its name": (
        [called(a_call("t1"), a_call("t2", function={**FUNCTION, "name": "g"})), result(name="g")],
        [
            called(a_call("t1"), a_call("t2", function={**FUNCTION, "name": "g"})),
            result("t2", name="g"),
        ],
        [("injected", "messages[1].tool_call_id")],
    ),
    "one call in both forms": (
        [called(a_call(), function_call={"name": "f", "arguments": '{"a": 1}'}), result("t1")],
        [called(a_call()), result("t1")],
        [("merged", "messages[0].function_call")],
    ),
    "one call in both forms, answered in the legacy one": (
        [
            called(a_call(), function_call=FUNCTION),
            {"role": "function", "name": "f", "content": "rain"},
        ],
        [
            {"role": "assistant", "content": None, "function_call": FUNCTION},
            {"role": "function", "name": "f", "content": "rain"},
        ],
        [("merged", "messages[0].tool_calls")],
    ),
    "a call in both forms, beside another": (
        [
            called(a_call(), a_call("t2", function=OTHER), function_call=FUNCTION),
            {"role": "function", "name": "f", "content": "rain"},
        ],
        [
            called(a_call("t2", function=OTHER), function_call=FUNCTION),
            {"role": "function", "name": "f", "content": "rain"},
        ],
        [("merged", "messages[0].tool_calls")],
    ),
    "one call twice, with two results": (
        [called(a_call(), function_call=FUNCTION), *TWO_RESULTS],
        [called(a_call(), function_call=FUNCTION), *TWO_RESULTS],
        [],
    ),
    "two calls in two forms": (
        [called({"id": "c", "type": "magic"}, function_call=FUNCTION)],
        [called({"id": "c", "type": "magic"}, function_call=FUNCTION)],
        [],
    ),
    "a dump with what is null": (
        [HI, {**Message("Good day.").model_dump(), "name": None}],
        [HI, answer()],
        [],
    ),
    "a dump of a call": (
        [HI, Message(tool_calls=[ToolCall("t1", Function("f", '{"a":1}'))]).model_dump()],
        [HI, called(a_call())],
        [],
    ),
    "a user's message with what is null": ([{**HI, "name": None}], [HI], []),
    "a response that calls": (
        [HI, Message(tool_calls=[ToolCall("t1", Function("f", '{"a":1}'))])],
        [HI, {"role": "assistant", "tool_calls": [a_call()]}],
        [],
    ),
    "a response that says nothing": (
        [HI, Message(), Message().model_dump()],
        [HI, {"role": "assistant"}, {"role": "assistant", "content": None}],
        [],
    ),
    "arguments that are no JSON": (
        [called(a_call(function={"name": "f", "arguments": '{"a": 1,}'}))],
        [called(a_call(function={"name": "f", "arguments": '{"a": 1,}'}))],
        [],
    ),
    "arguments that are cut": (
        [called(a_call(function={"name": "f", "arguments": "[" * 100_000}))],
        [called(a_call(function={"name": "f", "arguments": "[" * 100_000}))],
        [],
    ),
    "a call of a host's own": (
        [called(a_call(type="builtin_function"), {"type": "web_search", "id": "w"}), result("t1")],
        [called(a_call(type="builtin_function"), {"type": "web_search", "id": "w"}), result("t1")],
        [],
    ),
}


@pytest.mark.parametrize(("given", "sent", "changes"), FORMS.values(), ids=FORMS)
def test_a_history_is_read_as_what_it_means(
    given: list[Any], sent: list[Any], changes: list[tuple[str, str]]
) -> None:
    """What a host or a caller's store wrote can be appended. What is done to it is recorded; what
    comes out of it is read as it is."""
    assert (sent, changes) == read(*given)
    assert (sent, []) == read(*sent)


REFUSED: dict[str, tuple[list[Any], str]] = {
    "a result without an id and without a call": ([HI, result()], "messages[1].tool_call_id"),
    "a result of another name": (
        [called(a_call()), result(name="g")],
        "messages[1].tool_call_id",
    ),
    "a result whose id is a number": (
        [called(a_call()), result(tool_call_id=5)],
        "messages[1].tool_call_id",
    ),
    "arguments that JSON cannot carry": (
        [called(a_call(function={"name": "f", "arguments": {"a": math.inf}}))],
        "messages[0].tool_calls[0].function.arguments.a",
    ),
    "a call that holds nothing": ([called({"id": "t1"})], "messages[0].tool_calls[0].type"),
    "a call that is a text": ([called("f")], "messages[0].tool_calls[0]"),
    "a function call that is a text": (
        [HI, answer(function_call="f")],
        "messages[1].function_call",
    ),
    "arguments of a call without a name": (
        [HI, answer(function_call={"name": "", "arguments": "{}"})],
        "messages[1].function_call.name",
    ),
    "calls that are no list": ([HI, answer(tool_calls={})], "messages[1].tool_calls"),
    "content that is null": ([{"role": "user", "content": None}], "messages[0].content"),
    "a text beside a call without an id": (
        ["Hi", called({"type": "function", "function": FUNCTION})],
        "messages[0]",
    ),
    "a call whose id is a number": ([called(a_call(id=5))], "messages[0].tool_calls[0].id"),
}


@pytest.mark.parametrize(("messages", "path"), REFUSED.values(), ids=REFUSED)
def test_what_means_nothing_is_refused_where_it_stands(messages: list[Any], path: str) -> None:
    """The path is that of what the caller gave."""
    with pytest.raises(InvalidRequestError) as caught:
        read(*messages)
    assert path == caught.value.path


# --- parameters ---

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
PARAMETERS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "a bias by token ids": ({"logit_bias": {50256: -100}}, {"logit_bias": {"50256": -100}}, []),
    "five stops": ({"stop": [*"abcde"]}, {"stop": [*"abcde"]}, []),
    "no limit": ({"max_tokens": -1}, {"max_tokens": -1}, []),
    "no limit, by the newer name": (
        {"max_completion_tokens": -1},
        {"max_completion_tokens": -1},
        [],
    ),
    "a tool without a type": (
        {"tools": [{"function": {"name": "f"}}]},
        {"tools": [TOOL]},
        [("injected", "tools[0].type")],
    ),
    "a tool whose type is null": (
        {"tools": [{"type": None, "function": {"name": "f"}}]},
        {"tools": [TOOL]},
        [("injected", "tools[0].type")],
    ),
    "tools of a host's own": (
        {"tools": [TOOL, {"type": "openrouter:web_search"}, {"type": "mcp", "server_label": "x"}]},
        {"tools": [TOOL, {"type": "openrouter:web_search"}, {"type": "mcp", "server_label": "x"}]},
        [],
    ),
}


@pytest.mark.parametrize(("given", "sent", "changes"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_read_as_what_they_mean(
    given: dict[str, Any], sent: dict[str, Any], changes: list[tuple[str, str]]
) -> None:
    """Likewise."""
    found: list[Deviation] = []
    before = copy.deepcopy(given)
    assert sent == check_parameters(given, found)
    assert before == given
    assert changes == [(each.kind, each.path) for each in found]
    assert sent == check_parameters(given)


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": ["f", {"function": {"name": "f"}}]}, "tools[0]"),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools[0].function"),
        ({"max_tokens": -1, "n": 0}, "n"),
    ],
)
def test_wrong_parameters_beside_them(parameters: dict[str, Any], path: str) -> None:
    """What is put right does not hide what is wrong."""
    with pytest.raises(InvalidRequestError) as caught:
        check_parameters(parameters)
    assert path == caught.value.path


# --- the report ---


async def test_what_was_changed_is_in_the_report_of_every_call() -> None:
    """Once, whoever is asked, and in front of what the provider adds."""
    image = {"type": "image_url", "image_url": {"url": "DATA:image/jpg;base64,/9j/"}}
    sound = {"type": "input_audio", "input_audio": "UklGRgAA"}
    history = [answer(role="model"), {"role": "user", "content": [image, sound]}]
    tools: Any = [{"function": {"name": "f"}}]
    async with Client(providers={"fake": FakeProvider(["Yes."])}) as client:
        completion = await client.acompletion("fake/fake-1", history, tools=tools)
    assert [
        ("converted", "messages[0].role"),
        ("converted", "messages[1].content[0].image_url.url"),
        ("converted", "messages[1].content[1].input_audio"),
        ("injected", "tools[0].type"),
    ] == [(each.kind, each.path) for each in completion.report]


async def test_a_history_that_needs_nothing_has_an_empty_report() -> None:
    """A response that is appended, as an object, a dump or JSON."""
    async with Client(providers={"fake": FakeProvider(["Yes.", "Yes.", "Yes.", "Yes."])}) as client:
        first = await client.acompletion("fake/fake-1", [HI])
        message = first.choices[0].message
        for form in (message, message.model_dump(), message.to_dict()):
            again = await client.acompletion("fake/fake-1", [HI, form, HI])
            assert [] == [*again.report]
