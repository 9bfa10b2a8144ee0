"""Whole replies: what becomes of each kind of block, stop reason and count."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import DecodeError, OverloadedError, ProviderError, StreamTruncatedError
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.types import Completion
from llmgate_anthropic import decode

USAGE: Any = {"input_tokens": 3, "output_tokens": 5}


def message(*content: Any, **fields: Any) -> dict[str, Any]:
    """A message of Anthropic's."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    } | fields


def read(payload: Any, output_tool: str | None = None) -> Completion:
    """What a reply with this payload is decoded into."""
    return decode(HttpResponse(200, {}, encode_json(payload)), "c1", output_tool)


def text(said: str, **more: Any) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said} | more


CALL: Any = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
THOUGHT: Any = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SECRET: Any = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
SEARCH: Any = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"q": "x"},
}
WEB: Any = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "A",
    "cited_text": "…",
    "encrypted_index": "i",
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([text("Hello")], {"content": "Hello"}),
        ([text("Hel"), text("lo")], {"content": "Hello"}),
        ([CALL], {"content": None}),
        ([THOUGHT, text("Hi")], {"content": "Hi", "reasoning_content": "Hm."}),
        ([SECRET, text("Hi")], {"content": "Hi", "reasoning_content": None}),
        ([SEARCH, text("Hi")], {"content": "Hi", "tool_calls": None}),
        ([{"type": "tomorrow", "x": 1}, text("Hi")], {"content": "Hi"}),
    ],
)
def test_blocks_become_the_message(content: list[Any], expected: dict[str, Any]) -> None:
    """Text is joined, reasoning has its own place, and other kinds are no text."""
    said = read(message(*content)).choices[0].message
    assert expected == {key: getattr(said, key) for key in expected}


@pytest.mark.parametrize(
    ("content", "is_kept"),
    [
        ([text("Hello")], False),
        ([text("Hello"), CALL, CALL | {"id": "toolu_2"}], False),
        ([CALL, text("Hello")], True),
        ([text("Hel"), text("lo")], True),
        ([text("Hello", citations=[WEB])], True),
        ([CALL | {"caller": {"type": "direct"}}], True),
        ([THOUGHT, text("Hi")], True),
        ([SECRET], True),
        ([SEARCH], True),
        ([{"type": "tomorrow", "x": 1}], True),
    ],
)
def test_blocks_that_the_shape_cannot_say_are_kept(content: list[Any], is_kept: bool) -> None:
    """What text and calls do not say completely is kept block by block, as it came."""
    data = read(message(*content)).choices[0].message.provider_data
    assert ({"anthropic": {"content": content}} if is_kept else None) == data


def test_calls_have_ids_and_arguments() -> None:
    """Calls keep their order and ids; no input is an empty object; an id that lacks is made."""
    calls = read(
        message(
            CALL,
            {**CALL, "id": "toolu_2", "input": {"city": "Tromsø", "n": 1.0}},
            {"type": "tool_use", "name": "now", "id": ""},
        )
    )
    found = [
        (call.id, call.function and call.function.arguments)
        for call in calls.choices[0].message.tool_calls or []
    ]
    expected = [("toolu_1", "{}"), ("toolu_2", '{"city":"Tromsø","n":1.0}'), ("call_c1_2", "{}")]
    assert expected == found


def test_citations_become_annotations() -> None:
    """A page of the web is a url_citation with its place; other sources keep their own form."""
    page = {"type": "page_location", "document_index": 0, "cited_text": "…"}
    said = read(message(text("One. "), text("Two.", citations=[WEB, page]))).choices[0].message
    assert [
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://a.example",
                "title": "A",
                "start_index": 5,
                "end_index": 9,
            },
        },
        {
            "type": "page_location",
            "page_location": {
                "document_index": 0,
                "cited_text": "…",
                "start_index": 5,
                "end_index": 9,
            },
        },
    ] == said.annotations


@pytest.mark.parametrize(
    ("native", "content", "expected"),
    [
        ("end_turn", [text("Hi")], "stop"),
        ("stop_sequence", [text("Hi")], "stop"),
        ("max_tokens", [text("Hi")], "length"),
        ("model_context_window_exceeded", [text("Hi")], "length"),
        ("tool_use", [CALL], "tool_calls"),
        ("end_turn", [CALL], "tool_calls"),
        ("max_tokens", [CALL], "length"),
        ("refusal", [], "content_filter"),
        ("pause_turn", [SEARCH], "other"),
        ("tomorrow", [text("Hi")], "other"),
        (None, [text("Hi")], None),
    ],
)
def test_stop_reasons(native: str | None, content: list[Any], expected: str | None) -> None:
    """Each stop reason has OpenAI's word, and stays beside it as it came; none is made up."""
    choice = read(message(*content, stop_reason=native)).choices[0]
    assert (expected, native) == (choice.finish_reason, choice.native_finish_reason)


def test_what_stopped_it_is_kept() -> None:
    """The stop sequence and the details of a refusal are the choice's extra."""
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    choice = read(message(text("a"), stop_sequence="END", stop_details=details)).choices[0]
    assert {"stop_sequence": "END", "stop_details": details} == choice.extra


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (3, 5, 8, None, None, None)),
        (
            {**USAGE, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 100},
            (113, 5, 118, 10, 100, None),
        ),
        ({**USAGE, "output_tokens_details": {"thinking_tokens": 4}}, (3, 5, 8, None, None, 4)),
        ({"input_tokens": 3.0, "output_tokens": 5}, (3, 5, 8, None, None, None)),
    ],
)
def test_usage_counts_each_token_once(usage: Any, counts: Any) -> None:
    """The prompt is what was not cached, what was read and what was written; the answer is all."""
    found = read(message(text("Hi"), usage=usage)).usage
    assert found is not None
    prompt, answer = found.prompt_tokens_details, found.completion_tokens_details
    assert counts == (
        found.prompt_tokens,
        found.completion_tokens,
        found.total_tokens,
        prompt and prompt.cached_tokens,
        prompt and prompt.cache_write_tokens,
        answer and answer.reasoning_tokens,
    )


def test_what_has_no_place_is_extra() -> None:
    """Fields of the reply and of its usage that the shape does not have are kept."""
    usage = {**USAGE, "service_tier": "priority", "server_tool_use": {"web_search_requests": 1}}
    answer = read(message(text("Hi"), usage=usage, container={"id": "c"}))
    assert {"container": {"id": "c"}} == answer.extra
    assert answer.usage is not None
    assert {k: usage[k] for k in ("service_tier", "server_tool_use")} == answer.usage.extra
    assert "priority" == answer.service_tier


def test_answer_of_an_emulated_schema_is_text() -> None:
    """The input of the tool that stands for the schema is the content, and is no call."""
    call = {**CALL, "name": "place", "input": {"city": "Oslo"}}
    choice = read(message(call, stop_reason="tool_use"), "place").choices[0]
    expected = ('{"city":"Oslo"}', None, "stop", "tool_use")
    said = choice.message
    found = (said.content, said.tool_calls, choice.finish_reason, choice.native_finish_reason)
    assert expected == found


def test_half_characters_are_replaced() -> None:
    """Half a character is U+FFFD; both surrogates beside each other are the character."""
    body = encode_json(message(text("@"))).replace(b"@", rb"\ud83d \ud83d\ude00")
    assert "\ufffd 😀" == decode(HttpResponse(200, {}, body), "c1").text


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        5,
        {"content": "Hello"},
        {"content": None},
        message(stop_reason=None),
        message(5),
        message({"text": "Hi"}),
        message({"type": "text", "text": 5}),
        message({"type": "tool_use", "id": "x"}),
    ],
)
def test_what_is_not_a_message_is_refused(payload: Any) -> None:
    """A response that is not a message raises DecodeError with its body."""
    with pytest.raises(DecodeError) as caught:
        read(payload)
    assert encode_json(payload) == caught.value.frame


@pytest.mark.parametrize(
    ("payload", "kind", "code"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            OverloadedError,
            "overloaded_error",
        ),
        ({"type": "error"}, ProviderError, None),
        ({"error": "no"}, ProviderError, None),
    ],
)
def test_error_with_status_200_is_an_error(payload: Any, kind: Any, code: Any) -> None:
    """An error in place of an answer is the provider's error, whatever the status said."""
    with pytest.raises(kind) as caught:
        read(payload)
    assert (True, code) == (caught.value.in_stream, caught.value.code)


# --- a long answer, which is asked for as a stream ---

STREAM = b"""event: message_start
data: {"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hi"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

data: {"what comes after the end": "is not read"
"""


def test_stream_is_put_together() -> None:
    """A whole answer may come as a stream, and is the same answer."""
    answer = decode(HttpResponse(200, {}, STREAM), "c1")
    assert ("Hi", "stop", "m") == (answer.text, answer.choices[0].finish_reason, answer.id)
    assert answer.usage is not None
    assert 3 == answer.usage.total_tokens


@pytest.mark.parametrize(("place", "partial"), [(10, None), (240, "Hi")])
def test_stream_that_broke_off_is_no_answer(place: int, partial: str | None) -> None:
    """A whole answer that came as half a stream is refused, with what had come."""
    body = STREAM[:place].rpartition(b"\n\n")[0] or b"event: x\ndata:\n"
    with pytest.raises(StreamTruncatedError) as caught:
        decode(HttpResponse(200, {}, body), "c1")
    found = caught.value.partial
    assert partial == (found and found.text)


def test_keys_that_mean_something_else_in_our_shape_stand_apart() -> None:
    """They take no place of ours, so that a stored answer loads as what it was."""
    usage = {**USAGE, "total_tokens": "x", "output_tokens_details": {"text_tokens": "x"}}
    answer = read(message(text("Hi"), created=[], choices=1, usage=usage))
    assert {"anthropic": {"created": [], "choices": 1}} == answer.extra
    assert answer.usage is not None
    assert {"anthropic": {"total_tokens": "x"}} == answer.usage.extra
    assert answer == Completion.model_validate(answer.model_dump())
