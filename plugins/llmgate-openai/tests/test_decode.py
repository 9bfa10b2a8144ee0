"""Whole replies: what becomes of each field, what hosts leave out, and what is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llmgate.provider.framing import Frame
from llmgate.types import ToolCall
from llmgate_openai import ChatDecoder
from tests.integration.openai_responses import USAGE, completion_of, response_of


def _calls(message: Any, **rest: Any) -> list[ToolCall]:
    calls = completion_of(response_of(message, **rest)).choices[0].message.tool_calls
    assert calls is not None
    return calls


# --- the message ----------------------------------------------------------------------------

_SAID: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": ({"content": "x"}, {"content": "x", "role": "assistant", "tool_calls": None}),
    "a null role": ({"role": None, "content": "x"}, {"role": "assistant"}),
    "no text": ({"content": None}, {"content": None}),
    "a refusal": ({"content": None, "refusal": "No"}, {"content": None, "refusal": "No"}),
    "reasoning_content": (
        {"content": "4", "reasoning_content": "Hm"},
        {"content": "4", "reasoning_content": "Hm"},
    ),
    "reasoning": (
        {"content": "4", "reasoning": "Hm"},
        {"reasoning_content": "Hm", "extra": {"reasoning": "Hm"}},
    ),
    "reasoning alone": ({"reasoning": "Hm"}, {"content": None, "reasoning_content": "Hm"}),
    "reasoning that is an object": (
        {"content": "4", "reasoning": {"effort": 1}},
        {"reasoning_content": None, "extra": {"reasoning": {"effort": 1}}},
    ),
    "text in parts": (
        {"content": [{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]},
        {"content": "Paris"},
    ),
    "text and a reference in parts": (
        {"content": ["x", {"type": "reference", "reference_ids": [1]}, {"text": "y"}]},
        {
            "content": "xy",
            "extra": {
                "content_parts": ["x", {"type": "reference", "reference_ids": [1]}, {"text": "y"}]
            },
        },
    ),
    "thinking in parts": (
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
                {"type": "text", "text": "4"},
            ]
        },
        {"content": "4", "reasoning_content": "Hm"},
    ),
    "annotations": (
        {"content": "x", "annotations": [{"type": "url_citation"}]},
        {"annotations": [{"type": "url_citation"}]},
    ),
    "audio": (
        {"content": None, "audio": {"id": "a", "data": "AA==", "transcript": "x"}},
        {"audio": {"id": "a", "data": "AA==", "transcript": "x"}},
    ),
    "images": (
        {"images": [{"type": "image_url"}]},
        {"content": None, "extra": {"images": [{"type": "image_url"}]}},
    ),
    "no calls": ({"content": "x", "tool_calls": []}, {"tool_calls": None}),
    "null calls": ({"content": "x", "tool_calls": None}, {"tool_calls": None}),
    "fields that nobody knows": ({"content": "x", "phase": "final"}, {"extra": {"phase": "final"}}),
    "a reason alone": ({"role": "assistant"}, {"content": None}),
}


@pytest.mark.parametrize("kind", _SAID)
def test_messages_are_read(kind: str) -> None:
    """Every field of a message, in OpenAI's form and in those of its imitators."""
    message, expected = _SAID[kind]
    read = completion_of(response_of(message)).choices[0].message
    assert expected == {name: getattr(read, name) for name in expected}


def test_the_envelope_is_read() -> None:
    """Every field of OpenAI's has its place, and what is unknown is in ``extra``."""
    answer = completion_of(
        response_of(service_tier="flex", system_fingerprint="fp", moderation={"input": 1})
    )
    assert ("chatcmpl-1", "gpt-5", 1784728648) == (answer.id, answer.model, answer.created)
    assert ("flex", "fp") == (answer.service_tier, answer.system_fingerprint)
    assert {"moderation": {"input": 1}} == answer.extra
    assert "Paris" == answer.text


@pytest.mark.parametrize(
    "envelope",
    [{"created": None}, {"created": 1.5}, {"id": None}, {"model": None}, {"usage": None}, {"z": 1}],
)
def test_an_envelope_may_be_bare(envelope: dict[str, Any]) -> None:
    """What some hosts leave out, or send as null, spoils no answer."""
    assert "Paris" == completion_of(response_of(**envelope)).text


def test_every_choice_is_read() -> None:
    """With n > 1 each choice has its index, also where the host numbers none."""
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in "ab"]
    read = completion_of(response_of(choices=choices)).choices
    assert [(0, "a"), (1, "b")] == [(choice.index, choice.message.content) for choice in read]


def test_logprobs_are_kept() -> None:
    """They are handed on as they came, refusals included."""
    logprobs = {"content": [{"token": "x", "logprob": -9999.0, "bytes": None}], "refusal": []}
    assert logprobs == completion_of(response_of(logprobs=logprobs)).choices[0].logprobs


# --- calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"x":1}', '{"x":1}'),
        ("", "{}"),
        ("  ", "{}"),
        (None, "{}"),
        ({"x": 1}, '{"x":1}'),
        ({}, "{}"),
        ('{"x":', '{"x":'),
    ],
)
def test_arguments_are_text(arguments: Any, expected: str) -> None:
    """No arguments are the empty object; what the model wrote is never repaired."""
    function = {"name": "f", "arguments": arguments}
    (call,) = _calls({"tool_calls": [{"id": "a", "function": function}]})
    assert call.function is not None
    assert expected == call.function.arguments
    read = completion_of(response_of({"content": None, "function_call": function}))
    legacy = read.choices[0].message
    assert legacy.function_call is not None
    assert expected == legacy.function_call.arguments


def test_missing_ids_are_made() -> None:
    """No call is ever without an id, and no two choices share one."""
    function = {"name": "f", "arguments": "{}"}
    message = {"tool_calls": [{"function": function}, {"id": "", "function": function}]}
    choices = [{"message": message}, {"message": message}]
    read = completion_of(response_of(choices=choices)).choices
    assert [
        ["call_7_0_0", "call_7_0_1"],
        ["call_7_1_0", "call_7_1_1"],
    ] == [[call.id for call in choice.message.tool_calls or []] for choice in read]


def test_the_ids_of_a_stream_are_those_of_the_whole_reply() -> None:
    """What is made up for the same call is the same, so that both forms can be compared."""
    function = {"name": "f", "arguments": "{}"}
    (call,) = _calls({"tool_calls": [{"function": function}]})
    delta = {"tool_calls": [{"index": 0, "function": function}]}
    event = {"choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]}
    (chunk,) = ChatDecoder("7").feed(Frame(json.dumps(event).encode()))
    named = chunk.choices[0].delta.tool_calls
    assert named is not None
    assert call.id == named[-1].id


def test_custom_calls_are_read() -> None:
    """A custom tool is handed free text; the type may be missing."""
    custom = {"name": "sql", "input": "SELECT 1"}
    for call in (
        _calls({"tool_calls": [{"id": "a", "type": "custom", "custom": custom}]}),
        _calls({"tool_calls": [{"id": "a", "custom": custom, "function": None}]}),
    ):
        assert call[0].custom is not None
        assert ("custom", "sql", "SELECT 1") == (
            call[0].type,
            call[0].custom.name,
            call[0].custom.input,
        )


def test_calls_of_an_unknown_kind_are_kept() -> None:
    """A kind that OpenAI adds later is no error."""
    (call,) = _calls({"tool_calls": [{"id": "a", "type": "mcp", "mcp": {"server": "s"}}]})
    assert ("mcp", {"mcp": {"server": "s"}}) == (call.type, call.extra)


@pytest.mark.parametrize(
    ("native", "message", "expected"),
    [
        ("stop", {"content": "x"}, "stop"),
        ("stop", {"tool_calls": [{"id": "a", "function": {"name": "f"}}]}, "tool_calls"),
        ("length", {"tool_calls": [{"id": "a", "function": {"name": "f"}}]}, "length"),
        ("stop", {"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        ("function_call", {"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        ("content_filter", None, "content_filter"),
        ("eos", {"content": "x"}, "stop"),
        ("end_turn", {"content": "x"}, "stop"),
        ("max_tokens", {"content": "x"}, "length"),
        ("flagged", {"content": "x"}, "other"),
        (None, {"content": "x"}, None),
        ("", {"content": "x"}, None),
    ],
)
def test_finish_reasons(native: Any, message: Any, expected: Any) -> None:
    """OpenAI's word for the reason, the host's own beside it, and none where there is none."""
    choice = completion_of(response_of(message, finish_reason=native)).choices[0]
    assert (expected, native or None) == (choice.finish_reason, choice.native_finish_reason)


def test_what_a_filter_withheld_whole_is_an_answer() -> None:
    """Azure leaves out the message then; the reason says what happened."""
    choice: Any = {"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}
    read = completion_of(response_of(choices=[choice])).choices[0]
    assert (None, "content_filter") == (read.message.content, read.finish_reason)


# --- usage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, (3, 2, 5, None)),
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2, 5, None)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 1}}, (3, 2, 5, 1)),
        (
            {**USAGE, "prompt_tokens_details": None, "completion_tokens_details": None},
            (3, 2, 5, None),
        ),
        ({**USAGE, "prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 1}, (3, 2, 5, 2)),
        ({"prompt_tokens": 3.0, "completion_tokens": 2, "total_tokens": 5}, (3, 2, 5, None)),
        ({**USAGE, "queue_time": 0.1, "cost": None}, (3, 2, 5, None)),
    ],
)
def test_usage_is_read(usage: Any, expected: tuple[int, int, int, int | None]) -> None:
    """Parts stay parts: cached tokens are among the prompt's, and nothing is counted twice."""
    read = completion_of(response_of(usage=usage)).usage
    assert read is not None
    details = read.prompt_tokens_details
    cached = None if details is None else details.cached_tokens
    assert expected == (read.prompt_tokens, read.completion_tokens, read.total_tokens, cached)


@pytest.mark.parametrize("usage", [None, {}])
def test_no_usage_is_none(usage: Any) -> None:
    """Where nothing is said, nothing is invented."""
    assert completion_of(response_of(usage=usage)).usage is None


# --- as the vendor's own SDK reads it ------------------------------------------------------


def test_the_answer_reads_as_the_vendors_own_sdk_reads_it() -> None:
    """The OpenAI package makes the same of a reply, field by field."""
    function = {"name": "f", "arguments": "{}"}
    payload = response_of(
        {
            "role": "assistant",
            "content": "x",
            "refusal": None,
            "tool_calls": [{"id": "a", "type": "function", "function": function}],
        },
        finish_reason="tool_calls",
        logprobs={"content": [], "refusal": None},
    )
    theirs = ChatCompletion.model_validate(payload).model_dump(exclude_none=True)
    ours = completion_of(payload).model_dump(exclude_none=True)
    del ours["choices"][0]["native_finish_reason"], ours["choices"][0]["logprobs"]["refusal"]
    assert theirs == ours


def test_the_vendors_own_sdk_reads_our_chunks() -> None:
    """A dumped chunk is a chunk of OpenAI's."""
    event = response_of()
    event["object"] = "chat.completion.chunk"
    event["choices"] = [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]
    (chunk,) = ChatDecoder("7").feed(Frame(json.dumps(event).encode()))
    theirs = ChatCompletionChunk.model_validate(chunk.model_dump())
    assert "x" == theirs.choices[0].delta.content
    assert theirs.usage is not None
    assert 5 == theirs.usage.total_tokens
