"""Streams: each kind of event as chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate_cohere import ChatDecoder
from tests.integration.cohere_events import (
    CLOSE,
    START,
    arguments,
    begun,
    called,
    choice_of,
    chunks_of,
    end,
    event,
    text,
)


def test_plain_text() -> None:
    """Role, text, reason and usage; the model is the one that was asked."""
    chunks = chunks_of([START, begun(), text("Hel"), text(""), text("lo"), CLOSE, end()])
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert ["assistant", None, None, None] == [delta.role for delta in deltas]
    assert [None, "Hel", "lo", None] == [delta.content for delta in deltas]
    assert {("r1", "command-r")} == {(chunk.id, chunk.model) for chunk in chunks}
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:-1]] == ["stop"]
    usage = chunks[-1].usage
    assert usage is not None
    assert (5, 2, 7) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    assert chunks[-1].choices == []
    assert accumulate(chunks).choices[0].message.provider_data is None


def test_nothing_is_read_after_the_end() -> None:
    """The message's end is the terminator; ``[DONE]`` is not waited for, and never an error."""
    decoder = ChatDecoder("c9")
    assert [*decoder.feed(Frame(b" [DONE]"))] == []
    assert not decoder.finished
    for item in (START, begun(piece="Hi"), end()):
        list(decoder.feed(Frame(json.dumps(item).encode())))
    assert decoder.finished
    assert [*decoder.close()] == []


def test_text_may_begin_with_the_item() -> None:
    """Text in ``content-start`` is text; an item that never began is what it holds."""
    choice = choice_of([START, begun(piece="He"), text("llo"), text("!", 3), end()])
    assert choice.message.content == "Hello!"
    hidden = event("content-delta", {"content": {"thinking": "Hm"}}, 0)
    assert choice_of([START, hidden, end()]).message.reasoning_content == "Hm"


def test_thoughts() -> None:
    """Thoughts are reasoning, whatever their index, and go back with the text."""
    thought = event("content-delta", {"content": {"thinking": "Hm"}}, 0)
    events = [START, begun(0, "thinking"), thought, CLOSE, begun(1), text("Hi", 1), end()]
    message = choice_of(events).message
    assert ("Hm", "Hi") == (message.reasoning_content, message.content)
    items = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}]
    assert message.provider_data == {"cohere": {"content": items}}


def test_plan_and_calls() -> None:
    """A plan is reasoning and goes back whole; calls are numbered as they appear."""
    plan = [event("tool-plan-delta", {"tool_plan": piece}) for piece in ("I ", "look.")]
    events = [
        START,
        *plan,
        called(3),
        arguments(3, '{"a"'),
        called(5, "get_it"),
        arguments(5, '{"b": 1}'),
        arguments(3, ": 1}"),
        event("tool-call-end", None, 3),
        event("tool-call-end", None, 5),
        end("TOOL_CALL"),
    ]
    choice = choice_of(events)
    assert choice.message.reasoning_content == "I look."
    assert choice.message.provider_data == {"cohere": {"tool_plan": "I look."}}
    assert choice.finish_reason == "tool_calls"
    assert [("c3", "f", '{"a": 1}'), ("c5", "get-it", '{"b": 1}')] == [
        (call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or []
        if call.function
    ]


def test_text_beside_calls_goes_back() -> None:
    """Text that accompanies a call is kept as content, since it was no plan."""
    choice = choice_of([START, begun(), text("Wait."), CLOSE, called(0), end("TOOL_CALL")])
    kept = [{"type": "text", "text": "Wait."}]
    assert choice.message.provider_data == {"cohere": {"content": kept}}
    assert choice.message.content == "Wait."


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ([], "{}"),
        ([""], "{}"),
        (["null"], "{}"),
        (["nu", "ll"], "{}"),
        ([" ", "\n"], "{}"),
        (["nu"], "nu"),
        (["nul", "x"], "nulx"),
        (["", "{", "}"], "{}"),
        ([None, "{}"], "{}"),
    ],
)
@pytest.mark.parametrize("is_ended", [True, False])
def test_arguments_in_pieces(pieces: list[Any], whole: str, is_ended: bool) -> None:
    """A call without arguments has the empty object, in its chunks already."""
    ends = [event("tool-call-end", None, 0)] if is_ended else []
    chunks = chunks_of(
        [START, called(0), *(arguments(0, piece) for piece in pieces), *ends, end("TOOL_CALL")]
    )
    fragments = [
        fragment
        for chunk in chunks
        for choice in chunk.choices
        for fragment in choice.delta.tool_calls or []
    ]
    assert whole == "".join(f.function.arguments or "" for f in fragments if f.function)


def test_calls_without_index_or_id() -> None:
    """A call without an index is the next, its pieces are the last one's; ids are never empty."""
    events = [
        START,
        called(None, arguments='{"a"', id=None),
        arguments(None, ":1}"),
        called(None, id=""),
        end("TOOL_CALL"),
    ]
    calls = choice_of(events).message.tool_calls or []
    assert ["call_c9_0", "call_c9_1"] == [call.id for call in calls]
    assert ['{"a":1}', "{}"] == [call.function.arguments for call in calls if call.function]


def test_citations() -> None:
    """A citation is an annotation at its place in the whole text, and goes back as it came."""
    cited: dict[str, Any] = {"start": 0, "end": 2, "text": "Hi", "sources": [], "content_index": 1}
    thought = event("content-delta", {"content": {"thinking": "Hm"}}, 0)
    events = [
        START,
        begun(0, "thinking"),
        thought,
        CLOSE,
        begun(1),
        text("Hi", 1),
        event("citation-start", {"citations": cited}, 0),
        event("citation-end", None, 0),
        text("!", 1),
        event("content-end", None, 1),
        end(),
    ]
    message = choice_of(events).message
    place = {"start_index": 0, "end_index": 2}
    assert message.annotations == [{"type": "citation", "citation": {**cited, **place}}]
    items = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi!"}]
    assert message.provider_data == {"cohere": {"content": items, "citations": [cited]}}


def test_logprobs() -> None:
    """Those of a piece come with it."""
    piece = {**text("Hi"), "logprobs": {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}}
    choice = choice_of([START, begun(), piece, piece, end()])
    assert choice.logprobs is not None
    assert [("Hi", -0.5)] * 2 == [
        (entry["token"], entry["logprob"]) for entry in choice.logprobs["content"]
    ]


def test_what_is_new_is_kept() -> None:
    """Events, fields and kinds of content that are not known here are kept where they belong."""
    drawing = event("content-start", {"content": {"type": "drawing", "svg": "<", "n": 1}}, 1)
    more = event("content-delta", {"content": {"svg": "/>", "n": 2}}, 1)
    start = event("message-start", {"role": "assistant", "mood": "good"}, id="r1")
    events = [
        start,
        {"type": "debug", "prompt": "p"},
        begun(),
        {**text("Hi"), "speed": 3},
        drawing,
        more,
        event("content-end", None, 1),
        {**end(), "delta": {**end()["delta"], "weather": "fair"}},
    ]
    answer = accumulate(chunks_of(events))
    message = answer.choices[0].message
    assert answer.extra == {
        "events": [{"type": "debug", "prompt": "p"}, {"type": "content-delta", "speed": 3}],
        "weather": "fair",
    }
    assert message.extra == {"mood": "good"}
    items = [{"type": "drawing", "svg": "</>", "n": 2}, {"type": "text", "text": "Hi"}]
    data = message.provider_data
    assert data is not None
    assert sorted(items, key=str) == sorted(data["cohere"]["content"], key=str)
    assert message.content == "Hi"
