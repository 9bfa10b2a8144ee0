"""The way back: an answer's message in the next request, as it came or as the caller changed it."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse, decode_json, encode_json
from llmgate.testing.driving import call_of
from llmgate.types import Message
from llmgate_cohere import Cohere, decode, encode

PROVIDER = Cohere(api_key="co-test")
HELLO = {"role": "user", "content": "Hello"}
TEXT = {"type": "text", "text": "Red."}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "new": [1, None, {"é": 1.5}]}
DRAWING = {"type": "drawing", "svg": "<svg/>"}
CITED = {"end": 3, "start": 0, "text": "Red", "sources": [{"type": "document", "id": "d"}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "bad JSON"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{ "a":1}'}}


def answered(message: dict[str, Any]) -> Message:
    """The message of an answer, decoded."""
    said = {"id": "r", "finish_reason": "COMPLETE", "message": {"role": "assistant", **message}}
    return decode(HttpResponse(200, {}, encode_json(said)), "c9").choices[0].message


def as_dictionary(message: Any) -> Any:
    """A message as the core hands it on."""
    return message.model_dump(exclude_none=True) if isinstance(message, Message) else message


def sent_back(message: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What it becomes in the next request, and the deviations."""
    asked = {"model": "command-r", "messages": [HELLO, message, HELLO], "unsupported": "raise"}
    call = call_of(PROVIDER, asked)
    turns = encode(call).body["messages"]
    return turns[1], [(deviation.kind, deviation.path) for deviation in call.report]


@pytest.mark.parametrize(
    "said",
    [
        {"content": [THOUGHT, TEXT]},
        {"content": [TEXT, TEXT]},
        {"content": [TEXT, DRAWING]},
        {"content": [TEXT], "citations": [CITED]},
        {"content": [TEXT], "tool_calls": [CALL]},
        {"content": [{"type": "text", "text": ""}], "tool_calls": [CALL]},
        {"content": [THOUGHT], "tool_calls": [CALL]},
        {"tool_plan": "I look.", "tool_calls": [CALL]},
        {"content": [THOUGHT, TEXT], "tool_plan": "I look.", "citations": [CITED]},
        {"tool_calls": [CALL]},
        {"tool_plan": "I lo"},
    ],
)
def test_answers_go_back_as_they_came(said: dict[str, Any]) -> None:
    """Whatever Cohere said is sent back byte for byte, also after a rest as JSON."""
    message = answered(said)
    for given in (message, decode_json(message.model_dump_json())):
        sent, deviations = sent_back(given)
        assert deviations == []
        assert {"role", *said} == sent.keys()
        for key, value in said.items():
            assert encode_json(value) == encode_json(sent[key])


def test_plain_text_goes_back_as_text() -> None:
    """Text that is all there is needs no parts."""
    assert sent_back(answered({"content": [TEXT]})) == (
        {"role": "assistant", "content": "Red."},
        [],
    )


KEPT = "messages[1].provider_data.cohere"


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({"content": "Blue."}, {"content": [THOUGHT, DRAWING, {"type": "text", "text": "Blue."}]}),
        ({"content": None}, {"content": [THOUGHT, DRAWING]}),
    ],
)
def test_what_the_caller_changed_counts(change: dict[str, Any], sent: Any) -> None:
    """Other text is sent in place of Cohere's, without citations, which pointed into that."""
    message = answered({"content": [THOUGHT, TEXT, DRAWING], "citations": [CITED]})
    changed = decode_json(message.model_dump_json()) | change
    turn, deviations = sent_back(changed)
    assert {"role": "assistant", **sent} == turn
    assert [("converted", KEPT)] == deviations


def test_a_text_that_was_taken_away_leaves_the_plan() -> None:
    """Where nothing of the content is left to be said, none is sent."""
    message = answered({"content": [TEXT], "tool_plan": "I look."})
    turn, deviations = sent_back(decode_json(message.model_dump_json()) | {"content": None})
    assert turn == {"role": "assistant", "tool_plan": "I look."}
    assert [("converted", KEPT)] == deviations


def test_fields_of_an_answer_are_not_held_against_the_caller() -> None:
    """A new field of an answer's message is left out and reported, even where that would raise."""
    turn, deviations = sent_back(answered({"content": [TEXT], "mood": "good"}))
    assert turn == {"role": "assistant", "content": "Red."}
    assert deviations == [("dropped", "messages[1].mood")]


@pytest.mark.parametrize("arguments", ['{"a": "b', "[1]", '{"a": NaN}', "not JSON"])
def test_arguments_that_are_no_object_go_back_in_one(arguments: str) -> None:
    """A call that was cut off or malformed is sent as an object that keeps the text, reported."""
    function = {"name": "f", "arguments": arguments}
    message = answered({"tool_calls": [{**CALL, "function": function}]})
    for given in (message, message.model_dump()):
        history: Any = [HELLO, as_dictionary(given), RESULT]
        call = ProviderCall("command-r", history)
        sent = encode(call).body["messages"][1]["tool_calls"][0]["function"]
        assert {"arguments": arguments} == decode_json(sent["arguments"].encode())
        path = "messages[1].tool_calls[0].function.arguments"
        assert [("converted", path)] == [(each.kind, each.path) for each in call.report]


def test_no_arguments_are_the_empty_object() -> None:
    """An empty text, which some hosts write, is not refused by Cohere then."""
    item = {**CALL, "function": {"name": "f", "arguments": ""}}
    message = {"role": "assistant", "content": None, "tool_calls": [item]}
    history: Any = [HELLO, message, RESULT]
    call = ProviderCall("command-r", history)
    assert encode(call).body["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert not call.report


def test_fields_of_a_dump_that_are_none_say_nothing() -> None:
    """They are not sent, and not reported."""
    message = answered({"content": [TEXT], "tool_calls": [CALL]}).model_dump()
    assert None in message.values()
    sent, deviations = sent_back(message)
    assert {"role": "assistant", "content": [TEXT], "tool_calls": [CALL]} == sent
    assert deviations == []


@pytest.mark.parametrize(
    "kept",
    [5, {"content": 5}, {"content": [5]}, {"citations": 5}, {"tool_plan": 5}],
)
def test_what_was_never_an_answer_is_refused(kept: Any) -> None:
    """Data of another form than we make is refused with its path."""
    with pytest.raises(InvalidRequestError) as caught:
        sent_back({"role": "assistant", "content": "x", "provider_data": {"cohere": kept}})
    assert caught.value.path.startswith(KEPT)
    with pytest.raises(InvalidRequestError):
        sent_back({"role": "assistant", "content": "x", "provider_data": 5})
