"""Emulated tools: what is put into words, what a schema forces, and what is read from text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.errors import InvalidRequestError, StreamTruncatedError, UnsupportedError
from llmgate.messages import MessageParam
from llmgate.options import ChatParameters
from llmgate.provider._emulated import read_calls
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.emulation import ToolEmulation, tool_schema
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.report import Report
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FinishReason,
    Message,
    Usage,
)

WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
CLOCK: dict[str, Any] = {"name": "clock"}
NAMES = frozenset({"weather", "clock"})
USER: dict[str, Any] = {"role": "user", "content": "Is it warm in Paris?"}
PARIS = '{"name": "weather", "arguments": {"city": "Paris"}}'
ROME = '{"name": "weather", "arguments": {"city": "Rome"}}'
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def tools(*functions: dict[str, Any]) -> list[dict[str, Any]]:
    """Functions as tools."""
    return [{"type": "function", "function": function} for function in functions]


def named(name: str) -> dict[str, Any]:
    """The choice of one function."""
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    """The choice among some of the functions."""
    chosen = [named(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": chosen}}


def make_call(
    *messages: dict[str, Any], report: Report | None = None, **parameters: Any
) -> ProviderCall:
    """A call that offers both functions, unless it says otherwise."""
    given = {"tools": tools(WEATHER, CLOCK), **parameters}
    return ProviderCall(
        "model",
        cast("list[MessageParam]", list(messages or (USER,))),
        cast("ChatParameters", {key: value for key, value in given.items() if value is not None}),
        report=Report() if report is None else report,
    )


def contents(emulation: ToolEmulation) -> list[Any]:
    """The contents of the messages to be sent, after the instructions."""
    return [message.get("content") for message in emulation.call.messages[1:]]


def completion_of(text: str | None, finish_reason: FinishReason = "stop") -> Completion:
    """A whole answer of one choice."""
    return Completion([Choice(Message(content=text), finish_reason=finish_reason)])


def calls_of(completion: Completion, index: int = 0) -> list[tuple[str, Any]]:
    """The names and the arguments of a choice's calls."""
    made = completion.choices[index].message.tool_calls or []
    functions = [call.function for call in made if call.function is not None]
    return [(function.name, json.loads(function.arguments)) for function in functions]


class FakeDecoder:
    """Gives a frame's chunks: frame 0 the first, and so on; the last frame ends the stream."""

    def __init__(self, chunks: Sequence[Chunk], last: Iterable[Chunk] = ()) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._chunks = chunks
        self._last = last

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        number = int(frame.data)
        self.finished = number >= len(self._chunks)
        return self._chunks[number : number + 1]

    def close(self) -> Iterable[Chunk]:
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its terminator")
        return self._last


def stream(
    chunks: Sequence[Chunk], names: frozenset[str] = NAMES, last: Iterable[Chunk] = ()
) -> list[Chunk]:
    """What the emulation makes of a stream."""
    emulation = ToolEmulation(make_call(), names, "1")
    decoder = emulation.decoder(FakeDecoder(chunks, last))
    given: list[Chunk] = []
    for number in range(len(chunks) + 1):
        assert not decoder.finished
        given += decoder.feed(Frame(b"%d" % number))
    assert decoder.finished
    return [*given, *decoder.close()]


def pieces(
    texts: Iterable[str], finish_reason: FinishReason | None = "stop", index: int = 0
) -> list[Chunk]:
    """The chunks of an answer as providers send them."""
    role = ChunkChoice(ChoiceDelta(role="assistant", content=""), index)
    said = [ChunkChoice(ChoiceDelta(content=text), index) for text in texts]
    end = ChunkChoice(ChoiceDelta(), index, finish_reason=finish_reason)
    return [Chunk([choice], id="c1", model="m") for choice in (role, *said, end)]


# --- the request --------------------------------------------------------------------------


def test_offered_functions_are_described_in_a_system_message_of_their_own() -> None:
    """The model is told of each function and how to call it; nothing forces it to."""
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
    """Their free text cannot be told from an answer."""
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
    """It is put into words, and the model is told of no functions."""
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
    [told] = [deviation for deviation in call.report if deviation.path == "tools"]
    assert tools(WEATHER, CLOCK) == told.given
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


# --- the answer ---------------------------------------------------------------------------

PARIS_CALL = ("weather", {"city": "Paris"})
ROME_CALL = ("weather", {"city": "Rome"})

CALLS: dict[str, tuple[str, str | None, list[tuple[str, Any]]]] = {
    "bare": (PARIS, None, [PARIS_CALL]),
    "with white space around": (f" \n{PARIS}\n\n", None, [PARIS_CALL]),
    "a list": (f"[{PARIS}, {ROME}]", None, [PARIS_CALL, ROME_CALL]),
    "fenced": (f"```json\n{PARIS}\n```", None, [PARIS_CALL]),
    "fenced without a language": (f"```\n{PARIS}\n```\n", None, [PARIS_CALL]),
    "fenced without an end": (f"```json\n{PARIS}", None, [PARIS_CALL]),
    "marked": (f"<tool_call>{PARIS}</tool_call>", None, [PARIS_CALL]),
    "marked, white space": (f"\n<tool_call>\n{PARIS}\n</tool_call>\n", None, [PARIS_CALL]),
    "marked and fenced": (
        f"<tool_call>\n```json\n{PARIS}\n```\n</tool_call>",
        None,
        [PARIS_CALL],
    ),
    "marked, not closed": (f"<tool_call>{PARIS}", None, [PARIS_CALL]),
    "several": (
        f"<tool_call>{PARIS}</tool_call>\n<tool_call>{ROME}</tool_call>",
        None,
        [PARIS_CALL, ROME_CALL],
    ),
    "a marked list": (
        f"<tool_call>[{PARIS},{ROME}]</tool_call>",
        None,
        [PARIS_CALL, ROME_CALL],
    ),
    "after words": (f"Let me see. \n<tool_call>{PARIS}</tool_call>", "Let me see.", [PARIS_CALL]),
    "between words": (
        f"First:\n<tool_call>{PARIS}</tool_call>\nthen <tool_call>{ROME}</tool_call> done.\n",
        "First:\nthen done.",
        [PARIS_CALL, ROME_CALL],
    ),
    "arguments first": ('{"arguments": {}, "name": "clock"}', None, [("clock", {})]),
    "without arguments": ('{"name": "clock"}', None, [("clock", {})]),
    "arguments as text": (
        '{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}',
        None,
        [PARIS_CALL],
    ),
    "unicode": (
        '{"name": "weather", "arguments": {"city": "Z\\u00fcrich 日本 \\ud83c\\udf27"}}',
        None,
        [("weather", {"city": "Zürich 日本 🌧"})],
    ),
    "a mark within an argument": (
        '<tool_call>{"name": "weather", "arguments": {"city": "</tool_call>"}}</tool_call>',
        None,
        [("weather", {"city": "</tool_call>"})],
    ),
    "duplicated keys, of which the last counts": (
        '{"name": "clock", "name": "weather", "arguments": {"city": "Rome", "city": "Paris"}}',
        None,
        [PARIS_CALL],
    ),
}

TEXTS = {
    "nothing": "",
    "white space": " \n",
    "words": "It is warm in Paris.\n",
    "an unknown name": '{"name": "rain", "arguments": {}}',
    "an unknown name among several": f'[{PARIS}, {{"name": "rain", "arguments": {{}}}}]',
    "no name": '{"arguments": {}}',
    "a name that is no text": '{"name": ["weather"], "arguments": {}}',
    "arguments that are a list": '{"name": "weather", "arguments": ["Paris"]}',
    "arguments that are text": '{"name": "weather", "arguments": "Paris"}',
    "arguments that are null": '{"name": "weather", "arguments": null}',
    "cut off": PARIS[:-4],
    "cut off within a fence": f"```json\n{PARIS[:-4]}",
    "cut off within a mark": f"Well. <tool_call>{PARIS[:-1]}",
    "the second cut off": f"<tool_call>{PARIS}</tool_call>\n<tool_call>{ROME[:20]}",
    "the beginning of a mark": "One <tool_ca",
    "words within a mark": f"<tool_call>{PARIS} and so on</tool_call>",
    "no JSON within a mark": "<tool_call>weather(Paris)</tool_call>",
    "a mark and nothing": "<tool_call>",
    "words after a bare call": f"{PARIS} is what I would call.",
    "a bare call after words": f"I would call {PARIS}",
    "other JSON": '{"degrees": 21}',
    "another list": "[1] says so.",
    "code": "```python\nprint(1)\n```",
    "no number": '{"name": "weather", "arguments": {"city": NaN}}',
    "a number that is too large": '{"name": "weather", "arguments": {"city": 1e999}}',
    "half a character": '{"name": "weather", "arguments": {"city": "\\ud83c"}}',
    "nested too deeply": '{"name": "weather", "arguments": {"city": ' + "[" * 100_000,
    "a list of nothing": "[]",
}


@pytest.mark.parametrize(("text", "words", "calls"), CALLS.values(), ids=CALLS)
def test_calls_are_read_from_a_whole_answer(
    text: str, words: str | None, calls: list[tuple[str, Any]]
) -> None:
    """However the model wrote them; words beside them stay."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    completion = emulation.completion(completion_of(text))
    assert calls == calls_of(completion)
    [choice] = completion.choices
    assert (words, "tool_calls") == (choice.message.content, choice.finish_reason)
    expected = [f"call_1_0_{number}" for number in range(len(calls))]
    assert expected == [call.id for call in choice.message.tool_calls or []]
    assert (words or "", calls) == (
        "".join(chunk.choices[0].delta.content or "" for chunk in stream(pieces(text))),
        calls_of(accumulate(stream(pieces(text)))),
    )


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_no_valid_call_stays_text(text: str) -> None:
    """Nothing is lost, nothing is made up, and the finish reason stays."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    answer = completion_of(text, "length")
    assert answer is not emulation.completion(answer)
    assert answer == emulation.completion(answer)
    streamed = accumulate(stream(pieces(text.partition("\n"), "length")))
    assert (text, "length") == (streamed.text, streamed.choices[0].finish_reason)
    assert None is streamed.choices[0].message.tool_calls


def test_an_answer_without_content_stays_as_it_is() -> None:
    """Such as a refusal."""
    answer = Completion([Choice(Message(content=None, refusal="No."), finish_reason="stop")])
    assert answer == ToolEmulation(make_call(), NAMES, "1").completion(answer)


def test_a_whole_call_in_an_answer_that_was_cut_off_keeps_the_finish_reason() -> None:
    """The caller learns that there might have been more."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    completion = emulation.completion(completion_of(PARIS, "length"))
    assert [PARIS_CALL] == calls_of(completion)
    assert "length" == completion.choices[0].finish_reason
    streamed = accumulate(stream(pieces([PARIS], "length")))
    assert "length" == streamed.choices[0].finish_reason


def test_names_that_were_not_offered_are_text() -> None:
    """A choice that restricts the tools restricts what is read, too."""
    emulation = ToolEmulation.of(make_call(tool_choice=named("clock")))
    assert [] == calls_of(emulation.completion(completion_of(PARIS)))
    assert [PARIS_CALL] == calls_of(ToolEmulation.of(make_call()).completion(completion_of(PARIS)))


# --- streams ------------------------------------------------------------------------------

_MARKS = ["<tool_call>", "</tool_call>", "<tool", "_call>", "<", "```json\n", "```"]
_JSON = [PARIS, ROME, '{"name"', '"arguments"', '{"name": "rain"}', ",", "{", "[", "]"]
_fragments = st.sampled_from([*_MARKS, *_JSON, " ", "\n", "Well. ", "é🌧"])
_texts = st.lists(_fragments, max_size=8).map("".join)


@st.composite
def _cut(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and the same in pieces."""
    text = draw(_texts)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)) | {0, len(text)})
    return text, [text[start:end] for start, end in pairwise(places)]


@given(_cut())
def test_any_cutting_gives_the_words_and_calls_of_the_whole(cut: tuple[str, list[str]]) -> None:
    """What a stream says does not depend on how it was cut, and no chunk says nothing."""
    text, deltas = cut
    words, functions = read_calls(text, NAMES)
    chunks = stream(pieces(deltas))
    streamed = accumulate(chunks)
    calls = [call.function for call in streamed.choices[0].message.tool_calls or []]
    assert (words, functions) == (streamed.text, calls)
    whole = ToolEmulation(make_call(), NAMES, "1").completion(completion_of(text))
    assert whole.choices[0].finish_reason == streamed.choices[0].finish_reason
    for chunk in chunks:
        assert chunk.choices[0] != ChunkChoice(ChoiceDelta())
    if not functions:
        assert text == streamed.text


def test_words_are_passed_on_as_they_come() -> None:
    """Only white space and the beginning of a mark wait for what follows them."""
    chunks = stream(pieces(["It", " is ", "warm", " <", "b> ", "x"]))
    texts = [chunk.choices[0].delta.content for chunk in chunks]
    assert [None, "It", " is", " warm", " <b>", " x", None] == texts


def test_chunks_that_say_nothing_are_dropped() -> None:
    """While a call is held back there is the role, and then the call in the last chunk."""
    first, last = stream(pieces(PARIS))
    assert ("assistant", None) == (first.choices[0].delta.role, first.choices[0].delta.content)
    [call] = last.choices[0].delta.tool_calls or []
    assert call.function is not None
    assert ("call_1_0_0", "weather", '{"city": "Paris"}', "function") == (
        call.id,
        call.function.name,
        call.function.arguments,
        call.type,
    )
    assert "tool_calls" == last.choices[0].finish_reason


def test_chunks_that_say_anything_else_stay() -> None:
    """Log probabilities, reasoning, usage and what has no place in the shape."""
    logprobs = {"content": [{"token": "{", "logprob": -0.1}]}
    usage = Usage(3, 2, 5)
    chunks = stream(
        [
            Chunk([ChunkChoice(ChoiceDelta(content="{"), logprobs=logprobs)]),
            Chunk([ChunkChoice(ChoiceDelta(reasoning_content="Hm."))]),
            Chunk([ChunkChoice(ChoiceDelta(content=PARIS[1:]))], extra={"x": 1}),
            Chunk([ChunkChoice(ChoiceDelta())], usage=usage),
            Chunk([]),
            *pieces([])[-1:],
        ]
    )
    assert [1, 1, 0, 0, 0, 1] == [len(chunk.choices) for chunk in chunks]
    completion = accumulate(chunks)
    assert [PARIS_CALL] == calls_of(completion)
    assert (logprobs, usage, {"x": 1}) == (
        completion.choices[0].logprobs,
        completion.usage,
        completion.extra,
    )
    assert "Hm." == completion.choices[0].message.reasoning_content


def test_choices_are_held_apart() -> None:
    """One may call while another speaks, in whatever order their pieces come."""
    first, second = pieces(PARIS), pieces(["It is", " warm."] * 20, index=1)
    mixed = [chunk for pair in zip(first, second, strict=False) for chunk in pair]
    mixed += first[len(second) :] + second[len(first) :]
    completion = accumulate(stream(mixed))
    assert [PARIS_CALL] == calls_of(completion)
    assert "It is warm." * 20 == completion.choices[1].message.content
    assert ["tool_calls", "stop"] == [choice.finish_reason for choice in completion.choices]


def test_a_choice_without_a_finish_reason_gives_what_was_held_at_the_end() -> None:
    """Some hosts end a stream with the terminator alone."""
    spoken = [Chunk([ChunkChoice(ChoiceDelta(content="One "))], id="c1", usage=Usage(1, 1, 2))]
    *_, last = stream([*pieces(PARIS, index=1)[:-1], *spoken])
    assert [" "] == [choice.delta.content for choice in last.choices]
    completion = accumulate(stream([*pieces(PARIS, index=1)[:-1], *spoken]))
    assert "One " == completion.text
    assert [PARIS_CALL] == calls_of(completion, 1)
    assert None is completion.choices[1].finish_reason
    assert Usage(1, 1, 2) == completion.usage


def test_what_the_other_decoder_gives_last_is_read_likewise() -> None:
    """Its last chunks come when the bytes end."""
    completion = accumulate(stream(pieces(PARIS[:9])[:-1], last=pieces([PARIS[9:]])))
    assert PARIS[:9] + PARIS[9:] == completion.text
    completion = accumulate(stream([], last=pieces([PARIS])))
    assert [PARIS_CALL] == calls_of(completion)


def test_what_comes_after_the_finish_reason_is_passed_on() -> None:
    """It belongs to no call."""
    late = Chunk([ChunkChoice(ChoiceDelta(content='{"na'))])
    assert ["Yes.", None, '{"na'] == [
        chunk.choices[0].delta.content for chunk in stream([*pieces(["Yes."]), late])[1:]
    ]


def test_a_stream_that_breaks_off_raises_the_other_decoders_error() -> None:
    """Half a call is never passed off as an answer."""
    decoder = ToolEmulation(make_call(), NAMES, "1").decoder(FakeDecoder(pieces(PARIS)))
    assert isinstance(decoder.framer, SSEFramer)
    chunks = [*decoder.feed(Frame(b"0")), *decoder.feed(Frame(b"1"))]
    assert [None] == [chunk.choices[0].delta.content for chunk in chunks]
    with pytest.raises(StreamTruncatedError):
        list(decoder.close())
