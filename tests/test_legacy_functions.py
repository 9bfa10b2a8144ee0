"""The legacy form of a call: ``functions`` and ``function_call`` stand for tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from llmgate._core.check import check_messages, check_parameters
from llmgate._core.legacy import (
    takes_functions,
    uses_functions,
    with_one_call_at_a_time,
    without_functions,
)
from llmgate._core.views import ProviderView
from llmgate.errors import InvalidRequestError
from llmgate.provider import LegacyFunctions, Rule, Support
from llmgate.provider.call import ProviderCall
from llmgate.testing import FakeProvider
from tests.legacy_functions import USER, result, tool_result

FUNCTIONS: list[Any] = [{"name": "weather", "parameters": {"type": "object"}}]
TOOLS: list[Any] = [{"type": "function", "function": FUNCTIONS[0]}]


def asked(name: str = "weather", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    """An assistant's message with a call in the legacy form."""
    return {"role": "assistant", "function_call": {"name": name, "arguments": arguments}, **more}


def with_call(identifier: str, name: str = "weather", **more: Any) -> dict[str, Any]:
    """The same message with a tool call."""
    call = {"id": identifier, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"content": None, "role": "assistant", "tool_calls": [call], **more}


def call_of(*history: dict[str, Any], **parameters: Any) -> ProviderCall:
    """A checked call."""
    return ProviderCall("m", check_messages(history), check_parameters(parameters))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (call_of(USER), False),
        (call_of(USER, tools=TOOLS), False),
        (call_of(USER, with_call("a"), tool_result("a")), False),
        (call_of(USER, {"role": "assistant", "content": "x", "function_call": None}), False),
        (call_of(USER, functions=FUNCTIONS), True),
        (call_of(USER, function_call="none"), True),
        (call_of(USER, asked()), True),
        (call_of(USER, result()), True),
    ],
)
def test_the_legacy_form_is_recognised(call: ProviderCall, expected: bool) -> None:
    """By a parameter or by a message of the history."""
    assert expected is uses_functions(call.parameters, call.messages)


PARAMETERS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "functions": ({"functions": FUNCTIONS}, {"tools": TOOLS}, ["functions"]),
    "a word as choice": (
        {"functions": FUNCTIONS, "function_call": "none"},
        {"tools": TOOLS, "tool_choice": "none"},
        ["functions", "function_call"],
    ),
    "a named function": (
        {"functions": FUNCTIONS, "function_call": {"name": "weather"}},
        {
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
        ["functions", "function_call"],
    ),
    "other parameters": (
        {"functions": FUNCTIONS, "seed": 1},
        {"tools": TOOLS, "seed": 1},
        ["functions"],
    ),
    "no functions but a history of them": ({"tools": TOOLS}, {"tools": TOOLS}, []),
}


@pytest.mark.parametrize(("given_", "sent", "reported"), PARAMETERS.values(), ids=PARAMETERS)
def test_functions_are_sent_as_tools(
    given_: dict[str, Any], sent: dict[str, Any], reported: list[str]
) -> None:
    """To every provider that has tools; the report says so, and the call itself is unchanged."""
    call = call_of(USER, **given_)
    translated = without_functions(call)
    assert sent == translated.parameters
    assert reported == [deviation.path for deviation in translated.report]
    assert given_ == call.parameters


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"functions": FUNCTIONS, "tools": TOOLS}, "functions"),
        ({"function_call": "auto", "tool_choice": "auto"}, "function_call"),
    ],
)
def test_both_forms_at_once_are_refused(parameters: dict[str, Any], path: str) -> None:
    """It would be for us to guess which of them counts."""
    with pytest.raises(InvalidRequestError, match="not both") as caught:
        without_functions(call_of(USER, **parameters))
    assert path == caught.value.path


@pytest.mark.parametrize(
    ("abilities", "given_", "expected"),
    [
        (None, {}, False),
        ({"parallel_tool_calls": Support.NATIVE}, {}, False),
        ({"parallel_tool_calls": Support.TRANSLATED}, {}, False),
        ({"parallel_tool_calls": Support.EMULATED}, {}, None),
        ({"parallel_tool_calls": Support.UNSUPPORTED}, {}, None),
        ({"parallel_tool_calls": Rule(reason="it refuses it", allowed=())}, {}, None),
        ({}, {}, None),
        (None, {"parallel_tool_calls": True}, True),
    ],
)
def test_one_call_at_a_time_is_asked_for_where_it_can_be(
    abilities: Any, given_: dict[str, Any], expected: bool | None
) -> None:
    """The legacy form has room for one call; what the caller says about it counts."""
    call = with_one_call_at_a_time(call_of(USER, tools=TOOLS, **given_), abilities)
    assert expected is cast("Any", call.parameters).get("parallel_tool_calls")
    assert (expected is False) == ("parallel_tool_calls" in call.report)


OTHER: dict[str, Any] = with_call("b", "other")["tool_calls"][0]
AGAIN: dict[str, Any] = {
    **with_call("c")["tool_calls"][0],
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}
HISTORIES: dict[str, tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]] = {
    "a call and its result": (
        [USER, asked(), result()],
        [USER, with_call("call_1"), tool_result("call_1")],
    ),
    "a call with a text": ([asked(content="Hm")], [with_call("call_0", content="Hm")]),
    "two calls of one function": (
        [asked(), result(content="a"), asked(), result(content="b")],
        [
            with_call("call_0"),
            tool_result("call_0", "a"),
            with_call("call_2"),
            tool_result("call_2", "b"),
        ],
    ),
    "results in another order": (
        [asked("a"), asked("b"), result("b"), result("a")],
        [
            with_call("call_0", "a"),
            with_call("call_1", "b"),
            tool_result("call_1"),
            tool_result("call_0"),
        ],
    ),
    "a result of nothing": (
        [asked(), result(content=None)],
        [with_call("call_0"), tool_result("call_0", "")],
    ),
    "further calls in the modern form": (
        [asked(tool_calls=[OTHER]), result(), tool_result("b")],
        [
            with_call("call_0", tool_calls=[with_call("call_0")["tool_calls"][0], OTHER]),
            tool_result("call_0"),
            tool_result("b"),
        ],
    ),
    "a second call of the same function": (
        [asked(tool_calls=[AGAIN]), result(content="a"), result(content="b")],
        [
            with_call("call_0", tool_calls=[with_call("call_0")["tool_calls"][0], AGAIN]),
            tool_result("call_0", "a"),
            tool_result("c", "b"),
        ],
    ),
    "a call in the modern form": (
        [with_call("a"), result()],
        [with_call("a"), tool_result("a")],
    ),
    "the latest of two calls without a result": (
        [asked(), USER, asked(), result()],
        [with_call("call_0"), USER, with_call("call_2"), tool_result("call_2")],
    ),
    "other messages": ([USER, with_call("a")], [USER, with_call("a")]),
}


@pytest.mark.parametrize(("history", "sent"), HISTORIES.values(), ids=HISTORIES)
def test_a_legacy_history_is_sent_as_tool_messages(
    history: Sequence[dict[str, Any]], sent: Sequence[dict[str, Any]]
) -> None:
    """Calls and results are paired by ids made of their place, so the same history gives the same
    bytes each time. What comes out is a history that the check accepts."""
    call = call_of(*history)
    first, second = without_functions(call), without_functions(call)
    assert list(sent) == first.messages
    assert first.messages == second.messages
    assert list(history) == call.messages
    assert first.messages == check_messages(first.messages)


@pytest.mark.parametrize("further", [[AGAIN], [OTHER, AGAIN]])
@pytest.mark.parametrize("end", [[], [USER], [with_call("x")]])
def test_a_further_call_without_a_result_is_left_out(
    further: list[Any], end: list[dict[str, Any]]
) -> None:
    """The legacy form can answer one call, and hosts refuse a call that has no result."""
    translated = without_functions(call_of(asked(tool_calls=further), result(), *end))
    assert [with_call("call_0"), tool_result("call_0"), *end] == translated.messages
    paths = [f"messages[0].tool_calls[{place}]" for place in range(len(further))]
    assert [("dropped", path) for path in paths] == [(d.kind, d.path) for d in translated.report]


@pytest.mark.parametrize(
    ("history", "path"),
    [
        ([USER, result()], "messages[1]"),
        ([asked("a"), result("b")], "messages[1]"),
        ([asked(), result(), result()], "messages[2]"),
    ],
)
def test_a_result_of_a_call_that_was_never_made_is_refused(
    history: Sequence[dict[str, Any]], path: str
) -> None:
    """There is no id that it could have."""
    with pytest.raises(InvalidRequestError, match=r"no call of '\w+' precedes it") as caught:
        without_functions(call_of(*history))
    assert path == caught.value.path


class Legacy(FakeProvider, LegacyFunctions):
    """A provider that takes functions natively, or does not."""

    is_native = True

    def takes_legacy_functions(self) -> bool:
        return self.is_native


def test_a_view_takes_functions_where_its_provider_does() -> None:
    """On every version of Python, though a view is an instance of no protocol since 3.12."""
    native, other = Legacy(), Legacy()
    other.is_native = False
    views: list[Any] = [
        ProviderView(each, lambda completion: completion, lambda: lambda chunk: chunk)
        for each in (native, other, FakeProvider())
    ]
    assert [True, False, False] == [takes_functions(view) for view in views]
