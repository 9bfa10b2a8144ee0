"""Streams: what becomes of each kind of event."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame, NDJSONFramer
from llmgate.provider.http import encode_json
from llmgate.types import Chunk, Completion
from llmgate_anthropic import MessagesDecoder

START: Any = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": [],
        "container": None,
        "usage": {
            "input_tokens": 3,
            "cache_read_input_tokens": 10,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    },
}
END: Any = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 7, "cache_read_input_tokens": None},
}
STOP: Any = {"type": "message_stop"}


def begin(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    """The event with which a block begins."""
    block = {"type": kind, **fields}
    return {"type": "content_block_start", "index": index, "content_block": block}


def go_on(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    """The event with which a block goes on."""
    delta = {"type": kind, **fields}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def end(index: int) -> dict[str, Any]:
    """The event with which a block ends."""
    return {"type": "content_block_stop", "index": index}


def feed(*events: Any, output_tool: str | None = None) -> list[Chunk]:
    """The chunks of these events."""
    decoder = MessagesDecoder("c1", output_tool)
    chunks = [chunk for event in events for chunk in decoder.feed(Frame(encode_json(event)))]
    return [*chunks, *decoder.close()]


def answer(*events: Any, output_tool: str | None = None, last: Any = END) -> Completion:
    """What a stream with these events between its start and its end adds up to."""
    return accumulate(feed(START, *events, last, STOP, output_tool=output_tool))


TEXT: Any = (begin(0, "text", text=""), go_on(0, "text_delta", text="Hi"), end(0))


def test_text_comes_piece_by_piece() -> None:
    """Each piece of text is a chunk with the answer's id and model."""
    chunks = feed(START, *TEXT, END, STOP)
    assert ["Hi"] == [
        c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content
    ]
    assert {("msg_1", "claude-opus-5-5")} == {(chunk.id, chunk.model) for chunk in chunks}
    assert "assistant" == chunks[0].choices[0].delta.role


def test_usage_is_the_last_that_was_said() -> None:
    """Counts are totals: the last counts, and one that is left out stays."""
    usage = answer(*TEXT).usage
    assert usage is not None
    assert (13, 7, 20) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    assert {"service_tier": "standard"} == usage.extra


def test_calls_are_numbered_by_themselves() -> None:
    """The index of a call counts calls, not blocks; one without arguments has the empty object."""
    found = answer(
        *TEXT,
        begin(1, "tool_use", id="toolu_1", name="now", input={}),
        go_on(1, "input_json_delta", partial_json=""),
        end(1),
        begin(2, "tool_use", id="toolu_2", name="find", input={}),
        go_on(2, "input_json_delta", partial_json='{"city": '),
        go_on(2, "input_json_delta", partial_json='"Oslo"}'),
        end(2),
        begin(3, "tool_use", name="whole", input={"a": 1}),
        end(3),
    )
    calls = found.choices[0].message.tool_calls or []
    assert [
        ("toolu_1", "now", "{}"),
        ("toolu_2", "find", '{"city": "Oslo"}'),
        ("call_c1_2", "whole", '{"a":1}'),
    ] == [
        (call.id, call.function and call.function.name, call.function and call.function.arguments)
        for call in calls
    ]
    assert "tool_calls" == found.choices[0].finish_reason


def test_reasoning_and_its_signature() -> None:
    """Thoughts are reasoning; the block with its signature is kept, and so are the others."""
    found = answer(
        begin(0, "thinking", thinking="", signature=""),
        go_on(0, "thinking_delta", thinking="H"),
        go_on(0, "thinking_delta", thinking="m."),
        go_on(0, "signature_delta", signature="c2ln"),
        end(0),
        begin(1, "redacted_thinking", data="ZGF0YQ=="),
        end(1),
        begin(2, "text", text=""),
        go_on(2, "text_delta", text="Hi"),
        end(2),
    ).choices[0]
    assert "Hm." == found.message.reasoning_content
    assert {
        "anthropic": {
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "Hi"},
            ]
        }
    } == found.message.provider_data


def test_citations_have_their_place() -> None:
    """A citation is yielded when its text is whole, with where that text stands."""
    page = {"type": "web_search_result_location", "url": "https://a.example", "title": "A"}
    found = (
        answer(
            *TEXT,
            begin(1, "text", text="", citations=[]),
            go_on(1, "citations_delta", citation=page),
            go_on(1, "text_delta", text=" there"),
            end(1),
        )
        .choices[0]
        .message
    )
    place = {"url": "https://a.example", "title": "A", "start_index": 2, "end_index": 8}
    assert [{"type": "url_citation", "url_citation": place}] == found.annotations


def test_unknown_kinds_are_kept_and_skipped() -> None:
    """Events, blocks and deltas of tomorrow do no harm and are not lost."""
    found = answer(
        {"type": "tomorrow", "x": 1},
        begin(0, "novelty", content=None),
        go_on(0, "novelty_delta", content="a", more={"b": 1}),
        go_on(0, "novelty_delta", content="c", more=None),
        end(0),
        {"type": "ping"},
    )
    assert {"events": [{"type": "tomorrow", "x": 1}], "container": None} == found.extra
    block = {"type": "novelty", "content": "ac", "more": {"b": 1}}
    assert {"anthropic": {"content": [block]}} == found.choices[0].message.provider_data


def test_what_is_said_at_the_end_is_kept() -> None:
    """The container, the edits and what stopped the response come with its end."""
    last: Any = {
        "type": "message_delta",
        "delta": {
            "stop_reason": "refusal",
            "stop_details": {"category": "bio"},
            "container": {"id": "c"},
        },
        "context_management": {"applied_edits": []},
    }
    found = answer(last=last)
    assert {"container": {"id": "c"}, "context_management": {"applied_edits": []}} == found.extra
    assert {"stop_details": {"category": "bio"}} == found.choices[0].extra
    assert "content_filter" == found.choices[0].finish_reason


def test_answer_of_an_emulated_schema_is_text() -> None:
    """The input of the tool that stands for the schema comes as text, piece by piece."""
    found = answer(
        begin(0, "tool_use", id="toolu_1", name="place", input={}),
        go_on(0, "input_json_delta", partial_json='{"city"'),
        go_on(0, "input_json_delta", partial_json=':"Oslo"}'),
        end(0),
        output_tool="place",
        last=END | {"delta": {"stop_reason": "tool_use"}},
    ).choices[0]
    said = found.message
    assert ('{"city":"Oslo"}', None, "stop") == (said.content, said.tool_calls, found.finish_reason)


def test_input_that_breaks_off_is_kept_as_text() -> None:
    """A call that max_tokens cut has the arguments that came, for the caller to judge."""
    found = answer(
        begin(0, "tool_use", id="toolu_1", name="find", input={}),
        go_on(0, "input_json_delta", partial_json='{"city": "Os'),
        end(0),
        last=END | {"delta": {"stop_reason": "max_tokens"}},
    ).choices[0]
    (call,) = found.message.tool_calls or []
    assert call.function is not None
    assert ('{"city": "Os', "length") == (call.function.arguments, found.finish_reason)


@pytest.mark.parametrize(
    ("frame", "kind", "status"),
    [
        (
            Frame(b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "error"),
            OverloadedError,
            529,
        ),
        (
            Frame(b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}'),
            RateLimitError,
            429,
        ),
        (Frame(b'{"type":"error","error":{"type":"tomorrow"}}'), ProviderError, None),
        (Frame(b'{"error":"x"}'), ProviderError, None),
        (Frame(b'"x"', "error"), ProviderError, None),
        (Frame(b"x", "error"), ProviderError, None),
    ],
)
def test_error_in_a_stream_is_typed(frame: Frame, kind: Any, status: int | None) -> None:
    """An error after a 200 has the class and status that its type stands for."""
    decoder = MessagesDecoder("c1")
    decoder.feed(Frame(encode_json(START)))
    with pytest.raises(ProviderError) as caught:
        decoder.feed(frame)
    error = caught.value
    assert (kind, status, True) == (type(error), error.status, error.in_stream)


@pytest.mark.parametrize(
    "events",
    [
        [5],
        [{}],
        [TEXT[0]],
        [STOP],
        [{"type": "message_start"}],
        [START, STOP],
        [START, {"type": "message_delta"}],
        [START, {"type": "content_block_start", "index": 0}],
        [START, begin(0, "text", text=5)],
        [START, begin(0, "tool_use", id="x")],
        [START, begin(True, "text", text="")],
        [START, go_on(0, "text_delta", text="x")],
        [START, end(0)],
        [START, TEXT[0], {"type": "content_block_delta", "index": 0}],
        [START, TEXT[0], go_on(0, "text_delta", text=5)],
        [START, TEXT[0], go_on(0, "input_json_delta", json="{}")],
        [START, TEXT[0], go_on(0, "text_delta", content="x")],
    ],
)
def test_event_that_makes_no_sense_is_refused(events: list[Any]) -> None:
    """An event that cannot be read raises DecodeError with its data."""
    with pytest.raises(DecodeError) as caught:
        feed(*events)
    assert encode_json(events[-1]) == caught.value.frame


@pytest.mark.parametrize("count", range(5))
def test_stream_without_its_end_is_half_an_answer(count: int) -> None:
    """The end of the bytes before a stop reason is no end."""
    with pytest.raises(StreamTruncatedError):
        feed(*(START, *TEXT)[:count])


def test_stop_reason_ends_an_answer() -> None:
    """After a stop reason nothing of the answer is missing, though message_stop never came."""
    assert "Hi" == accumulate(feed(START, *TEXT, END)).text


def test_half_characters_do_not_break_a_stream() -> None:
    """A character that was cut in two between events gives no foreign exception."""
    data = encode_json(go_on(0, "text_delta", text="@")).replace(b"@", rb"\ud83d")
    decoder = MessagesDecoder("c1")
    for event in (START, TEXT[0]):
        decoder.feed(Frame(encode_json(event)))
    *_, chunk = decoder.feed(Frame(data))
    assert "\ufffd" == chunk.choices[0].delta.content
    broken = rb'{"type": "ping", "x": "\ud83d"'
    with pytest.raises(LLMGateError):
        decoder.feed(Frame(broken))


def test_a_template_is_for_its_own_message() -> None:
    """After another beginning, the same event says something of another message."""
    other = {"type": "message_start", "message": {"id": "msg_2", "model": "m"}}
    decoder, chunks = MessagesDecoder("c1"), list[Chunk]()
    for event in (START, *TEXT[:2], TEXT[1], other, TEXT[1]):
        for frame in decoder.framer.feed(b"data: " + encode_json(event) + b"\n\n"):
            chunks += decoder.feed(frame)
    ids = [chunk.id for chunk in chunks if chunk.choices[0].delta.content]
    assert ["msg_1", "msg_1", "msg_2"] == ids


def test_another_framing_may_carry_the_events() -> None:
    """A host may send the same events one JSON value a line."""
    decoder, chunks = MessagesDecoder("c1", framer=NDJSONFramer()), list[Chunk]()
    for event in (START, *TEXT, END, STOP):
        for frame in decoder.framer.feed(encode_json(event) + b"\n"):
            chunks += decoder.feed(frame)
    assert decoder.finished
    assert "Hi" == accumulate(chunks).text


def test_a_piece_may_come_with_more() -> None:
    """Further fields of a delta or an event change nothing, and an empty piece says nothing."""
    found = answer(
        begin(0, "thinking", thinking="", signature=""),
        go_on(0, "thinking_delta", thinking="H", estimated_tokens=3),
        go_on(0, "thinking_delta", thinking=""),
        go_on(0, "thinking_delta", thinking="m.") | {"more": 1},
        end(0),
        begin(1, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        go_on(1, "input_json_delta", partial_json='{"q":'),
        go_on(1, "input_json_delta", partial_json=""),
        go_on(1, "input_json_delta", partial_json='"x"}'),
        end(1),
        begin(2, "text", text=""),
        go_on(2, "text_delta", text="H", more=1),
        go_on(2, "text_delta", text=""),
        go_on(2, "text_delta", text="i"),
        end(2),
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3}},
    )
    message = found.choices[0].message
    assert ("Hm.", "Hi", None) == (message.reasoning_content, message.content, message.tool_calls)
    blocks = (message.provider_data or {})["anthropic"]["content"]
    assert ["thinking", "server_tool_use", "text"] == [block["type"] for block in blocks]
    assert ["Hm.", {"q": "x"}, "Hi"] == [
        blocks[0]["thinking"],
        blocks[1]["input"],
        blocks[2]["text"],
    ]
