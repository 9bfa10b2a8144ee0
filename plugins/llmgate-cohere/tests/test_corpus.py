"""Every recording: nothing that Cohere said is lost, and an answer goes back as it came.

That pieces and cuts of the recorded streams change nothing is the conformance kit's to test.
A recording that cannot be decoded stands in ``not_decoded.json``, by its id, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ContextWindowError, ProviderError, error_class
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json, encode_json
from llmgate.testing import RecordedExchange, drive, load_corpus, read_stream
from llmgate.testing.driving import call_of, first_request
from llmgate.types import Completion
from llmgate_cohere import Cohere
from tests.json_leaves import leaves

NOT_DECODED: Mapping[str, str] = json.loads(
    Path(__file__).with_name("not_decoded.json").read_text()
)
PROVIDER = Cohere(api_key="co-test")
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def recordings(corpus: Path) -> list[RecordedExchange]:
    """All recordings that are not excused."""
    return [
        exchange
        for exchange in load_corpus(corpus, expect=None)
        if exchange.name not in NOT_DECODED
    ]


def answered(recordings: Iterable[RecordedExchange], *, stream: bool) -> list[RecordedExchange]:
    """The recordings that hold an answer, whole or streamed."""
    return [e for e in recordings if not e.is_refusal and e.is_stream is stream]


def answer_to(exchange: RecordedExchange) -> Completion:
    """What a recording is decoded into."""
    asked = {"model": "command-r", "messages": HELLO, "stream": exchange.is_stream}
    call = call_of(PROVIDER, asked)
    if not exchange.is_stream:
        return drive(PROVIDER.complete(call), exchange.replies, error=PROVIDER.error).result
    decoder = drive(PROVIDER.stream(call), exchange.replies, error=PROVIDER.error).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def events_of(exchange: RecordedExchange) -> list[Any]:
    """The events of a recorded stream."""
    lines = exchange.replies[-1].body.decode().splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data: {")]


def message_of(exchange: RecordedExchange) -> dict[str, Any]:
    """The message as it was recorded, a streamed one put together by hand."""
    if not exchange.is_stream:
        return dict(decode_json(exchange.replies[-1].body)["message"])
    joined: dict[str, Any] = {"content": [], "tool_calls": [], "citations": [], "tool_plan": ""}
    for event in events_of(exchange):
        said = event.get("delta", {}).get("message", {})
        match event["type"]:
            case "content-start":
                joined["content"].append(dict(said["content"]))
            case "content-delta":
                for key, text in said["content"].items():
                    joined["content"][event["index"]][key] += text
            case "tool-plan-delta":
                joined["tool_plan"] += said["tool_plan"]
            case "tool-call-start":
                joined["tool_calls"].append(said["tool_calls"])
            case "tool-call-delta":
                function = joined["tool_calls"][event["index"]]["function"]
                function["arguments"] += said["tool_calls"]["function"]["arguments"]
            case "citation-start":
                joined["citations"].append(said["citations"])
            case _:
                pass
    return joined


def test_excuses_are_of_recordings_that_exist(corpus: Path) -> None:
    """What is excused exists, and is of no endpoint that this plugin speaks."""
    assert {*NOT_DECODED} <= {path.stem for path in corpus.glob("*.json")}
    assert not [name for name in NOT_DECODED if "v2-chat" in name]


def test_nothing_is_lost(recordings: list[RecordedExchange]) -> None:
    """Each text and number of a whole reply is somewhere in the answer."""
    for exchange in answered(recordings, stream=False):
        answer = answer_to(exchange)
        kept: set[Any] = {(type(value), value) for _, value in leaves(answer.model_dump())}
        for key, value in leaves(decode_json(exchange.replies[-1].body)):
            is_counted = key == "input_tokens"  # to which those of images are added
            is_none = key == "arguments" and value == "null"
            if not (is_counted or is_none or (key, value) == ("type", "text")):
                assert (type(value), value) in kept, f"{exchange.name}: {key}={value!r} is lost"


def test_answers_say_what_was_said(recordings: list[RecordedExchange]) -> None:
    """Text, thoughts, plan, calls, citations, reason, usage and id are those of the recording."""
    for exchange in recordings:
        if exchange.is_refusal:
            continue
        said, answer = message_of(exchange), answer_to(exchange)
        message = answer.choices[0].message
        items: list[Any] = said.get("content") or []
        assert "".join(item.get("text", "") for item in items) == (message.content or "")
        thoughts = "".join(item.get("thinking", "") for item in items)
        plan = said.get("tool_plan") or ""
        assert thoughts + plan == (message.reasoning_content or "")
        data: dict[str, Any] = (message.provider_data or {}).get("cohere", {})
        assert plan == data.get("tool_plan", "")
        assert (said.get("citations") or []) == data.get("citations", [])
        assert calls_of(said) == [
            (call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or []
            if call.function
        ]
        last = events_of(exchange)[-1]["delta"] if exchange.is_stream else None
        payload = last or decode_json(exchange.replies[-1].body)
        first = events_of(exchange)[0] if exchange.is_stream else payload
        assert payload["finish_reason"] == answer.choices[0].native_finish_reason
        assert first["id"] == answer.id
        check_usage(payload["usage"], answer)


def calls_of(said: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The calls of a recorded message; none at all is the empty object."""
    none = ("", "null")
    calls: list[Any] = said.get("tool_calls") or []
    functions = [(call["id"], call["function"]) for call in calls]
    return [
        (identifier, f["name"], "{}" if f["arguments"] in none else f["arguments"])
        for identifier, f in functions
    ]


def check_usage(said: Mapping[str, Any], answer: Completion) -> None:
    """Both kinds of usage are as they were recorded."""
    tokens, usage = said["tokens"], answer.usage
    assert usage is not None
    assert tokens["input_tokens"] + tokens.get("image_tokens", 0) == usage.prompt_tokens
    assert tokens["output_tokens"] == usage.completion_tokens
    assert said["billed_units"] == usage.extra["billed_units"]
    details = usage.prompt_tokens_details
    assert said.get("cached_tokens") == (details.cached_tokens if details else None)
    reasoned = usage.completion_tokens_details
    assert tokens.get("reasoning_tokens") == (reasoned.reasoning_tokens if reasoned else None)


def test_citations_point_into_the_text(recordings: list[RecordedExchange]) -> None:
    """An annotation's place in the content is where the cited words stand."""
    pointed = 0
    for exchange in recordings:
        if exchange.is_refusal:
            continue
        answer = answer_to(exchange)
        for annotation in answer.choices[0].message.annotations or []:
            cited = annotation[annotation["type"]]
            assert cited["text"] == answer.text[cited["start_index"] : cited["end_index"]]
            pointed += 1
    assert pointed > 4


def test_errors_have_their_class(recordings: list[RecordedExchange]) -> None:
    """A recorded refusal is the error of its status or code, with Cohere's words and id."""
    for exchange in recordings:
        if not exchange.is_refusal:
            continue
        reply = exchange.replies[-1]
        said = decode_json(reply.body)
        with pytest.raises(ProviderError) as caught:
            answer_to(exchange)
        too_long = said.get("error_type") == "TOO_MANY_TOKENS"
        assert (ContextWindowError if too_long else error_class(reply.status)) is type(caught.value)
        assert said["message"] == caught.value.message
        assert said.get("id") == caught.value.request_id


def test_answers_go_back_as_they_came(recordings: list[RecordedExchange]) -> None:
    """An answer's message in ``messages`` is sent as the very content that Cohere sent."""
    for exchange in recordings:
        if exchange.is_refusal:
            continue
        message, said = answer_to(exchange).choices[0].message, message_of(exchange)
        stored = decode_json(message.model_dump_json())
        for given in (message, stored):
            sent = sent_back(given)
            if message.provider_data is None and isinstance(sent.get("content"), str):
                sent["content"] = [{"type": "text", "text": sent["content"]}]
            for key in ("content", "tool_plan", "citations"):
                expected = said.get(key) or None
                assert expected == sent.get(key), f"{exchange.name}: {key}"
                if message.provider_data is not None:
                    assert encode_json(expected) == encode_json(sent.get(key))
            assert calls_of(said) == calls_of(sent)


def sent_back(message: Any) -> dict[str, Any]:
    """What a message becomes in the next request, with nothing to report."""
    call = call_of(PROVIDER, {"model": "command-r", "messages": [*HELLO, message, *HELLO]})
    body = decode_json(first_request(PROVIDER.complete(call)).body)
    assert not [*call.report]
    return dict(body["messages"][1])
