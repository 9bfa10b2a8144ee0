"""Streams: each kind of event as chunks, and what becomes of events that are strange."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

from llmgate.errors import (
    ContextWindowError,
    DecodeError,
    ProviderError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import NameMap
from llmgate.report import Report
from llmgate.testing.driving import read_stream
from llmgate.types import Choice, Chunk
from llmgate_cohere import ChatDecoder, decode

NAMES = NameMap(["get-it"], re.compile("[a-z_]+"), "Cohere accepts no hyphens")


def event(kind: str, message: Any = None, index: int | None = None, **more: Any) -> dict[str, Any]:
    """One event."""
    made: dict[str, Any] = {"type": kind, **more}
    if index is not None:
        made["index"] = index
    if message is not None:
        made["delta"] = {"message": message}
    return made


START = event("message-start", {"role": "assistant", "content": [], "tool_plan": ""}, id="r1")
TOKENS = {"tokens": {"input_tokens": 5, "output_tokens": 2}, "cached_tokens": 1}


def end(reason: Any = "COMPLETE", **more: Any) -> dict[str, Any]:
    """The end of a message."""
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": TOKENS, **more}}


def text(piece: str, index: int = 0) -> dict[str, Any]:
    """A piece of text."""
    return event("content-delta", {"content": {"text": piece}}, index)


def begun(index: int = 0, kind: str = "text", piece: str = "") -> dict[str, Any]:
    """A content item that begins."""
    return event("content-start", {"content": {"type": kind, kind: piece}}, index)


def called(index: int | None, name: str = "f", arguments: Any = "", **more: Any) -> dict[str, Any]:
    """A call that begins."""
    function = {"name": name, "arguments": arguments}
    item = {"id": f"c{index}", "type": "function", "function": function, **more}
    return event("tool-call-start", {"tool_calls": item}, index)


def arguments(index: int | None, piece: Any) -> dict[str, Any]:
    """A piece of arguments."""
    return event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index)


def chunks_of(events: Iterable[Any]) -> list[Chunk]:
    """The chunks of these events."""
    body = "".join(f"event: x\ndata: {json.dumps(item)}\n\n" for item in events)
    return read_stream(ChatDecoder("c9", "command-r", NAMES), [body.encode()])


def choice_of(events: Iterable[Any]) -> Choice:
    """The one choice of the answer that these events add up to."""
    return accumulate(chunks_of(events)).choices[0]


CLOSE = event("content-end", None, 0)


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


@pytest.mark.parametrize(
    ("last", "status", "code"),
    [
        (end("ERROR"), 500, "ERROR"),
        (end("TIMEOUT"), 504, "TIMEOUT"),
        (end("COMPLETE", error="it broke"), 500, "COMPLETE"),
        (end(None, error={"a": 1}), 500, None),
    ],
)
def test_failed_answers_raise(last: Any, status: int, code: str | None) -> None:
    """An end that tells of a failure is an error, never an answer."""
    with pytest.raises(ServerError) as caught:
        chunks_of([START, begun(), text("Hi"), last])
    assert (status, code, True) == (
        caught.value.status,
        caught.value.code,
        caught.value.in_stream,
    )


def test_an_end_may_say_little() -> None:
    """Without usage there is no chunk of it; an empty plan is none."""
    empty = event("tool-plan-delta", {"tool_plan": ""})
    last = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": None}}
    chunks = chunks_of([START, empty, begun(piece="Hi"), last])
    assert [["assistant", None], [None, "Hi"], [None, None]] == [
        [chunk.choices[0].delta.role, chunk.choices[0].delta.content] for chunk in chunks
    ]
    nothing = event("content-delta", {"content": {"text": None}}, 0)
    assert choice_of([START, begun(piece="Hi"), nothing, last]).message.content == "Hi"


def test_an_error_in_place_of_an_event_raises() -> None:
    """A body of an error within the stream is that error, as is text in place of JSON."""
    with pytest.raises(ProviderError, match="upstream closed") as caught:
        ChatDecoder("c9").feed(Frame(b"upstream closed"))
    assert caught.value.in_stream
    with pytest.raises(ProviderError, match="too bad"):
        chunks_of([START, {"message": "too bad"}])
    with pytest.raises(ContextWindowError):
        chunks_of([{"message": "too long", "error_type": "TOO_MANY_TOKENS"}])


@pytest.mark.parametrize("length", range(6))
def test_an_end_that_is_missing_is_told(length: int) -> None:
    """Without the message's end, half an answer is not passed off as whole."""
    events = [START, begun(), text("Hi"), CLOSE, called(0), event("tool-call-end", None, 0)]
    with pytest.raises(StreamTruncatedError):
        chunks_of(events[:length])


def test_odd_values_beside_the_content_lose_nothing() -> None:
    """The text and the call are read all the same; each is reported once, and stays in extra."""
    odd = {**text("Hi"), "index": "0", "logprobs": 5}
    events: list[dict[str, Any]] = [
        {**START, "id": 7},
        begun(),
        odd,
        odd,
        event("citation-start", {"citations": [5]}, 0),
        called(0, id=5),
        {**arguments(0, "{}"), "index": "0"},
        {"type": "message-end", "id": [], "delta": {"finish_reason": "COMPLETE", "usage": 5}},
    ]
    report = Report()
    body = "".join(f"data: {json.dumps(item)}\n\n" for item in events)
    answer = accumulate(read_stream(ChatDecoder("c9", report=report), [body.encode()]))
    choice = answer.choices[0]
    assert ("7", "HiHi", None) == (answer.id, answer.text, answer.usage)
    assert [("5", "{}")] == [
        (call.id, call.function.arguments)
        for call in choice.message.tool_calls or []
        if call.function
    ]
    assert [events[4]] == answer.extra["events"]
    assert answer.extra["cohere"] == {"usage": 5}
    assert [
        *("id", "index", "logprobs", "message.citations", "message.tool_calls.id"),
        "usage",
    ] == [each.path.removeprefix("response.") for each in report]


@pytest.mark.parametrize("mark", ["[DONE]", "[done]", '"[DONE]"', " [DONE] "])
def test_a_foreign_terminator_says_nothing(mark: str) -> None:
    """It is no event, and does not end a message that has not ended."""
    decoder = ChatDecoder("c9")
    assert [*decoder.feed(Frame(mark.encode()))] == []
    assert not decoder.finished


WHOLE: dict[str, Any] = {
    "id": "r1",
    "finish_reason": "TOOL_CALL",
    "message": {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}],
        "tool_plan": "I look.",
        "tool_calls": [{"id": "c1", "function": {"name": "get_it", "arguments": "{}"}}],
    },
    "usage": TOKENS,
}


def test_a_whole_response_in_place_of_a_stream_is_read() -> None:
    """As one that a host sent which does not stream; it is reported."""
    report = Report()
    decoder = ChatDecoder("c9", "command-r", NAMES, report)
    found = accumulate(decoder.feed(Frame(json.dumps(WHOLE).encode())))
    assert decoder.finished
    response = HttpResponse(200, {}, json.dumps(WHOLE).encode())
    assert found == decode(response, "c9", "command-r", NAMES)
    assert found.choices[0].finish_reason == "tool_calls"
    assert [("converted", "stream")] == [(each.kind, each.path) for each in report]
    assert [*ChatDecoder("c9").feed(Frame(json.dumps(WHOLE).encode()))]


def test_a_stream_in_place_of_a_whole_response_is_read() -> None:
    """And so is a whole one with a terminator behind it."""
    events = [START, begun(piece="Hi"), end(), "[DONE]"]
    body = "".join(f"data: {json.dumps(item)}\n\n" for item in events).encode()
    report = Report()
    found = decode(HttpResponse(200, {}, body), "c9", "command-r", report=report)
    assert ("r1", "Hi", "stop") == (found.id, found.text, found.choices[0].finish_reason)
    assert [("converted", "stream")] == [(each.kind, each.path) for each in report]
    assert found == decode(HttpResponse(200, {}, body), "c9", "command-r")
    with pytest.raises(StreamTruncatedError) as caught:
        decode(HttpResponse(200, {}, body.partition(b'data: {"type": "message-end"')[0]), "c9")
    assert caught.value.partial is not None
    whole = json.dumps(WHOLE).encode() + b"\n\ndata: [DONE]\n\n"
    assert decode(HttpResponse(200, {}, whole), "c9").text == "Hi"


WRONG: list[Any] = [
    end(5),
    5,
    {},
    {"type": 5},
    event("message-start"),
    event("content-start", {"content": 5}, 0),
    event("content-delta", {"content": {"text": 5}}, 0),
    event("content-delta", {"content": {"thinking": ["x"]}}, 0),
    event("tool-plan-delta", {"tool_plan": 5}),
    event("tool-call-start", {"tool_calls": [{}]}, 0),
    called(0, ""),
    called(0, arguments=5),
    arguments(0, "x"),
    {"type": "message-end"},
    {"type": "message-end", "delta": {"finish_reason": None}},
]


@pytest.mark.parametrize("item", WRONG)
def test_events_that_cannot_be_read(item: Any) -> None:
    """An event of a wrong form is a DecodeError that holds it."""
    with pytest.raises(DecodeError) as caught:
        chunks_of([START, item])
    assert json.dumps(item).encode() == caught.value.frame
