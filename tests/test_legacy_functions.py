"""The legacy form of tools: functions and function_call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._core.check import check_messages, check_parameters
from llmgate._core.legacy import (
    completion_as_legacy,
    legacy_decoder,
    uses_functions,
    with_one_call_at_a_time,
    without_functions,
)
from llmgate.errors import InvalidRequestError
from llmgate.options import ChatParameters
from llmgate.provider import Rule, Support
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, Framer, NDJSONFramer
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    CustomCall,
    FinishReason,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)

# --- the legacy form of a call ---

FUNCTIONS: list[Any] = [{"name": "weather", "parameters": {"type": "object"}}]
TOOLS: list[Any] = [{"type": "function", "function": FUNCTIONS[0]}]
USER: dict[str, Any] = {"role": "user", "content": "Hi"}


def asked(name: str = "weather", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    """An assistant's message with a call in the legacy form."""
    return {"role": "assistant", "function_call": {"name": name, "arguments": arguments}, **more}


def result(name: str = "weather", content: str | None = "sunny") -> dict[str, Any]:
    """The result of such a call."""
    return {"role": "function", "name": name, "content": content}


def with_call(identifier: str, name: str = "weather", **more: Any) -> dict[str, Any]:
    """The same message with a tool call."""
    call = {"id": identifier, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"content": None, "role": "assistant", "tool_calls": [call], **more}


def tool_result(identifier: str, content: str = "sunny") -> dict[str, Any]:
    """The result of a tool call."""
    return {"role": "tool", "tool_call_id": identifier, "content": content}


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


# --- the legacy form of an answer ---

ONE, TWO = ToolCall("a", Function("f", "{}")), ToolCall("b", Function("g", "{}"))
CUSTOM = ToolCall("c", custom=CustomCall("h"), type="custom")


@pytest.mark.parametrize(
    ("message", "reason", "expected", "legacy_reason"),
    [
        (Message("hi"), "stop", Message("hi"), "stop"),
        (
            Message(tool_calls=[ONE]),
            "tool_calls",
            Message(function_call=Function("f", "{}")),
            "function_call",
        ),
        (
            Message("Hm", tool_calls=[ONE, TWO]),
            "tool_calls",
            Message("Hm", function_call=Function("f", "{}"), tool_calls=[TWO]),
            "function_call",
        ),
        (
            Message(tool_calls=[ONE]),
            "length",
            Message(function_call=Function("f", "{}")),
            "length",
        ),
        (Message(tool_calls=[CUSTOM]), "tool_calls", Message(tool_calls=[CUSTOM]), "tool_calls"),
    ],
)
def test_an_answer_is_given_in_the_form_in_which_it_was_asked(
    message: Message, reason: FinishReason, expected: Message, legacy_reason: FinishReason
) -> None:
    """A first call is the ``function_call``; what that form cannot say stays as it was."""
    answer = completion_as_legacy(Completion([Choice(message, 0, reason)], id="x"))
    assert Completion([Choice(expected, 0, legacy_reason)], id="x") == answer


class Script:
    """A decoder that gives the chunks it was made with, one list a frame."""

    def __init__(self, *steps: list[Chunk]) -> None:
        self._steps = list(steps)
        self._framer = NDJSONFramer()

    @property
    def framer(self) -> Framer:
        return self._framer

    @property
    def finished(self) -> bool:
        return not self._steps

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        return self._steps.pop(0)

    def close(self) -> Iterable[Chunk]:
        return self._steps.pop(0)


def chunk(*fragments: ToolCallDelta, reason: FinishReason | None = None, **delta: Any) -> Chunk:
    """One chunk of one choice."""
    calls = list(fragments) or None
    return Chunk([ChunkChoice(ChoiceDelta(tool_calls=calls, **delta), finish_reason=reason)])


def fragment(
    index: int, identifier: str | None, name: str | None = None, arguments: str | None = None
) -> ToolCallDelta:
    """A piece of a call."""
    has_function = name is not None or arguments is not None
    function = FunctionDelta(name, arguments) if has_function else None
    return ToolCallDelta(index, identifier, function)


STREAMS: dict[str, tuple[Chunk, Chunk]] = {
    "text": (chunk(content="hi"), chunk(content="hi")),
    "a first fragment": (
        chunk(fragment(0, "a", "f", "")),
        chunk(function_call=FunctionDelta("f", "")),
    ),
    "a later fragment": (
        chunk(fragment(0, None, None, '{"')),
        chunk(function_call=FunctionDelta(None, '{"')),
    ),
    "an id alone": (chunk(fragment(0, "a")), chunk()),
    "several fragments": (
        chunk(fragment(0, "a"), fragment(0, None, "f", "{"), fragment(0, None, None, "}")),
        chunk(function_call=FunctionDelta("f", "{}")),
    ),
    "another call": (chunk(fragment(1, "b", "g", "{}")), chunk(fragment(1, "b", "g", "{}"))),
    "both": (
        chunk(fragment(1, "b", "g", ""), fragment(0, "a", "f", "{}")),
        chunk(fragment(1, "b", "g", ""), function_call=FunctionDelta("f", "{}")),
    ),
    "a custom call": (
        chunk(ToolCallDelta(0, "c", custom={"name": "h"})),
        chunk(ToolCallDelta(0, "c", custom={"name": "h"})),
    ),
    "the end": (chunk(reason="tool_calls"), chunk(reason="function_call")),
    "another end": (chunk(reason="stop"), chunk(reason="stop")),
    "no choice": (Chunk([]), Chunk([])),
}


@pytest.mark.parametrize(("said", "expected"), STREAMS.values(), ids=STREAMS)
def test_a_stream_speaks_of_function_call(said: Chunk, expected: Chunk) -> None:
    """Chunk by chunk, whether a frame or the end of the bytes brings them."""
    decoder = legacy_decoder(Script([said], [said]))
    assert [expected] == list(decoder.feed(Frame(b"")))
    assert [expected] == list(decoder.close())


def test_a_legacy_stream_is_framed_and_ends_as_the_provider_s() -> None:
    """The decoder around it changes words, and nothing else."""
    script = Script([])
    decoder = legacy_decoder(script)
    assert (script.framer, False) == (decoder.framer, decoder.finished)
    list(decoder.feed(Frame(b"")))
    assert decoder.finished


@st.composite
def streamed_calls(draw: st.DrawFn) -> list[Chunk]:
    """An answer of one or several calls, cut into fragments in any way."""
    fragments = list[ToolCallDelta]()
    for index in range(draw(st.integers(1, 3))):
        arguments = draw(st.sampled_from(["{}", '{"a": 1}', '{"city": "Bern"}']))
        cut = draw(st.integers(0, len(arguments)))
        fragments += [
            fragment(index, f"id{index}", f"f{index}", arguments[:cut]),
            fragment(index, None, None, arguments[cut:]),
        ]
    chunks = list[Chunk]()
    while fragments:
        size = draw(st.integers(1, len(fragments)))
        chunks.append(chunk(*fragments[:size]))
        fragments = fragments[size:]
    return [*chunks, chunk(reason="tool_calls")]


@given(streamed_calls())
def test_a_legacy_stream_adds_up_to_the_legacy_answer(chunks: list[Chunk]) -> None:
    """Translating the pieces or the whole gives the same."""
    decoder = legacy_decoder(Script(chunks))
    assert completion_as_legacy(accumulate(chunks)) == accumulate(decoder.feed(Frame(b"")))


def test_a_legacy_answer_can_be_sent_back() -> None:
    """Ask, answer, result, ask again: the whole round of the legacy form."""
    answer = completion_as_legacy(
        Completion([Choice(Message(tool_calls=[ONE, TWO]), 0, "tool_calls")])
    )
    history: list[Any] = [USER, answer.choices[0].message, result("f"), tool_result("b")]
    sent = without_functions(ProviderCall("m", check_messages(history), ChatParameters()))
    calls: Any = sent.messages[1]
    assert ["call_1", "b"] == [call["id"] for call in calls["tool_calls"]]
