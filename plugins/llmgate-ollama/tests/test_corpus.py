"""Every recording: nothing that Ollama said is lost, and a response goes back as it came.

Recordings of Ollama's other two endpoints are excused, each with its reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ProviderError, error_class
from llmgate.provider import Provider
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json
from llmgate.testing import RecordedExchange, drive, load_corpus, read_stream
from llmgate.testing.driving import call_of, first_request
from llmgate.testing.recordings import load_recording
from llmgate.types import Completion
from llmgate_ollama import Ollama
from llmgate_openai import OpenAI
from tests.json_leaves import leaves

EXCUSED = {
    "endpoint:chat.completions": "OpenAI's format, which llmgate-openai reads: see below",
    "endpoint:api/generate": "a text is completed there, and no chat is asked for",
}
PROVIDER = Ollama()
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def recordings(corpus: Path) -> list[RecordedExchange]:
    """All recordings that are not excused."""
    return [each for each in load_corpus(corpus, expect=None) if not EXCUSED.keys() & each.tags]


def answer_to(exchange: RecordedExchange, provider: Provider = PROVIDER) -> Completion:
    """What a recording is decoded into."""
    asked = {"model": "qwen3", "messages": HELLO, "stream": exchange.is_stream}
    call = call_of(provider, asked)
    if not exchange.is_stream:
        return drive(provider.complete(call), exchange.replies, error=provider.error).result
    decoder = drive(provider.stream(call), exchange.replies, error=provider.error).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def payloads_of(exchange: RecordedExchange) -> list[Any]:
    """The response, or the lines of a stream."""
    body = exchange.replies[-1].body
    lines = body.splitlines() if exchange.is_stream else [body]
    return [json.loads(line) for line in lines if line.strip()]


def test_there_are_enough(recordings: list[RecordedExchange]) -> None:
    """Every recording of the native chat is among them."""
    assert len(recordings) >= 10
    assert {tag for each in recordings for tag in each.tags if tag.startswith("endpoint:")} == {
        "endpoint:api/chat"
    }


def test_nothing_is_lost(recordings: list[RecordedExchange]) -> None:
    """Each text and number of a response is somewhere in the completion."""
    checked = 0
    for exchange in recordings:
        if exchange.is_refusal:
            continue
        completion = answer_to(exchange)
        kept = {value for _, value in leaves(completion.model_dump())}
        joined = "\n".join(each for each in kept if isinstance(each, str))
        for key, value in leaves(payloads_of(exchange)[-1]):
            if key == "done":
                continue
            is_kept = value in kept or (isinstance(value, str) and value in joined)
            assert is_kept, f"{exchange.name}: {value!r} is lost"
            checked += 1
    assert checked > 50


def test_errors_have_their_class(recordings: list[RecordedExchange]) -> None:
    """A recorded refusal is the error of its status, with Ollama's words."""
    refused = [exchange for exchange in recordings if exchange.is_refusal]
    for exchange in refused:
        response = exchange.replies[-1]
        with pytest.raises(ProviderError) as caught:
            answer_to(exchange)
        assert type(caught.value) is error_class(response.status)
        assert caught.value.message == decode_json(response.body)["error"]
    assert len(refused) >= 2


def test_responses_go_back_as_they_came(recordings: list[RecordedExchange]) -> None:
    """A completion's message in ``messages`` is sent as what Ollama sent, unreported."""
    for exchange in recordings:
        if exchange.is_refusal:
            continue
        message = answer_to(exchange).choices[0].message
        parts = [payload["message"] for payload in payloads_of(exchange)]
        native = {
            name: "".join(part.get(name) or "" for part in parts)
            for name in ("content", "thinking")
        }
        calls = [call for part in parts for call in part.get("tool_calls") or ()]
        for given in (message, decode_json(message.model_dump_json())):
            call = call_of(PROVIDER, {"model": "qwen3", "messages": [*HELLO, given, *HELLO]})
            sent = decode_json(first_request(PROVIDER.complete(call)).body)["messages"][1]
            assert [*call.report] == []
            assert (sent["content"], sent.get("thinking", "")) == (*native.values(),)
            assert [each["function"] for each in sent.get("tool_calls", ())] == [
                each["function"] for each in calls
            ]


def test_the_other_format_is_read_by_the_plugin_of_openai(corpus: Path) -> None:
    """A recording of ``/v1/chat/completions`` is excused because this reads it."""
    openai = OpenAI(api_key="none", base_url="http://127.0.0.1:11434/v1")
    read = 0
    for path in corpus.glob("ollama-chat-completions-*.json"):
        exchange = load_recording(path)
        if exchange.is_refusal:
            with pytest.raises(ProviderError):
                answer_to(exchange, openai)
            continue
        completion = answer_to(exchange, openai)
        assert exchange.text in (None, completion.text)
        assert completion.choices[0].finish_reason == exchange.finish_reason
        read += 1
    assert read > 10
