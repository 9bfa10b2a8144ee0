"""An earlier answer on its way back: as it came, unless the caller changed what it says."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing.driving import call_of
from llmgate.types import Message
from llmgate_anthropic import Anthropic, decode, encode

HELLO: Any = {"role": "user", "content": "Hello"}
THOUGHT: Any = {"type": "thinking", "thinking": "Hm.\n", "signature": "c2ln/+=="}
SECRET: Any = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
CALL: Any = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"a": 1.0, "ø": None}}
SEARCH: Any = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND: Any = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
RESULT: Any = {"role": "tool", "tool_call_id": "toolu_1", "content": "Noon"}


def text(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}


def message_of(*content: Any) -> Message:
    """The message of an answer with these blocks."""
    payload = {"id": "m", "content": content, "stop_reason": "tool_use"}
    return decode(HttpResponse(200, {}, encode_json(payload)), "c1").choices[0].message


def sent(provider: Anthropic, *messages: Any, **options: Any) -> tuple[list[Any], list[str]]:
    """The turns that messages become, and the paths in the report."""
    asked = {"model": "claude-haiku-4-5", "messages": [HELLO, *messages], "max_tokens": 9_000}
    call = call_of(provider, asked | options)
    turns = encode(call).body["messages"]
    return turns, [deviation.path for deviation in call.report]


@pytest.mark.parametrize(
    "content",
    [
        [THOUGHT, text("I look."), CALL],
        [THOUGHT, SECRET, CALL],
        [SEARCH, FOUND, THOUGHT, CALL],
        [text("One. "), text("Two. "), CALL],
        [CALL],
    ],
)
def test_blocks_go_back_byte_for_byte(content: list[Any], provider: Anthropic) -> None:
    """Order, signatures and every byte stay; nothing is reported."""
    turns, report = sent(provider, message_of(*content), RESULT)
    assert encode_json(content) == encode_json(turns[1]["content"])
    assert [] == report


def test_what_the_caller_changed_counts(provider: Anthropic) -> None:
    """A text that was edited is sent as it is now, after the thoughts as they came."""
    message = message_of(THOUGHT, text("Oslo"), CALL).model_dump() | {"content": "Bergen"}
    turns, report = sent(provider, message, RESULT)
    assert [THOUGHT, text("Bergen"), CALL] == turns[1]["content"]
    assert ["messages[1].provider_data.anthropic.content"] == report


def test_a_call_that_was_renumbered_counts(provider: Anthropic) -> None:
    """A call whose id was changed in the message, as by the legacy form, is sent with that id."""
    message = message_of(THOUGHT, CALL).model_dump(exclude_none=True)
    message["tool_calls"][0]["id"] = "call_0"
    turns, _ = sent(provider, message, RESULT | {"tool_call_id": "call_0"})
    assert [THOUGHT, CALL | {"id": "call_0"}] == turns[1]["content"]


def test_a_thought_without_signature_stays_here(provider: Anthropic) -> None:
    """A thought of a stream that broke off is refused by the API, so it is not sent; reported."""
    message = message_of(THOUGHT | {"signature": ""}, text("Hi"), CALL)
    turns, report = sent(provider, message, RESULT)
    assert [text("Hi"), CALL] == turns[1]["content"]
    assert ["messages[1].provider_data.anthropic.content[0]"] == report


def test_empty_texts_stay_here(provider: Anthropic) -> None:
    """A text without a word, which the API sends but does not take, is left out of the rest."""
    turns, _ = sent(provider, message_of(THOUGHT, text(""), CALL), RESULT)
    assert [THOUGHT, CALL] == turns[1]["content"]


def test_what_others_signed_is_not_sent(provider: Anthropic) -> None:
    """Data of another provider is not Anthropic's to read; the report says so."""
    message = {"role": "assistant", "content": "Hi", "provider_data": {"acme": {"x": 1}}}
    turns, report = sent(provider, message, HELLO)
    assert [text("Hi")] == turns[1]["content"]
    assert ["messages[1].provider_data.acme"] == report


def test_a_paused_turn_goes_on(provider: Anthropic) -> None:
    """An answer that paused is sent back as the last turn, to be continued."""
    turns, report = sent(provider, message_of(text("I search."), SEARCH))
    assert [text("I search."), SEARCH] == turns[-1]["content"]
    assert [] == report


def test_a_message_may_be_marked_for_the_cache(provider: Anthropic) -> None:
    """The mark goes on the last block, and the caller's message stays as it was."""
    message: Any = message_of(text("A"), text("B")).model_dump()
    message["cache_control"] = {"type": "ephemeral"}
    turns, _ = sent(provider, message, HELLO)
    assert [{}, {"type": "ephemeral"}] == [b.get("cache_control", {}) for b in turns[1]["content"]]
    assert [text("A"), text("B")] == message["provider_data"]["anthropic"]["content"]


@pytest.mark.parametrize(
    ("first", "is_thinking"), [([THOUGHT, CALL], True), ([CALL], False), ([SECRET, CALL], True)]
)
def test_thinking_begins_in_no_middle_of_a_turn(
    first: list[Any], is_thinking: bool, provider: Anthropic
) -> None:
    """Where the calls of the last answer were made without thinking, no budget is sent."""
    asked = {
        "model": "claude-haiku-4-5",
        "messages": [HELLO, message_of(*first), RESULT],
        "max_tokens": 9_000,
        "reasoning_effort": "low",
    }
    call = call_of(provider, asked)
    assert is_thinking == ("thinking" in encode(call).body)
    assert "reasoning_effort" in call.report
