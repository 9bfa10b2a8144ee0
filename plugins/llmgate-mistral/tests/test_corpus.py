"""Every recording: nothing that Mistral said is lost, and a response goes back as it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ProviderError, error_class
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json, is_array
from llmgate.testing import RecordedExchange, drive, load_corpus, read_stream
from llmgate.testing.driving import call_of, first_request
from llmgate.types import Completion
from llmgate_mistral import Mistral
from tests.json_leaves import leaves

PROVIDER = Mistral(api_key="mistral-test")
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def recordings(corpus: Path) -> list[RecordedExchange]:
    """All of them: none is excused."""
    return load_corpus(corpus, expect=None)


def answer_to(exchange: RecordedExchange) -> Completion:
    """What a recording is decoded into."""
    call = call_of(PROVIDER, {"model": "m", "messages": HELLO, "stream": exchange.is_stream})
    if not exchange.is_stream:
        return drive(PROVIDER.complete(call), exchange.replies, error=PROVIDER.error).result
    decoder = drive(PROVIDER.stream(call), exchange.replies, error=PROVIDER.error).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def test_nothing_is_lost(recordings: list[RecordedExchange]) -> None:
    """Each text and number of a whole response is somewhere in the completion."""
    checked = 0
    for exchange in recordings:
        if exchange.is_refusal or exchange.is_stream:
            continue
        kept: set[Any] = {
            (type(each), each) for _, each in leaves(answer_to(exchange).model_dump())
        }
        payload = decode_json(exchange.replies[-1].body)
        if "prompt_audio_seconds" in payload["usage"]:
            del payload["usage"]["prompt_tokens"]  # those of the audio are added to them
        for _, value in leaves(payload):
            is_made_whole = value == ""  # no arguments are the empty object
            assert is_made_whole or (type(value), value) in kept, f"{exchange.name}: {value!r}"
            checked += 1
    assert checked > 100


def test_errors_have_their_class(recordings: list[RecordedExchange]) -> None:
    """A recorded refusal is the error of its status, with Mistral's words and code."""
    refused = [exchange for exchange in recordings if exchange.is_refusal]
    for exchange in refused:
        response = exchange.replies[-1]
        said = decode_json(response.body)
        with pytest.raises(ProviderError) as caught:
            answer_to(exchange)
        assert type(caught.value) is error_class(response.status)
        assert said.get("message", "Input should be a valid string") in caught.value.message
        assert caught.value.code == (said.get("code") or said.get("type"))
    assert len(refused) >= 5


def test_responses_go_back_as_they_came(recordings: list[RecordedExchange]) -> None:
    """A whole response's message in ``messages`` is sent as the content and calls that it had."""
    sent_back = 0
    for exchange in recordings:
        if exchange.is_refusal or exchange.is_stream:
            continue
        message = answer_to(exchange).choices[0].message
        native = json.loads(exchange.replies[-1].body)["choices"][0]["message"]
        for given in (message, decode_json(message.model_dump_json())):
            if not all(_is_json(each) for each in message.tool_calls or ()):
                continue
            call = call_of(PROVIDER, {"model": "m", "messages": [*HELLO, given, *HELLO]})
            sent = decode_json(first_request(PROVIDER.complete(call)).body)["messages"][1]
            assert sent["content"] == (native.get("content") or "")
            calls = [each["id"] for each in native.get("tool_calls") or ()]
            is_kept = [len(each) == 9 for each in calls]
            assert [each["id"] in calls for each in sent.get("tool_calls", ())] == is_kept
            assert len(call.report) == is_kept.count(False)
            sent_back += is_array(native.get("content"))
    assert sent_back >= 2


def _is_json(call: Any) -> bool:
    try:
        json.loads(call.function.arguments)
    except ValueError:
        return False
    return True
