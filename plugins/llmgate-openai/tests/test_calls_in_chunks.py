"""Tool calls in chunks: indexes, ids, finish reasons, and fragments that are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate_openai import ToolCallIndex
from tests.integration.openai_fragments import (
    Fragment,
    calls_of,
    chunks_of,
    completion_of,
    event_of,
    more_of,
    named_fragment,
)


def test_each_choice_counts_its_own_calls() -> None:
    """With n > 1 the fragments of the choices are interleaved, and never mixed."""
    answer = accumulate(
        chunks_of(
            event_of({"tool_calls": [named_fragment("f", index=0)]}, choice=1),
            event_of({"tool_calls": [named_fragment("g", index=0)]}, choice=0),
            event_of({"tool_calls": [more_of('{"x":1}', index=0)]}, choice=1),
            event_of({"tool_calls": [more_of('{"y":2}', index=0)]}, choice=0),
            event_of({}, choice=0, finish="tool_calls"),
            event_of({}, choice=1, finish="tool_calls"),
        )
    )
    assert [("call_7_0_0", "g", '{"y":2}')] == calls_of(answer, 0)
    assert [("call_7_1_0", "f", '{"x":1}')] == calls_of(answer, 1)


def test_the_finish_reason_may_come_before_the_last_fragment() -> None:
    """Fragments after the finish reason still belong to their call."""
    answer = accumulate(
        chunks_of(
            event_of({"tool_calls": [named_fragment("f", '{"x"', index=0)]}),
            event_of({}, finish="tool_calls"),
            event_of({"tool_calls": [more_of(":1}", index=0)]}),
        )
    )
    assert [("call_7_0_0", "f", '{"x":1}')] == calls_of(answer)


def test_a_call_that_begins_after_the_finish_reason_gets_its_id_at_the_end() -> None:
    """No call is ever without an id, even where the host's order is upside down."""
    chunks = chunks_of(
        event_of({}, finish="tool_calls"), event_of({"tool_calls": [named_fragment("f", index=0)]})
    )
    assert [("call_7_0_0", "f", "{}")] == calls_of(accumulate(chunks))


def test_an_id_is_made_in_the_chunk_that_finishes() -> None:
    """Whoever acts on the finish reason finds the id that was missing in the same chunk."""
    *_, last = chunks_of(
        event_of({"tool_calls": [named_fragment("f", "{}", index=0)]}),
        event_of({}, finish="tool_calls"),
    )
    named = last.choices[0].delta.tool_calls
    assert named is not None
    assert [(0, "call_7_0_0", "function")] == [(item.index, item.id, item.type) for item in named]


@pytest.mark.parametrize(
    ("finish", "delta", "expected"),
    [
        ("stop", {"tool_calls": [named_fragment("f", index=0, id="a")]}, "tool_calls"),
        ("stop", {"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        ("length", {"tool_calls": [named_fragment("f", index=0, id="a")]}, "length"),
        ("stop", {"content": "x"}, "stop"),
        ("stop", {"tool_calls": []}, "stop"),
    ],
)
def test_an_answer_that_calls_says_so(finish: str, delta: Any, expected: str) -> None:
    """A forced call is given as ``stop``: the calls count, and the host's own word is kept."""
    answer = accumulate(chunks_of(event_of(delta), event_of({}, finish=finish)))
    choice = answer.choices[0]
    assert (expected, finish) == (choice.finish_reason, choice.native_finish_reason)


def test_legacy_function_calls_are_joined() -> None:
    """The deltas of ``function_call`` make one call."""
    answer = accumulate(
        chunks_of(
            event_of({"role": "assistant", "content": None, "function_call": {"name": "f"}}),
            event_of({"function_call": {"arguments": '{"x"'}}),
            event_of({"function_call": {"arguments": ":1}"}}),
            event_of({}, finish="function_call"),
        )
    )
    called = answer.choices[0].message.function_call
    assert called is not None
    assert ("f", '{"x":1}') == (called.name, called.arguments)


def test_a_call_without_a_name_is_no_call() -> None:
    """Nobody could answer it, and it would make the whole history invalid."""
    frames = [
        event_of({"tool_calls": [more_of("{}", index=0, id="a")]}),
        event_of({}, finish="stop"),
    ]
    with pytest.raises(DecodeError, match="no name"):
        chunks_of(*frames)


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
    frame = event_of({"tool_calls": fragments})
    with pytest.raises(DecodeError) as caught:
        chunks_of(frame)
    assert frame.data == caught.value.frame


def test_calls_in_a_last_whole_message() -> None:
    """Some hosts stream the text, and give the calls in a message without a delta."""
    call = {"id": "a", "type": "function", **named_fragment("f", '{"x":1}')}
    last = {"index": 0, "message": {"content": "Hi", "tool_calls": [call]}, "finish_reason": "stop"}
    frame = Frame(json.dumps({"id": "chatcmpl-1", "choices": [last]}).encode())
    completion = accumulate(chunks_of(event_of({"content": "Hi"}), frame))
    assert "Hi" == completion.text
    assert [("a", "f", '{"x":1}')] == calls_of(completion)
    assert "tool_calls" == completion.choices[0].finish_reason


def test_the_index_is_usable_by_itself() -> None:
    """Another plugin may place the fragments of its own choices."""
    calls = ToolCallIndex("spare")
    placed = calls.place([named_fragment("f", index=5)])
    assert [0] == [fragment.index for fragment in placed]
    assert ["spare_0"] == [fragment.id for fragment in calls.missing_parts()]
    assert [] == calls.missing_parts()


def test_long_arguments_without_an_index_are_whole_once_they_parse() -> None:
    """They are not read with each of many fragments, since that takes time in their square."""
    pieces = ['{"a":"', *["x" * 500] * 20, '"}']
    fragments = [_answer_piece(piece) for piece in pieces]
    [(_, name, arguments)] = calls_of(completion_of(*fragments))
    assert ("f", {"a": "x" * 10_000}) == (name, json.loads(arguments))


def _answer_piece(arguments: str) -> list[Fragment]:
    return [{"function": {"name": "f", "arguments": arguments}}]
