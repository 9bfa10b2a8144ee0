"""Emulated tools: how a request describes them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.options import ChatParameters
from llmgate.provider.call import ProviderCall
from llmgate.provider.emulation import ToolEmulation, tool_schema
from llmgate.report import Report
from tests.emulated_tools import CLOCK, USER, WEATHER, make_call, named, tools

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    """The choice among some of the functions."""
    chosen = [named(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": chosen}}


def contents(emulation: ToolEmulation) -> list[Any]:
    """The contents of the messages to be sent, after the instructions."""
    return [message.get("content") for message in emulation.call.messages[1:]]


# --- the request --------------------------------------------------------------------------


def test_offered_functions_are_described_in_a_system_message_of_their_own() -> None:
    """The prompt names each function and how to call it; nothing forces it to."""
    call = ToolEmulation.of(make_call(temperature=0.5)).call
    [system, user] = call.messages
    assert "system" == system["role"]
    content = cast("str", system.get("content"))
    assert json.dumps(WEATHER) in content
    assert json.dumps(CLOCK) in content
    assert '<tool_call>{"name": "<function>", "arguments": {…}}</tool_call>' in content
    assert USER == user
    assert {"temperature": 0.5} == call.parameters


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_follow_what_the_system_message_says(role: str) -> None:
    """Only one message speaks for the system, whether its content is a text or parts."""
    call = ToolEmulation.of(make_call({"role": role, "content": "Be brief."}, USER)).call
    assert 2 == len(call.messages)
    text = cast("str", call.messages[0].get("content"))
    assert text.startswith("Be brief.\n\nYou have these functions:")
    part = {"type": "text", "text": "Be brief."}
    call = ToolEmulation.of(make_call({"role": role, "content": [part]}, USER)).call
    first, second = cast("list[dict[str, Any]]", call.messages[0].get("content"))
    assert part == first
    assert second["text"].startswith("\n\nYou have these functions:")


def test_a_call_without_messages_gets_the_instructions_alone() -> None:
    """No place for them is needed."""
    call = ProviderCall("model", [], cast("ChatParameters", {"tools": tools(CLOCK)}))
    assert ["system"] == [message["role"] for message in ToolEmulation.of(call).call.messages]


@pytest.mark.parametrize(
    ("choice", "names", "forced"),
    [
        (None, {"weather", "clock"}, False),
        ("auto", {"weather", "clock"}, False),
        ("required", {"weather", "clock"}, True),
        (named("clock"), {"clock"}, True),
        (allowed("auto", "weather"), {"weather"}, False),
        (allowed("required", "weather", "clock"), {"weather", "clock"}, True),
        ("none", set[str](), False),
        (allowed("auto"), set[str](), False),
    ],
)
def test_the_choice_decides_what_is_described_and_forced(
    choice: Any, names: set[str], forced: bool
) -> None:
    """Only functions that may be called are described; a forced call is a matter of a schema."""
    emulation = ToolEmulation.of(make_call(tool_choice=choice))
    parameters: dict[str, Any] = {**emulation.call.parameters}
    assert (frozenset(names), forced) == (emulation.names, emulation.forces)
    assert ({"response_format"} if forced else set()) == set(parameters)
    text = json.dumps(emulation.call.messages)
    for function in (WEATHER, CLOCK):
        described = json.dumps(json.dumps(function))[1:-1]
        assert (function["name"] in names) == (described in text)
    if forced:
        chosen = [item for item in (WEATHER, CLOCK) if item["name"] in names]
        assert tool_schema(chosen) == parameters["response_format"]["json_schema"]["schema"]


@pytest.mark.parametrize(
    ("choice", "path"),
    [
        ("sometimes", "tool_choice"),
        ({"type": "custom", "custom": {"name": "x"}}, "tool_choice"),
        (named("nothing"), "tool_choice"),
        (allowed("auto", "weather", "nothing"), "tool_choice"),
        (allowed("required"), "tool_choice"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"x": 1}]}},
            "tool_choice.allowed_tools.tools[0]",
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(choice: Any, path: str) -> None:
    """The error says where, and names what is unknown."""
    with pytest.raises(InvalidRequestError) as caught:
        ToolEmulation.of(make_call(tool_choice=choice))
    assert path == caught.value.path


@pytest.mark.parametrize("choice", ["required", named("weather")])
def test_a_forced_call_needs_tools(choice: Any) -> None:
    """Without them there is nothing that it could call."""
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        ToolEmulation.of(make_call(tools=None, tool_choice=choice))


def test_custom_tools_are_refused() -> None:
    """Their free text cannot be distinguished from an answer."""
    with pytest.raises(UnsupportedError, match=r"tools\[1\]: only functions"):
        ToolEmulation.of(
            make_call(tools=[*tools(CLOCK), {"type": "custom", "custom": {"name": "x"}}])
        )


def test_a_schema_of_the_answer_excludes_calls_at_the_models_choice() -> None:
    """With ``auto`` it is refused, a forced call takes its place and says so, and text is fine."""
    with pytest.raises(UnsupportedError) as caught:
        ToolEmulation.of(make_call(response_format=SCHEMA))
    assert "response_format" == caught.value.parameter
    call = make_call(response_format=SCHEMA, tool_choice="required")
    ToolEmulation.of(call)
    assert [("dropped", SCHEMA)] == [
        (deviation.kind, deviation.given)
        for deviation in call.report
        if deviation.path == "response_format"
    ]
    for choice in ("auto", "required"):
        call = make_call(response_format={"type": "text"}, tool_choice=choice)
        ToolEmulation.of(call)
        assert "response_format" not in call.report


def test_stop_texts_cannot_cut_a_forced_call() -> None:
    """They are left out and reported, or refused where the caller wants that."""
    call = make_call(stop=["Paris"], tool_choice="required")
    assert "stop" not in ToolEmulation.of(call).call.parameters
    assert "stop" in call.report
    with pytest.raises(UnsupportedError):
        ToolEmulation.of(make_call(stop="x", tool_choice="required", report=Report("raise")))
    assert "stop" in ToolEmulation.of(make_call(stop="x")).call.parameters


def test_calls_and_results_of_the_history_are_put_into_words() -> None:
    """Each result names its function; results that follow one another are one message."""
    calls = [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"c": "é"}'}},
        {"id": "2", "type": "function", "function": {"name": "clock", "arguments": ""}},
    ]
    emulation = ToolEmulation.of(
        make_call(
            USER,
            {"role": "assistant", "content": "Let me see.", "tool_calls": calls, "name": "A"},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "no\non"}]},
            {"role": "tool", "tool_call_id": "1", "content": '{"degrees": 21}'},
            {"role": "assistant", "content": "Warm."},
            {"role": "tool", "tool_call_id": "3", "content": "late"},
        )
    )
    assert [
        USER["content"],
        'Let me see.\n<tool_call>{"name": "weather", "arguments": {"c": "é"}}</tool_call>\n'
        '<tool_call>{"name": "clock", "arguments": {}}</tool_call>',
        '<tool_response>{"name": "clock", "content": "no\\non"}</tool_response>\n'
        '<tool_response>{"name": "weather", "content": "{\\"degrees\\": 21}"}</tool_response>',
        "Warm.",
        '<tool_response>{"content": "late"}</tool_response>',
    ] == contents(emulation)
    roles = [message["role"] for message in emulation.call.messages]
    assert ["system", "user", "assistant", "user", "assistant", "user"] == roles
    assert "A" == emulation.call.messages[2].get("name")
    assert "tool_calls" not in emulation.call.messages[2]


def test_arguments_that_were_cut_are_written_as_they_came() -> None:
    """So that the conversation can go on."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b'}}
    emulation = ToolEmulation.of(make_call(USER, {"role": "assistant", "tool_calls": [call]}))
    expected = '<tool_call>{"name": "f", "arguments": "{\\"a\\": \\"b"}</tool_call>'
    assert expected in str(contents(emulation)[1])


def test_a_call_of_a_hosts_own_type_cannot_be_put_into_words() -> None:
    """The path names it."""
    calls = [{"id": "1", "type": "web_search"}]
    with pytest.raises(UnsupportedError, match="functions can be emulated") as caught:
        ToolEmulation.of(make_call(USER, {"role": "assistant", "tool_calls": calls}))
    assert "messages[1].tool_calls[0]" == caught.value.parameter


def test_calls_beside_no_text_beside_parts_and_of_custom_tools_are_written_too() -> None:
    """A model that called a custom tool elsewhere can be asked on here."""
    custom = {"id": "1", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    part = {"type": "text", "text": "Hm."}
    words = '<tool_call>{"name": "run", "input": "ls"}</tool_call>'
    emulation = ToolEmulation.of(
        make_call(
            USER,
            {"role": "assistant", "content": None, "tool_calls": [custom]},
            {"role": "assistant", "content": [part], "tool_calls": [custom]},
        )
    )
    expected = [words, [part, {"type": "text", "text": f"\n{words}"}]]
    assert expected == contents(emulation)[1:]


def test_a_result_that_is_no_text_is_refused() -> None:
    """The error says which part it is."""
    image = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    text = {"type": "text", "text": "Look:"}
    message = {"role": "tool", "tool_call_id": "1", "content": [text, image]}
    with pytest.raises(UnsupportedError) as caught:
        ToolEmulation.of(make_call(USER, message))
    assert "messages[1].content[1]" == caught.value.parameter


def test_a_history_of_calls_needs_no_tools() -> None:
    """It is put into words, and the prompt names no functions."""
    message = {"role": "tool", "tool_call_id": "1", "content": "21"}
    emulation = ToolEmulation.of(make_call(USER, message, tools=None))
    assert ["user", "user"] == [message["role"] for message in emulation.call.messages]
    assert frozenset() == emulation.names


_histories = st.lists(
    st.sampled_from(
        [
            USER,
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Yes."},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": "21"},
        ]
    ),
    min_size=1,
    max_size=6,
)
_choices = st.sampled_from(
    [None, "none", "auto", "required", named("clock"), allowed("auto", "clock")]
)


@given(_histories, _choices, st.sampled_from([None, True, False]))
def test_the_report_names_everything_and_the_call_stays_as_it_is(
    history: list[dict[str, Any]], choice: Any, parallel: bool | None
) -> None:
    """Each tool, choice, flag and message that is said otherwise; the same call gives the same."""
    call = make_call(*history, tool_choice=choice, parallel_tool_calls=parallel)
    before = deepcopy((call.messages, call.parameters))
    emulation = ToolEmulation.of(call)
    assert before == (call.messages, call.parameters)
    expected = {"tools"}
    expected |= {"tool_choice"} if choice is not None else set()
    expected |= {"parallel_tool_calls"} if parallel is not None else set()
    for index, message in enumerate(history):
        expected |= {f"messages[{index}]"} if message["role"] == "tool" else set()
        expected |= {f"messages[{index}].tool_calls"} if "tool_calls" in message else set()
    assert expected == {deviation.path for deviation in call.report}
    [entry] = [deviation for deviation in call.report if deviation.path == "tools"]
    assert tools(WEATHER, CLOCK) == entry.given
    again = ToolEmulation.of(make_call(*history, tool_choice=choice, parallel_tool_calls=parallel))
    assert emulation.call.messages == again.call.messages
    assert emulation.call.parameters == again.call.parameters
    assert "tool" not in {message["role"] for message in emulation.call.messages}
    left = {"tools", "tool_choice", "parallel_tool_calls"} & set(emulation.call.parameters)
    assert set[str]() == left


# --- the schema ---------------------------------------------------------------------------

TREE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "left": {"$ref": "#"}},
    "required": ["value"],
    "additionalProperties": False,
}
ITEM = {
    "type": "object",
    "properties": {"item": {"$ref": "#/$defs/Item"}, "kind": {"$ref": "#/definitions/Kind"}},
    "required": ["item", "kind"],
    "$defs": {"Item": {"type": "array", "items": {"$ref": "#/$defs/Leaf"}}, "Leaf": {"const": 1}},
    "definitions": {"Kind": {"enum": ["a", "b"]}},
}
LINK = {
    "type": "object",
    "properties": {
        "first": {"type": "object", "properties": {"x": {"type": "null"}}, "required": ["x"]},
        "second": {"$ref": "#/properties/first"},
    },
    "required": ["second"],
}
ODD_NAMES = {
    "type": "object",
    "properties": {
        "$ref": {"type": "string"},
        "$defs": {"$ref": "#/$defs/Item"},
        "enum": {"type": "boolean"},
    },
    "required": ["$ref", "$defs", "enum"],
    "$defs": {"Item": {"enum": [{"$ref": "#/$defs/Item"}]}},
}
OTHER_ITEM = {
    "type": "object",
    "properties": {"item": {"$ref": "#/$defs/Item"}},
    "required": ["item"],
    "$defs": {"Item": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("parameters", "right", "wrong"),
    [
        (None, {}, 1),
        (TREE, {"value": 1, "left": {"value": 2}}, {"value": 1, "left": {"value": "2"}}),
        (ITEM, {"item": [1, 1], "kind": "b"}, {"item": [1, 2], "kind": "b"}),
        (ITEM, {"item": [], "kind": "a"}, {"item": [], "kind": "c"}),
        (LINK, {"second": {"x": None}}, {"second": {"x": 0}}),
        (
            ODD_NAMES,
            {"$ref": "x", "$defs": {"$ref": "#/$defs/Item"}, "enum": True},
            {"$ref": "x", "$defs": {"$ref": "#/$defs/0.Item"}, "enum": True},
        ),
    ],
)
def test_a_call_schema_means_what_the_functions_schema_means(
    parameters: dict[str, Any] | None, right: Any, wrong: Any
) -> None:
    """Also with references within, whose targets are moved, and beside another function's."""
    function = {"name": "f", **({} if parameters is None else {"parameters": parameters})}
    other = {"name": "g", "parameters": OTHER_ITEM}
    for functions in ([function], [function, other], [other, function]):
        schema = tool_schema(functions)
        jsonschema.Draft202012Validator.check_schema(schema)
        checker: Any = jsonschema.Draft202012Validator(schema)
        assert checker.is_valid({"name": "f", "arguments": right})
        assert not checker.is_valid({"name": "f", "arguments": wrong})
        assert not checker.is_valid({"name": "h", "arguments": right})
        assert not checker.is_valid({"name": "f"})
        assert (other in functions) == checker.is_valid({"name": "g", "arguments": {"item": "x"}})
        assert not checker.is_valid({"name": "g", "arguments": {"item": [1]}})


def test_references_to_elsewhere_stay_as_they_are() -> None:
    """Who resolves them is not known here."""
    parameters = {"type": "object", "properties": {"x": {"$ref": "https://example.com/x.json"}}}
    schema = tool_schema([{"name": "f", "parameters": parameters}])
    assert parameters == schema["properties"]["arguments"]
