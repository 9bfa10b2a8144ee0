"""Streams of Cohere that fail, are truncated, or have strange events."""

from __future__ import annotations

import json
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
from llmgate.report import Report
from llmgate.testing.driving import read_stream
from llmgate_cohere import ChatDecoder, decode
from tests.integration.cohere_events import (
    CLOSE,
    NAMES,
    START,
    TOKENS,
    arguments,
    begun,
    called,
    choice_of,
    chunks_of,
    end,
    event,
    text,
)


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
