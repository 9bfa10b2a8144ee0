"""An earlier answer on its way back: as it came, unless the caller changed what it says."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import UnsupportedError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing.driving import call_of
from llmgate.types import Chunk, Message
from llmgate_anthropic import Anthropic, MessagesDecoder, decode, encode

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


def asked(*messages: Any, **options: Any) -> dict[str, Any]:
    """A call with these messages after the first."""
    call = {"model": "claude-haiku-4-5", "messages": [HELLO, *messages], "max_tokens": 9_000}
    return call | options


def sent(provider: Anthropic, *messages: Any, **options: Any) -> tuple[list[Any], list[str]]:
    """The turns that messages become, and the paths in the report."""
    call = call_of(provider, asked(*messages, **options))
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


@pytest.mark.parametrize("thought", [THOUGHT | {"signature": ""}, THOUGHT | {"signature": None}])
def test_a_thought_without_signature_is_dropped_for_claude(
    thought: Any, provider: Anthropic
) -> None:
    """Claude refuses it, so it is not sent, and the report says why; other models take it back."""
    message = message_of(thought, text("Hi"), CALL)
    call = call_of(provider, asked(message, RESULT))
    assert [text("Hi"), CALL] == encode(call).body["messages"][1]["content"]
    (dropped,) = call.report
    assert "messages[1].provider_data.anthropic.content[0]" == dropped.path
    assert "has no signature" in dropped.reason
    turns, report = sent(provider, message, RESULT, model="smollm2")
    assert [thought, text("Hi"), CALL] == turns[1]["content"]
    assert [] == report


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
    call = call_of(provider, asked(message_of(*first), RESULT, reasoning_effort="low"))
    assert is_thinking == ("thinking" in encode(call).body)
    assert "reasoning_effort" in call.report


CITED: Any = [
    SEARCH,
    FOUND,
    {**text("It is warm."), "citations": [{"type": "x", "encrypted_index": "E-1"}]},
    text(" "),
    {**text("It is dry."), "citations": [{"type": "x", "encrypted_index": "E-2"}]},
    text("\n"),
]


IN_PARTS: Any = [{"type": "text", "text": "It is warm. "}, {"type": "text", "text": "It is dry.\n"}]


@pytest.mark.parametrize(
    "form",
    [
        message_of(*CITED),
        message_of(*CITED).model_dump(),
        message_of(*CITED).model_dump() | {"content": IN_PARTS},
    ],
)
def test_citations_go_back_beside_blank_blocks(form: Any, provider: Anthropic) -> None:
    """Blank texts, which are not accepted back, do not make the rest differ from the message."""
    turns, report = sent(provider, form, HELLO)
    assert [CITED[0], CITED[1], CITED[2], CITED[4]] == turns[1]["content"]
    assert [] == report


@pytest.mark.parametrize(
    "arguments", ['{"path": "a.txt", "text": "aaaa', '{"city": "Oslo",}', "[1]", '{"n": NaN}', "x"]
)
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("before", [[], [THOUGHT], [text("I call.")]])
def test_malformed_arguments_go_back_as_an_object(
    before: list[Any], as_dict: bool, is_streamed: bool, arguments: str, provider: Anthropic
) -> None:
    """The object has the text; signed thoughts stay before it, and the result after it."""
    call = {**CALL, "input": arguments}
    message = streamed(*before, call) if is_streamed else message_of(*before, call)
    form: Any = message.model_dump() if as_dict else message
    turns, report = sent(provider, form, RESULT)
    *blocks, use = turns[1]["content"]
    assert before == blocks
    assert ("toolu_1", "now", {"arguments": arguments}) == (use["id"], use["name"], use["input"])
    assert "toolu_1" == turns[2]["content"][0]["tool_use_id"]
    assert report
    assert all(path.startswith("messages[1].") for path in report)


def streamed(*content: Any) -> Message:
    """The message of a stream with these blocks; the input of a call comes in two pieces."""
    decoder, chunks = MessagesDecoder("c1"), list[Chunk]()
    events: list[Any] = [{"type": "message_start", "message": {"id": "m"}}]
    for index, block in enumerate(content):
        start, pieces = dict(block), list[str]()
        if block["type"] == "tool_use":
            start["input"], pieces = {}, [block["input"][:5], block["input"][5:]]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for piece in pieces:
            delta = {"type": "input_json_delta", "partial_json": piece}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})
    for event in events:
        chunks += decoder.feed(Frame(encode_json(event)))
    return accumulate(chunks).choices[0].message


def test_arguments_may_be_given_in_other_forms(provider: Anthropic) -> None:
    """No arguments are the empty object; a call of a host's own kind is a function's."""
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "now", "arguments": ""}},
        {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    turns, report = sent(provider, {"role": "assistant", "tool_calls": calls}, HELLO)
    assert [{}, {}] == [block["input"] for block in turns[1]["content"]]
    assert [] == report


def test_what_a_dump_does_not_say_is_neither_sent_nor_reported(provider: Anthropic) -> None:
    """The fields of ``model_dump()`` that are None are no fields."""
    message = message_of(text("Hi"), CALL).model_dump()
    assert None in message.values()
    turns, report = sent(provider, message, RESULT)
    assert [text("Hi"), CALL] == turns[1]["content"]
    assert [] == report


# --- the beginning of a response ----------------------------------------------------------


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-5", "claude-zebra-9"])
def test_newer_models_continue_no_beginning(model: str, provider: Anthropic) -> None:
    """They refuse messages that end with text of the assistant, so nothing is sent."""
    beginning = {"role": "assistant", "content": "Hi"}
    with pytest.raises(UnsupportedError, match="end with one of the user"):
        sent(provider, beginning, model=model)
    paused = message_of(SEARCH, FOUND, text("So far"))
    assert text("So far") == sent(provider, paused, model=model)[0][-1]["content"][-1]
    assert text("Hi") == sent(provider, beginning)[0][-1]["content"][-1]
