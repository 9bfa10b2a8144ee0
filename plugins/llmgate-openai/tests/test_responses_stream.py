"""Events of responses: what they say, how they end, and what hosts leave out or write otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from llmgate.errors import (
    BadRequestError,
    ContentFilterError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.testing import drive, read_stream
from llmgate.testing.driving import call_of
from llmgate.types import Chunk, Completion, Message
from llmgate_openai import OpenAI
from llmgate_openai.responses import ResponsesDecoder

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
HEAD = {"id": "resp_1", "object": "response", "created_at": 7.0, "model": "gpt-5"}
USAGE = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
DONE: dict[str, Any] = {
    **HEAD,
    "status": "completed",
    "output": [],
    "usage": USAGE,
    "service_tier": "flex",
}
CREATED = {"type": "response.created", "response": {**HEAD, "status": "in_progress"}}
COMPLETED: dict[str, Any] = {"type": "response.completed", "response": DONE}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": ""}
MESSAGE: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "c2VhbGVk",
}
CITED = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 2}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the first item."""
    return {"type": f"response.{kind}", "output_index": 0, **fields}


def added(item: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """An item begins."""
    return event("output_item.added", output_index=place, item=item)


def ended(item: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """An item ends."""
    return event("output_item.done", output_index=place, item=item)


def text(piece: Any, place: Any = 0, **fields: Any) -> dict[str, Any]:
    """A piece of a text."""
    return event("output_text.delta", output_index=place, delta=piece, content_index=0, **fields)


def written(events: Iterable[Any]) -> bytes:
    """Events as they come."""
    return b"".join(
        b"data: " + (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n\n"
        for each in events
    )


def read(*events: Any, report: Report | None = None, **settings: Any) -> Completion:
    """What events add up to."""
    decoder = ResponsesDecoder("7", report=report, **settings)
    added_up = accumulate(read_stream(decoder, [written(events)]))
    assert added_up == decoder.accumulator.completion()
    return added_up


def message_of(*events: Any, **settings: Any) -> Message:
    """The message of a response with these events in it."""
    return read(CREATED, *events, COMPLETED, **settings).choices[0].message


def items_in(message: Message) -> list[Any]:
    """The host's own items."""
    own: dict[str, Any] = (message.provider_data or {}).get("openai", {})
    items: list[Any] = own.get("items", [])
    return items


def test_a_text() -> None:
    """Its pieces, who speaks, why it ended, and what was counted."""
    answer = read(
        CREATED,
        {"type": "response.in_progress", "response": HEAD},
        added(MESSAGE),
        event("content_part.added", content_index=0, part={"type": "output_text", "text": ""}),
        text("He"),
        text(""),
        text(None),
        text("llo", obfuscation="xyz"),
        event("output_text.done", text="Hello"),
        ended({**MESSAGE, "content": [{"type": "output_text", "text": "Hello"}]}),
        COMPLETED,
    )
    choice, usage = answer.choices[0], answer.usage
    assert ("Hello", "assistant") == (choice.message.content, choice.message.role)
    assert ("stop", "completed") == (choice.finish_reason, choice.native_finish_reason)
    assert choice.message.provider_data is None
    assert ("resp_1", 7, "gpt-5", "flex") == (
        answer.id,
        answer.created,
        answer.model,
        answer.service_tier,
    )
    assert usage is not None
    assert (2, 3, 5) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    assert "completed" == answer.extra["status"]


def test_calls_are_numbered_as_they_begin() -> None:
    """Those of functions and of custom tools; their pieces may take turns."""
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": ""}
    message = message_of(
        added(CALL),
        added(custom, 1),
        event("function_call_arguments.delta", delta='{"a":'),
        event("custom_tool_call_input.delta", output_index=1, delta="SELECT "),
        event("custom_tool_call_input.delta", output_index=1, delta=""),
        event("function_call_arguments.delta", delta="1}"),
        ended({**custom, "input": "SELECT 1"}, 1),
        ended({**CALL, "arguments": '{"a":1}'}),
    )
    first, second = message.tool_calls or []
    assert first.function is not None
    assert second.custom is not None
    assert ("c1", "weather", '{"a":1}') == (first.id, first.function.name, first.function.arguments)
    assert ("c2", "sql", "SELECT 1") == (second.id, second.custom.name, second.custom.input)
    assert [] == items_in(message)


def test_what_only_ends_tell_is_told() -> None:
    """Some hosts send no pieces, or no beginnings, or nothing before the whole response."""
    called = {**CALL, "arguments": "{}", "namespace": "n"}
    said = {**MESSAGE, "content": [{"type": "output_text", "text": "Hm.", "annotations": [CITED]}]}
    refused = {**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]}
    thought = {**THOUGHT, "summary": [{"type": "summary_text", "text": "I think."}]}
    items: list[dict[str, Any]] = [thought, said, refused, called]
    ends = [ended(item, place) for place, item in enumerate(items)]
    whole = {"type": "response.completed", "response": {**DONE, "output": items}}
    answers = [
        read(CREATED, *ends, COMPLETED),
        read(CREATED, *ends, whole),
        read(CREATED, whole),
        read(whole),
        read(DONE | {"output": items}),
    ]
    for answer in answers:
        message = answer.choices[0].message
        assert ("Hm.", "No.") == (message.content, message.refusal)
        assert "I think." == message.reasoning_content
        assert ["c1"] == [call.id for call in message.tool_calls or []]
        assert items == items_in(message)
        assert [{"type": "url_citation", "url_citation": cited_at(0)}] == message.annotations
        assert "tool_calls" == answer.choices[0].finish_reason


def cited_at(start: int) -> dict[str, Any]:
    """The citation as chat has it."""
    cited = {"url": "https://a.example", "start_index": start, "end_index": start + 2}
    return cited


def test_pieces_without_a_beginning() -> None:
    """Texts and reasoning are given as they come; a call when it ends, with its name."""
    message = message_of(
        text("Hm."),
        event("function_call_arguments.delta", output_index=1, delta="{}"),
        ended({**CALL, "arguments": "{}"}, 1),
    )
    (call,) = message.tool_calls or []
    assert call.function is not None
    assert ("Hm.", "{}") == (message.content, call.function.arguments)
    indexless = {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hm."}
    assert "Hm." == message_of(indexless, {"type": "x"}).content


def test_ids_that_are_missing_are_made() -> None:
    """A call without one could not be sent back."""
    nameless = {"type": "function_call", "name": "weather", "arguments": "{}"}
    assert ["call_7_0"] == [c.id for c in message_of(ended(nameless)).tool_calls or []]
    other = {**nameless, "id": "fc_1"}
    assert ["fc_1"] == [call.id for call in message_of(ended(other)).tool_calls or []]


def test_half_a_call_is_left_as_it_is() -> None:
    """The budget ended in it: its arguments are not repaired."""
    incomplete: dict[str, Any] = {
        **DONE,
        "status": "incomplete",
        "incomplete_details": {"reason": "steered"},
    }
    answer = read(
        CREATED,
        added(CALL),
        event("function_call_arguments.delta", delta='{"a"'),
        {"type": "response.incomplete", "response": incomplete},
    )
    choice = answer.choices[0]
    (call,) = choice.message.tool_calls or []
    assert call.function is not None
    assert ('{"a"', "length") == (call.function.arguments, choice.finish_reason)
    assert "steered" == choice.native_finish_reason


@pytest.mark.parametrize(
    ("details", "reason", "native"),
    [
        ({"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ({"reason": "content_filter"}, "content_filter", "content_filter"),
        ({"reason": "max_messages"}, "length", "max_messages"),
        (None, "length", "incomplete"),
        ({"reason": 7}, "length", "incomplete"),
    ],
)
def test_a_response_that_is_incomplete(details: Any, reason: str, native: str) -> None:
    """Its reason is chat's, and the host's own; reasoning that ate the budget is all it has."""
    response: dict[str, Any] = {**HEAD, "incomplete_details": details, "output": [THOUGHT]}
    choice = read(CREATED, {"type": "response.incomplete", "response": response}).choices[0]
    assert (reason, native) == (choice.finish_reason, choice.native_finish_reason)
    assert ([THOUGHT], None) == (items_in(choice.message), choice.message.reasoning_content)


def test_reasoning_is_one_text_of_parts() -> None:
    """Parts stand apart, of summaries and of what was thought; of both, the first is given."""

    def summary(piece: str, part: int) -> dict[str, Any]:
        return event("reasoning_summary_text.delta", delta=piece, summary_index=part)

    thought = event("reasoning_text.delta", delta="Aside.", content_index=0)
    message = message_of(
        added(THOUGHT),
        summary("I ", 0),
        summary("think.", 0),
        summary("", 1),
        summary("I do.", 1),
        thought,
        ended(THOUGHT),
        {**thought, "output_index": 1, "delta": "Still."},
    )
    assert "I think.\n\nI do.\n\nStill." == message.reasoning_content
    assert [THOUGHT] == items_in(message)


def test_a_refusal() -> None:
    """In pieces; its end repeats nothing."""
    refusal = {"type": "refusal", "refusal": "No."}
    answer = read(
        CREATED,
        event("refusal.delta", delta="N"),
        event("refusal.delta", delta="o."),
        event("refusal.delta", delta=""),
        ended({**MESSAGE, "content": [refusal]}),
        COMPLETED,
    )
    choice = answer.choices[0]
    assert ("No.", "", "stop") == (
        choice.message.refusal,
        choice.message.content,
        choice.finish_reason,
    )


def test_citations_and_log_probabilities() -> None:
    """Places count in the whole text; other citations than of pages are the host's own."""
    other = {"type": "file_citation", "file_id": "f1"}
    probable: list[Any] = [{"token": "Hm", "logprob": -1.0, "bytes": None, "top_logprobs": []}]
    part = {
        "type": "output_text",
        "text": "Hm.",
        "annotations": [CITED, other, CITED, {"type": "url_citation", "url": "https://b.example"}],
    }
    second = {**MESSAGE, "content": [part]}
    answer = read(
        CREATED,
        text("Hm."),
        ended({**MESSAGE, "content": [{"type": "output_text", "text": "Hm."}]}),
        text("Hm.", 1, logprobs=probable),
        event("output_text.annotation.added", output_index=1, content_index=0, annotation=CITED),
        event("output_text.annotation.added", output_index=1, content_index=0, annotation=other),
        ended(second, 1),
        COMPLETED,
    )
    choice = answer.choices[0]
    cited = {"type": "url_citation", "url_citation": cited_at(3)}
    placeless = {"type": "url_citation", "url_citation": {"url": "https://b.example"}}
    assert [cited, cited, placeless] == choice.message.annotations
    assert choice.logprobs is not None
    assert {"content": probable, "refusal": None} == dict(choice.logprobs)
    assert second == items_in(choice.message)[-1]


def test_of_several_json_texts_the_first_is_given() -> None:
    """Joined, they are JSON no more; commentary before it is none. All are kept, and reported."""
    report = Report()
    commentary: dict[str, Any] = {**MESSAGE, "phase": "commentary"}
    said = {**MESSAGE, "content": [{"type": "output_text", "text": "{}"}]}
    message = message_of(
        added(commentary),
        text("I look."),
        ended(commentary),
        added(MESSAGE, 1),
        text("{}", 1),
        ended(said, 1),
        added(MESSAGE, 2),
        text("{}", 2),
        ended(said, 2),
        is_json=True,
        report=report,
    )
    assert "{}" == message.content
    assert [commentary, said, said] == items_in(message)
    assert ["response"] == [each.path for each in report]


def test_functions_in_the_legacy_form() -> None:
    """The first call is one; a second has no other place than among the tools'."""
    message = message_of(
        added(CALL),
        event("function_call_arguments.delta", delta="{}"),
        ended({**CALL, "arguments": "{}"}),
        ended({**CALL, "call_id": "c2", "arguments": "{}"}, 1),
        has_functions=True,
    )
    assert message.function_call is not None
    assert ("weather", "{}") == (message.function_call.name, message.function_call.arguments)
    assert ["c2"] == [call.id for call in message.tool_calls or []]


# --- ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [(), (b"[DONE]",), (b"null", b"")])
def test_a_stream_without_its_end_is_no_response(end: tuple[bytes, ...]) -> None:
    """Whatever ends the bytes."""
    with pytest.raises(StreamTruncatedError):
        read(CREATED, text("Hm."), *end)


def test_white_space_before_an_event() -> None:
    """It says nothing."""
    assert "Hm." == read(CREATED, b" " + json.dumps(text("Hm.")).encode(), COMPLETED).text


def test_nothing_is_read_after_the_end() -> None:
    """OpenRouter has a terminator behind it."""
    assert "Hm." == read(CREATED, text("Hm."), COMPLETED, b"[DONE]").text


def test_a_whole_response_in_place_of_a_stream() -> None:
    """It is read, and the report says so."""
    report = Report()
    said = {**MESSAGE, "content": [{"type": "output_text", "text": "Hm."}]}
    assert "Hm." == read({**DONE, "error": None, "output": [said]}, report=report).text
    assert ["response"] == [each.path for each in report]


def test_what_the_host_removed_is_reported() -> None:
    """Reasoning of another model, for example."""
    report = Report()
    removed = {"id": "rs_1", "action": "removed", "reason": "model_mismatch"}
    done = {**DONE, "input_transformations": [removed, {"action": "kept"}]}
    read(CREATED, {"type": "response.completed", "response": done}, report=report)
    assert ["dropped messages"] == [f"{each.kind} {each.path}" for each in report]
    assert "model_mismatch" in report[0].reason


# --- errors ---------------------------------------------------------------------------------

BUSY = {"code": "server_is_overloaded", "message": "busy"}


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        ({"type": "error", "error": {**BUSY, "type": "x"}}, OverloadedError, BUSY["code"]),
        ({"type": "error", **BUSY, "param": None}, OverloadedError, BUSY["code"]),
        ({"type": "error", "message": "no"}, ProviderError, None),
        ({"type": "error"}, LLMGateError, None),
        ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, RateLimitError, ...),
        (b"upstream gone", ProviderError, None),
        (b"[1]", DecodeError, None),
    ],
)
def test_errors_inside_a_stream(failure: Any, kind: type[LLMGateError], code: Any) -> None:
    """Nested, as they are sent, or flat, as they are documented."""
    with pytest.raises(kind) as caught:
        read(CREATED, failure)
    if code is not ...:
        assert code == getattr(caught.value, "code", None)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("failed", {"code": "server_error", "message": "no"}, ServerError),
        ("failed", {"code": "rate_limit_exceeded", "message": "no"}, RateLimitError),
        ("failed", {"code": "bio_policy", "message": "no"}, ContentFilterError),
        ("failed", {"code": "vector_store_timeout", "message": "no"}, ServerError),
        ("failed", {"code": "invalid_prompt", "message": "no"}, BadRequestError),
        ("failed", None, ServerError),
        ("cancelled", None, ProviderError),
        ("queued", None, ProviderError),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False])
def test_a_response_that_failed(
    status: str, error: Any, kind: type[ProviderError], is_stream: bool
) -> None:
    """It raises, whichever way it came; some hosts send it with status 200."""
    response: dict[str, Any] = {**DONE, "status": status, "error": error}
    events: list[Any] = [CREATED, {"type": f"response.{status}", "response": response}]
    if status == "queued":
        events[1] = COMPLETED | {"response": response}
    with pytest.raises(kind) as caught:
        read(*events) if is_stream else whole(response)
    assert is_stream == caught.value.in_stream


# --- whole responses ------------------------------------------------------------------------


def whole(payload: Any) -> Completion:
    """The completion of a whole response, or of what came in its place."""
    provider = OpenAI(api_key="sk-test", api="responses")
    call = call_of(provider, {"model": "gpt-5", "messages": HELLO})
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return drive(provider.complete(call), [HttpResponse(200, {}, body)]).result


def test_events_in_place_of_a_whole_response() -> None:
    """They are read."""
    assert "Hm." == whole(written([CREATED, text("Hm."), COMPLETED])).text


def test_content_that_is_one_text() -> None:
    """As small servers write it; a part that is none is left out, and kept."""
    assert "Hm." == whole({**DONE, "output": [{"type": "message", "content": "Hm."}]}).text
    odd = {"type": "message", "content": [7, {"type": "output_text", "text": "Hm."}]}
    answer = whole({**DONE, "output": [odd]})
    assert ("Hm.", [odd]) == (answer.text, items_in(answer.choices[0].message))


def test_an_error_in_place_of_a_whole_response() -> None:
    """With status 200, as some proxies send it."""
    with pytest.raises(RateLimitError) as caught:
        whole({"error": {"message": "no", "code": "rate_limit_exceeded"}})
    assert not caught.value.in_stream


def test_the_end_of_the_bytes_after_the_end() -> None:
    """It says no more."""
    decoder = ResponsesDecoder("7")
    read_stream(decoder, [written([CREATED, COMPLETED])])
    assert () == decoder.close()


@pytest.mark.parametrize(
    "payload",
    [
        {"output": None},
        {"output": [7]},
        {"output": [{"type": "function_call", "arguments": "{}"}]},
        {"output": [{"type": "message", "content": [{"text": 7}]}]},
        {"output": [{"type": "message", "content": [{"text": "Hm."}, {"refusal": [1]}]}]},
    ],
)
def test_a_response_that_says_something_else(payload: Any) -> None:
    """What it is about is read strictly."""
    with pytest.raises(DecodeError, match="not one of the Responses API") as caught:
        whole({**DONE, **payload})
    assert caught.value.frame is not None


@pytest.mark.parametrize(
    "odd",
    [
        {"type": ["x"]},
        text("Hm.", [1]),
        event("output_text.delta", delta="Hm.", content_index=[1]),
        text([7]),
        added({"type": "function_call"}),
        {"type": "response.completed", "response": 7},
    ],
)
def test_events_that_say_something_else(odd: Any) -> None:
    """They raise with the event."""
    with pytest.raises(DecodeError, match="the event cannot be read") as caught:
        read(CREATED, odd)
    assert caught.value.frame is not None


def test_odd_values_beside_the_content_lose_nothing() -> None:
    """They are reported, and stand in extra as they came."""
    report = Report()
    done = {**DONE, "usage": "many", "service_tier": [1], "input_transformations": 7, "output": 7}
    answer = read(CREATED, text("Hm."), COMPLETED | {"response": done}, report=report)
    assert ("Hm.", None, None) == (answer.text, answer.usage, answer.service_tier)
    assert ("many", [1], 7) == (
        answer.extra["usage"],
        answer.extra["service_tier"],
        answer.extra["input_transformations"],
    )
    assert len(report) >= 2


def test_every_chunk_has_the_head() -> None:
    """Also those of a stream that begins without it, which are then without."""
    decoder = ResponsesDecoder("7")
    chunks = read_stream(decoder, [written([CREATED, text("Hm."), COMPLETED])])
    assert {"resp_1"} == {chunk.id for chunk in chunks}
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    late = read_stream(ResponsesDecoder("7"), [written([text("Hm."), COMPLETED])])
    assert ["", "resp_1"] == [late[0].id, late[-1].id]
