"""Streams of the Responses API: what their events say, and how they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    StreamTruncatedError,
)
from llmgate.report import Report
from llmgate.types import Message
from tests.integration.openai_response_events import (
    COMPLETED,
    CREATED,
    DONE,
    HEAD,
    added,
    event,
    items_in,
    read,
    text,
)

CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": ""}
MESSAGE: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "c2VhbGVk",
}
CITED = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 2}


def ended(item: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """An item ends."""
    return event("output_item.done", output_index=place, item=item)


def message_of(*events: Any, **settings: Any) -> Message:
    """The message of a response with these events in it."""
    return read(CREATED, *events, COMPLETED, **settings).choices[0].message


CALLED = {**CALL, "arguments": "{}"}
SAID = {**MESSAGE, "content": [{"type": "output_text", "text": "Hi"}]}


@pytest.mark.parametrize(
    "item",
    [
        {**SAID, "x_new": 1},
        {**MESSAGE, "content": [{"type": "output_text", "text": "Hi", "x_new": [1]}]},
        {**CALLED, "x_new": {"a": 1}},
        {"type": "reasoning", "id": "rs_1", "summary": [], "x_new": "a"},
    ],
)
def test_fields_that_nobody_knows_are_kept(item: dict[str, Any]) -> None:
    """In the items as they came, which go back so; null says nothing."""
    message = message_of(added(item), ended(item))
    assert {"openai": {"items": [item]}} == message.provider_data
    plain = {**item, "x_new": None}
    if not plain.get("content"):
        assert message_of(added(plain), ended(plain)).provider_data is None


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
