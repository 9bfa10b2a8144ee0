"""Fragments of tool calls, in every shape in which hosts were seen to stream them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder, ToolCallIndex, decode

Fragment = dict[str, Any]


def _event(delta: Any, *, choice: int = 0, finish: str | None = None) -> Frame:
    chosen = {"index": choice, "delta": delta, "finish_reason": finish}
    return Frame(json.dumps({"id": "chatcmpl-1", "choices": [chosen]}).encode())


def _chunks(*frames: Frame) -> list[Chunk]:
    decoder = ChatDecoder("7")
    read = [chunk for frame in frames for chunk in decoder.feed(frame)]
    return [*read, *decoder.feed(Frame(b"[DONE]"))]


def _answer(*deltas: list[Fragment], finish: str | None = "tool_calls") -> Completion:
    """The answer of a stream whose events carry these fragments."""
    frames = [_event({"tool_calls": fragments}) for fragments in deltas]
    return accumulate(_chunks(*frames, _event({}, finish=finish)))


def _calls(completion: Completion, choice: int = 0) -> list[tuple[str, str, str]]:
    """The calls as id, name and arguments (or a custom tool's input)."""
    found: list[tuple[str, str, str]] = []
    for call in completion.choices[choice].message.tool_calls or []:
        if call.custom is not None:
            found.append((call.id, call.custom.name, call.custom.input))
        elif call.function is not None:
            found.append((call.id, call.function.name, call.function.arguments))
    return found


def _named(name: str, arguments: Any = "", **rest: Any) -> Fragment:
    return {"function": {"name": name, "arguments": arguments}, **rest}


def _more(arguments: str, **rest: Any) -> Fragment:
    return {"function": {"arguments": arguments}, **rest}


_TWO = [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]

_SHAPES: dict[str, tuple[list[list[Fragment]], list[tuple[str, str, str]]]] = {
    "as OpenAI sends it": (
        [
            [_named("f", index=0, id="a", type="function")],
            [_more('{"x"', index=0)],
            [_more(":1}", index=0)],
        ],
        [("a", "f", '{"x":1}')],
    ),
    "two calls, one after the other": (
        [
            [_named("f", index=0, id="a")],
            [_more('{"x":1}', index=0)],
            [_named("g", index=1, id="b")],
            [_more('{"y":2}', index=1)],
        ],
        _TWO,
    ),
    "two calls, interleaved": (
        [
            [_named("f", index=0, id="a"), _named("g", index=1, id="b")],
            [_more('{"x"', index=0), _more('{"y"', index=1)],
            [_more(":2}", index=1)],
            [_more(":1}", index=0)],
        ],
        _TWO,
    ),
    "several fragments of one call in one event": (
        [[_named("f", index=0, id="a"), _more('{"x"', index=0), _more(":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "the second index comes first": (
        [[_named("g", '{"y":2}', index=1, id="b")], [_named("f", '{"x":1}', index=0, id="a")]],
        [_TWO[1], _TWO[0]],
    ),
    "the same index with a new id": (
        [
            [_named("f", index=0, id="a")],
            [_more('{"x":1}', index=0)],
            [_named("g", index=0, id="b")],
            [_more('{"y":2}', index=0)],
        ],
        _TWO,
    ),
    "the same index, ids repeated and interleaved": (
        [
            [_named("f", '{"x"', index=0, id="a")],
            [_named("g", '{"y"', index=0, id="b")],
            [_more(":1}", index=0, id="a")],
            [_more(":2}", index=0, id="b")],
        ],
        _TWO,
    ),
    "the same index with another name and no ids": (
        [[_named("f", '{"x":1}', index=0)], [_named("g", '{"y":2}', index=0)]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "g", '{"y":2}')],
    ),
    "indexes counted over all content blocks": (
        [
            [_named("f", index=1, id="a")],
            [_more('{"x":1}', index=1)],
            [_named("g", index=3, id="b")],
            [_more('{"y":2}', index=3)],
        ],
        _TWO,
    ),
    "an index that is a whole float": (
        [[_named("f", '{"x"', index=0.0, id="a")], [_more(":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "no index, whole calls in one event": (
        [[_named("f", '{"x":1}', id="a"), _named("g", '{"y":2}', id="b")]],
        _TWO,
    ),
    "no index, whole calls in an event each": (
        [[_named("f", '{"x":1}', id="a")], [_named("g", '{"y":2}', id="b")]],
        _TWO,
    ),
    "no index, ids repeated": (
        [
            [_named("f", '{"x"', id="a")],
            [_named("g", '{"y"', id="b")],
            [_more(":2}", id="b")],
            [_more(":1}", id="a")],
        ],
        _TWO,
    ),
    "no index, id only at first": (
        [[_named("f", id="a")], [_more('{"x":1}')], [_named("g", id="b")], [_more('{"y":2}')]],
        _TWO,
    ),
    "no index, no id, pieces told by their place": (
        [[_named("f"), _named("g")], [_more('{"x"'), _more('{"y"')], [_more(":1}"), _more(":2}")]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "g", '{"y":2}')],
    ),
    "no index, no id, the same function twice in one event": (
        [[_named("f", '{"x":1}'), _named("f", '{"x":2}')]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "f", '{"x":2}')],
    ),
    "no index, no id, the same function twice, whole": (
        [[_named("f", '{"x":1}')], [_named("f", '{"x":2}')]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "f", '{"x":2}')],
    ),
    "no index, no id, two events of two whole calls": (
        [[_named("f", "{}"), _named("g", "{}")], [_named("f", "{}"), _named("g", "{}")]],
        [(f"call_7_0_{number}", name, "{}") for number, name in enumerate("fgfg")],
    ),
    "no index, no id, the name in every piece": (
        [[_named("f", '{"x"')], [_named("f", ":1}")]],
        [("call_7_0_0", "f", '{"x":1}')],
    ),
    "the name in every piece": (
        [[_named("f", '{"x"', index=0, id="a")], [_named("f", ":1}", index=0, id="a")]],
        [("a", "f", '{"x":1}')],
    ),
    "no id at all": (
        [[_named("f", index=0)], [_more('{"x":1}', index=0)]],
        [("call_7_0_0", "f", '{"x":1}')],
    ),
    "an empty id": (
        [[_named("f", "{}", index=0, id="")], [_named("g", "{}", index=1, id=None)]],
        [("call_7_0_0", "f", "{}"), ("call_7_0_1", "g", "{}")],
    ),
    "a late id": (
        [[_named("f", index=0)], [_more('{"x":1}', index=0, id="a")]],
        [("a", "f", '{"x":1}')],
    ),
    "a late id, no index": (
        [[_named("f")], [_more('{"x":1}', id="a")]],
        [("a", "f", '{"x":1}')],
    ),
    "a late index": (
        [[_named("f", id="a")], [_more('{"x"', id="a", index=0)], [_more(":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "a late name": (
        [[{"index": 0, "id": "a"}], [_more('{"x"', index=0)], [_named("f", ":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "a late name, no index": (
        [[{"id": "a"}], [_named("f", '{"x":1}')]],
        [("a", "f", '{"x":1}')],
    ),
    "two calls of one id": (
        [[_named("f", "{}", index=0, id="a")], [_named("f", "{}", index=1, id="a")]],
        [("a", "f", "{}"), ("a", "f", "{}")],
    ),
    "arguments as an object": (
        [[_named("f", {"x": 1}, index=0, id="a")], [_named("g", {"y": 2}, index=1, id="b")]],
        _TWO,
    ),
    "arguments as a list": (
        [[_named("f", [1], index=0, id="a")]],
        [("a", "f", "[1]")],
    ),
    "no arguments": (
        [[_named("f", None, index=0, id="a")], [_named("g", "", index=1, id="b")]],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "arguments that are no JSON": (
        [[_named("f", '{"x": ', index=0, id="a")]],
        [("a", "f", '{"x": ')],
    ),
    "a null function beside the id": (
        [[{"index": 0, "id": "a", "function": None}], [_named("f", "{}", index=0)]],
        [("a", "f", "{}")],
    ),
    "an empty fragment of a call that never comes": (
        [
            [_named("f", "{}", index=0, id="a")],
            [{"index": 1, "id": "", "function": {"name": "", "arguments": ""}}],
        ],
        [("a", "f", "{}")],
    ),
    "a custom tool": (
        [
            [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": ""}}],
            [{"index": 0, "custom": {"input": "SELECT "}}],
            [{"index": 0, "custom": {"input": "1"}}],
        ],
        [("a", "sql", "SELECT 1")],
    ),
    "a custom tool without id or type, beside a function": (
        [
            [{"index": 0, "custom": {"name": "sql", "input": "1"}}],
            [_named("f", "{}", index=1)],
        ],
        [("call_7_0_0", "sql", "1"), ("call_7_0_1", "f", "{}")],
    ),
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_fragments_become_whole_calls(shape: str) -> None:
    """Whatever a host leaves out or repeats, each call has its own id, name and arguments."""
    fragments, expected = _SHAPES[shape]
    answer = _answer(*fragments)
    assert expected == _calls(answer)
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("shape", _SHAPES)
def test_indexes_count_calls_from_zero(shape: str) -> None:
    """The indexes of the chunks are the places of the calls, in the order in which they begin."""
    fragments, expected = _SHAPES[shape]
    seen: list[int] = []
    for chunk in _chunks(*[_event({"tool_calls": fragment}) for fragment in fragments]):
        for choice in chunk.choices:
            seen += [fragment.index for fragment in choice.delta.tool_calls or []]
    assert list(range(len(expected))) == list(dict.fromkeys(seen))


def test_each_choice_counts_its_own_calls() -> None:
    """With n > 1 the fragments of the choices are interleaved, and never mixed."""
    answer = accumulate(
        _chunks(
            _event({"tool_calls": [_named("f", index=0)]}, choice=1),
            _event({"tool_calls": [_named("g", index=0)]}, choice=0),
            _event({"tool_calls": [_more('{"x":1}', index=0)]}, choice=1),
            _event({"tool_calls": [_more('{"y":2}', index=0)]}, choice=0),
            _event({}, choice=0, finish="tool_calls"),
            _event({}, choice=1, finish="tool_calls"),
        )
    )
    assert [("call_7_0_0", "g", '{"y":2}')] == _calls(answer, 0)
    assert [("call_7_1_0", "f", '{"x":1}')] == _calls(answer, 1)


def test_the_finish_reason_may_come_before_the_last_fragment() -> None:
    """Fragments after the finish reason still belong to their call."""
    answer = accumulate(
        _chunks(
            _event({"tool_calls": [_named("f", '{"x"', index=0)]}),
            _event({}, finish="tool_calls"),
            _event({"tool_calls": [_more(":1}", index=0)]}),
        )
    )
    assert [("call_7_0_0", "f", '{"x":1}')] == _calls(answer)


def test_a_call_that_begins_after_the_finish_reason_gets_its_id_at_the_end() -> None:
    """No call is ever without an id, even where the host's order is upside down."""
    chunks = _chunks(
        _event({}, finish="tool_calls"), _event({"tool_calls": [_named("f", index=0)]})
    )
    assert [("call_7_0_0", "f", "{}")] == _calls(accumulate(chunks))


def test_an_id_is_made_in_the_chunk_that_finishes() -> None:
    """Whoever acts on the finish reason finds the id that was missing in the same chunk."""
    *_, last = _chunks(
        _event({"tool_calls": [_named("f", "{}", index=0)]}), _event({}, finish="tool_calls")
    )
    named = last.choices[0].delta.tool_calls
    assert named is not None
    assert [(0, "call_7_0_0", "function")] == [(item.index, item.id, item.type) for item in named]


@pytest.mark.parametrize(
    ("finish", "delta", "expected"),
    [
        ("stop", {"tool_calls": [_named("f", index=0, id="a")]}, "tool_calls"),
        ("stop", {"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        ("length", {"tool_calls": [_named("f", index=0, id="a")]}, "length"),
        ("stop", {"content": "x"}, "stop"),
        ("stop", {"tool_calls": []}, "stop"),
    ],
)
def test_an_answer_that_calls_says_so(finish: str, delta: Any, expected: str) -> None:
    """A forced call is given as ``stop``: the calls count, and the host's own word is kept."""
    answer = accumulate(_chunks(_event(delta), _event({}, finish=finish)))
    choice = answer.choices[0]
    assert (expected, finish) == (choice.finish_reason, choice.native_finish_reason)


def test_legacy_function_calls_are_joined() -> None:
    """The deltas of ``function_call`` make one call."""
    answer = accumulate(
        _chunks(
            _event({"role": "assistant", "content": None, "function_call": {"name": "f"}}),
            _event({"function_call": {"arguments": '{"x"'}}),
            _event({"function_call": {"arguments": ":1}"}}),
            _event({}, finish="function_call"),
        )
    )
    called = answer.choices[0].message.function_call
    assert called is not None
    assert ("f", '{"x":1}') == (called.name, called.arguments)


def test_a_call_without_a_name_is_no_call() -> None:
    """Nobody could answer it, and it would make the whole history invalid."""
    frames = [_event({"tool_calls": [_more("{}", index=0, id="a")]}), _event({}, finish="stop")]
    with pytest.raises(DecodeError, match="no name"):
        _chunks(*frames)


@pytest.mark.parametrize(
    "fragments",
    [
        5,
        "f",
        {"index": 0},
        [5],
        [None],
        [[]],
        [{"index": 0, "function": "f"}],
        [{"index": 0, "function": [1]}],
        [{"index": 0, "function": {"name": 5}}],
        [{"index": 0, "custom": "f"}],
        [{"index": 0, "custom": {"name": ["f"]}}],
    ],
)
def test_fragments_of_a_wrong_type_are_refused(fragments: Any) -> None:
    """Every wrong type is a DecodeError that holds the event."""
    frame = _event({"tool_calls": fragments})
    with pytest.raises(DecodeError) as caught:
        _chunks(frame)
    assert frame.data == caught.value.frame


_REPEATED: dict[str, tuple[list[list[Fragment]], list[tuple[str, str]]]] = {
    "another id goes on": (
        [[_named("f", index=0, id="a")], [_more('{"x"', index=0, id="b")], [_more(":1}", index=0)]],
        [("f", '{"x":1}')],
    ),
    "another id in each fragment, with the name": (
        [[_named("f", '{"x"', index=0, id="a")], [_named("f", ":1}", index=0, id="b")]],
        [("f", '{"x":1}')],
    ),
    "another id and another name": (
        [[_named("f", '{"x"', index=0, id="a")], [_named("g", "{}", index=0, id="b")]],
        [("f", '{"x"'), ("g", "{}")],
    ),
    "two calls without arguments": (
        [[_named("f", index=0, id="a")], [_named("f", index=0, id="b")]],
        [("f", "{}"), ("f", "{}")],
    ),
    "a name in pieces, with ids": (
        [[_named("get_", '{"x"', index=0, id="a")], [_named("it", ":1}", index=0, id="a")]],
        [("get_it", '{"x":1}')],
    ),
    "a name in pieces, without ids": (
        [[_named("get", index=0)], [_named("_", index=0)], [_named("it", "{}", index=0)]],
        [("get_it", "{}")],
    ),
    "a name that grows": (
        [[_named("get", index=0, id="a")], [_named("get_it", '{"x":1}', index=0, id="a")]],
        [("get_it", '{"x":1}')],
    ),
    "the same name after whole arguments": (
        [[_named("f", '{"x":1}', index=0)], [_named("f", '{"x":2}', index=0)]],
        [("f", '{"x":1}'), ("f", '{"x":2}')],
    ),
    "an empty object first": (
        [[_named("f", "{}", index=0, id="a")], [_more('{"x"', index=0)], [_more(":1}", index=0)]],
        [("f", '{"x":1}')],
    ),
    "nothing but an empty object": ([[_named("f", " {} ", index=0, id="a")]], [("f", " {} ")]),
    "arguments that grow": (
        [
            [_named("f", '{"x"', index=0, id="a")],
            [_more('{"x":', index=0)],
            [_more('{"x":{"y"', index=0)],
            [_more('{"x":{"y":1}}', index=0)],
        ],
        [("f", '{"x":{"y":1}}')],
    ),
    "arguments that are given again at the end": (
        [
            [_named("f", '{"x"', index=0, id="a")],
            [_more(":1}", index=0)],
            [_more('{"x":1}', index=0)],
        ],
        [("f", '{"x":1}')],
    ),
    "an object within one that begins alike": (
        [[_named("f", '{"x":', index=0, id="a")], [_more('{"x":1}}', index=0)]],
        [("f", '{"x":{"x":1}}')],
    ),
    "an index as text": (
        [[_named("f", '{"x"', index="0", id="a")], [_more(":1}", index="0")]],
        [("f", '{"x":1}')],
    ),
}


@pytest.mark.parametrize("shape", _REPEATED)
def test_nothing_is_given_twice(shape: str) -> None:
    """Whoever joins the pieces that are yielded has each id, name and argument once."""
    deltas, expected = _REPEATED[shape]
    events = [_event({"tool_calls": fragments}) for fragments in deltas]
    chunks = _chunks(*events, _event({}, finish="tool_calls"))
    completion = accumulate(chunks)
    assert expected == [(name, arguments) for _, name, arguments in _calls(completion)]
    joined: dict[int, list[str]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            for part in choice.delta.tool_calls or []:
                texts = joined.setdefault(part.index, ["", "", "", ""])
                texts[0] += part.id or ""
                texts[1] += part.type or ""
                if part.function is not None:
                    texts[2] += part.function.name or ""
                    texts[3] += part.function.arguments or ""
    calls = completion.choices[0].message.tool_calls or []
    assert [call.id for call in calls] == [texts[0] for texts in joined.values()]
    assert {"function", ""} >= {texts[1] for texts in joined.values()}
    assert expected == [(name, arguments or "{}") for _, _, name, arguments in joined.values()]


@pytest.mark.parametrize("nothing", [{}, {"name": "", "arguments": ""}, {"name": None}])
def test_an_empty_function_call_is_none(nothing: Any) -> None:
    """Some hosts write one beside each text."""
    delta = {"content": "Hi", "function_call": nothing}
    streamed = accumulate(_chunks(_event(delta), _event({}, finish="stop")))
    message = {"role": "assistant", **delta}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = decode(HttpResponse(200, {}, json.dumps({"choices": [choice]}).encode()), "7")
    for completion in (streamed, whole):
        assert completion.choices[0].message.function_call is None
        assert "stop" == completion.choices[0].finish_reason


def test_calls_in_a_last_whole_message() -> None:
    """Some hosts stream the text, and give the calls in a message without a delta."""
    call = {"id": "a", "type": "function", **_named("f", '{"x":1}')}
    last = {"index": 0, "message": {"content": "Hi", "tool_calls": [call]}, "finish_reason": "stop"}
    frame = Frame(json.dumps({"id": "chatcmpl-1", "choices": [last]}).encode())
    completion = accumulate(_chunks(_event({"content": "Hi"}), frame))
    assert "Hi" == completion.text
    assert [("a", "f", '{"x":1}')] == _calls(completion)
    assert "tool_calls" == completion.choices[0].finish_reason


def test_the_index_is_usable_by_itself() -> None:
    """Another plugin may place the fragments of its own choices."""
    calls = ToolCallIndex("spare")
    placed = calls.place([_named("f", index=5)])
    assert [0] == [fragment.index for fragment in placed]
    assert ["spare_0"] == [fragment.id for fragment in calls.missing_parts()]
    assert [] == calls.missing_parts()


def test_long_arguments_without_an_index_are_whole_once_they_parse() -> None:
    """They are not read with each of many fragments, since that takes time in their square."""
    pieces = ['{"a":"', *["x" * 500] * 20, '"}']
    fragments = [_answer_piece(piece) for piece in pieces]
    [(_, name, arguments)] = _calls(_answer(*fragments))
    assert ("f", {"a": "x" * 10_000}) == (name, json.loads(arguments))


def _answer_piece(arguments: str) -> list[Fragment]:
    return [{"function": {"name": "f", "arguments": arguments}}]
