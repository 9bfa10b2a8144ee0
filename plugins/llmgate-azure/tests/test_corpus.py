"""Every recording of Azure's: nothing is lost, and the request would be the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai.types.chat import ChatCompletion

from llmgate import Client
from llmgate.provider.http import decode_json
from llmgate.testing import Canned, CannedTransport, RecordedExchange, load_corpus, with_transport
from llmgate.types import Chunk, Completion
from llmgate_azure import AzureOpenAI

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "azure_openai"
RECORDINGS = load_corpus(CORPUS, expect=None) if CORPUS.exists() else []
ANSWERS = [
    recorded
    for recorded in RECORDINGS
    if recorded.replies[-1].status == 200 and "quirk_error_in_200" not in recorded.tags
]
HOST = "https://mine.openai.azure.com"


def test_the_recordings_are_there() -> None:
    """In CI the recordings must be beside the project; elsewhere these tests are skipped."""
    if not RECORDINGS and os.environ.get("CI") != "true":
        pytest.skip("../shared/corpus is not here")
    assert 30 == len(RECORDINGS)


def sent_body(recorded: RecordedExchange) -> dict[str, Any]:
    assert recorded.request is not None
    body: dict[str, Any] = json.loads(recorded.request.body)
    return body


async def answered(recorded: RecordedExchange) -> tuple[CannedTransport, Completion, list[Chunk]]:
    """The answer through a client, with the call that was recorded."""
    reply = recorded.replies[-1]
    transport = CannedTransport([Canned(reply.status, dict(reply.headers), reply.body)])
    provider = with_transport(AzureOpenAI(api_key="k", base_url=_endpoint(recorded)), transport)
    body = sent_body(recorded)
    stream = bool(body.pop("stream", False))
    body.setdefault("model", "deployment")
    async with Client(providers={"azure": provider}) as client:
        model = f"azure/{body.pop('model')}"
        messages = body.pop("messages")
        if not stream:
            answer = await client.acompletion(model, messages, stream=False, **body)
            return transport, answer, []
        opened = await client.acompletion(model, messages, stream=True, **body)
        chunks = [chunk async for chunk in opened]
        return transport, await opened.completion(), chunks


def payloads(recorded: RecordedExchange) -> list[dict[str, Any]]:
    """The reply's JSON, or that of each of its events."""
    body = recorded.replies[-1].body
    if not recorded.is_stream:
        return [decode_json(body)]
    return [decode_json(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]


def _endpoint(recorded: RecordedExchange) -> str:
    """The address that was recorded; some recorders replaced the host by a word."""
    assert recorded.request is not None
    parts = urlsplit(recorded.request.url)
    if parts.scheme != "https":
        return f"{HOST}/openai/deployments/deployment?api-version=2024-10-21"
    return recorded.request.url


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.name)
async def test_the_request_would_be_the_same(recorded: RecordedExchange) -> None:
    """What was sent for a recording is what this plugin sends, but for what the report names."""
    transport, answer, _ = await answered(recorded)
    [request] = transport.requests
    sent, expected = json.loads(request.body), sent_body(recorded)
    expected = {key: value for key, value in expected.items() if value is not None}
    for message in expected["messages"]:  # one text under two names is sent under one
        if "reasoning" in message and message["reasoning"] == message.get("reasoning_content"):
            del message["reasoning_content"]
    for message in (*expected["messages"], *sent["messages"]):  # null says what absence does
        if message.get("content") is None:
            message.pop("content", None)
    for deviation in answer.report:
        name = deviation.path.partition(".")[0].partition("[")[0]
        sent.pop(name, None)
        expected.pop(name, None)
    for name in ("model", "stream"):  # a model in the path needs none; false is the default
        if not expected.get(name):
            sent.pop(name, None)
            expected.pop(name, None)
    assert expected == sent


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.name)
async def test_the_answer_is_what_openais_own_package_reads(recorded: RecordedExchange) -> None:
    """Text, calls, usage and ids are those that the vendor's package reads from the same bytes."""
    if recorded.is_stream or recorded.replies[-1].body[:1] != b"{":
        pytest.skip("a stream; the next test reads it")
    _, answer, _ = await answered(recorded)
    theirs = ChatCompletion.model_construct(None, **payloads(recorded)[0])
    if "finish_content_filter" not in recorded.tags:  # a filter may have left no message at all
        theirs = ChatCompletion.model_validate_json(recorded.replies[-1].body)
        assert [choice.message.content for choice in theirs.choices] == [
            choice.message.content for choice in answer.choices
        ]
    assert (theirs.id, theirs.model) == (answer.id, answer.model)
    if theirs.usage is not None:
        assert answer.usage is not None
        assert theirs.usage.total_tokens == answer.usage.total_tokens


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.name)
async def test_what_the_filter_found_is_kept(recorded: RecordedExchange) -> None:
    """Findings about the prompt and about each choice survive, in streams too."""
    _, answer, _ = await answered(recorded)
    told = payloads(recorded)
    assert any("prompt_filter_results" in payload for payload in told) == (
        "prompt_filter_results" in answer.extra
    )
    found = any("content_filter_results" in choice for p in told for choice in p["choices"])
    assert found == any("content_filter_results" in choice.extra for choice in answer.choices)


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.name)
async def test_streams_give_what_their_events_say(recorded: RecordedExchange) -> None:
    """The text and the usage of a stream are those of its events, whichever come first."""
    if b"data:" not in recorded.replies[-1].body[:40]:
        pytest.skip("not a stream")
    _, answer, chunks = await answered(recorded)
    events = payloads(recorded)
    said = [choice["delta"].get("content") for event in events for choice in event["choices"]]
    usages = [event["usage"] for event in events if event.get("usage")]
    assert "".join(text for text in said if text) == answer.text
    asked = sent_body(recorded).get("stream_options", {}).get("include_usage", False)
    assert asked == any(not chunk.choices for chunk in chunks)
    assert "" != answer.id
    assert (usages[-1]["total_tokens"] if usages else None) == (
        answer.usage.total_tokens if answer.usage else None
    )
