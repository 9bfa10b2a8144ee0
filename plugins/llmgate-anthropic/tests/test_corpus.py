"""Every recording: nothing that Anthropic said is lost, and its SDK reads the same in it.

That pieces and cuts of the recorded streams change nothing is the conformance kit's to test.
A recording that cannot be decoded stands in ``not_decoded.json``, by its id, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import OverloadedError, ProviderError, error_class
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json, encode_json
from llmgate.testing import RecordedExchange, load_corpus
from llmgate.testing.driving import call_of, drive, read_stream
from llmgate.types import Completion
from llmgate_anthropic import Anthropic
from tests.json_leaves import leaves
from tests.sdk import SdkServer

NOT_DECODED: Mapping[str, str] = json.loads(
    Path(__file__).with_name("not_decoded.json").read_text()
)
PROVIDER = Anthropic(api_key="sk-ant-test")


@pytest.fixture(scope="module")
def recordings() -> list[RecordedExchange]:
    """All recordings that are not excused."""
    path = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "anthropic"
    return (
        [e for e in load_corpus(path, expect=None) if e.name not in NOT_DECODED]
        if path.is_dir()
        else []
    )


def answer_to(exchange: RecordedExchange) -> Completion:
    """What a recording is decoded into."""
    asked: Any = exchange.call
    call = call_of(PROVIDER, {**asked, "model": "claude-haiku-4-5"})
    if not exchange.is_stream:
        return drive(PROVIDER.complete(call), exchange.replies, error=PROVIDER.error).result
    decoder = drive(PROVIDER.stream(call), exchange.replies, error=PROVIDER.error).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def answered(recordings: Iterable[RecordedExchange]) -> Iterator[RecordedExchange]:
    """The recordings that hold an answer."""
    for exchange in recordings:
        failed = exchange.tags & {"mid_stream_error", "error_as_first_event"}
        if not exchange.is_refusal and not failed:
            yield exchange


def test_excuses_are_of_recordings_that_fail(corpus: Path) -> None:
    """What is excused exists; the list has no dead lines."""
    assert {*NOT_DECODED} <= {path.stem for path in corpus.glob("*.json")}


def test_nothing_is_lost(corpus: Path, recordings: list[RecordedExchange]) -> None:
    """Each text and number of a whole reply is somewhere in the answer."""
    for exchange in answered(recordings):
        if exchange.is_stream:
            continue
        answer = answer_to(exchange)
        dumped = answer.model_dump()
        called = [
            decode_json(call.function.arguments)
            for call in answer.choices[0].message.tool_calls or []
            if call.function
        ]
        text = answer.text
        kept: set[Any] = {(type(value), value) for _, value in leaves([dumped, called])}
        for key, value in leaves(decode_json(exchange.replies[-1].body)):
            is_implied = key in ("type", "role", "input_tokens") or value in text.splitlines()
            if not (is_implied or (isinstance(value, str) and value in text)):
                assert (type(value), value) in kept, f"{exchange.name}: {key}={value!r} is lost"


def test_streams_say_what_their_events_say(
    corpus: Path, recordings: list[RecordedExchange]
) -> None:
    """Text, reasoning, arguments, signatures and citations are those of the events, joined."""
    for exchange in answered(recordings):
        if not exchange.is_stream:
            continue
        lines = exchange.replies[-1].body.decode().splitlines()
        events = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        message = answer_to(exchange).choices[0].message
        assert "".join(d.get("text", "") for d in deltas) == (message.content or "")
        assert "".join(d.get("thinking", "") for d in deltas) == (message.reasoning_content or "")
        dumped = message.model_dump_json()
        for delta in deltas:
            for key in ("signature", "citation"):
                assert key not in delta or encode_json(delta[key]).decode() in dumped


def test_errors_have_their_class(corpus: Path, recordings: list[RecordedExchange]) -> None:
    """A recorded refusal is the error of its status, with Anthropic's code and request id."""
    refused = [exchange for exchange in recordings if exchange.is_refusal]
    for exchange in refused:
        with pytest.raises(ProviderError) as caught:
            answer_to(exchange)
        reply = exchange.replies[-1]
        said = decode_json(reply.body)
        assert error_class(reply.status) is type(caught.value)
        assert said["error"]["type"] == caught.value.code
        assert said.get("request_id") == caught.value.request_id


def test_errors_inside_a_stream_have_their_class(
    corpus: Path, recordings: list[RecordedExchange]
) -> None:
    """A recorded stream that ends in an error raises it, with the status that its type means."""
    failed = {"mid_stream_error", "error_as_first_event"}
    broken = [exchange for exchange in recordings if exchange.tags & failed]
    assert broken
    for exchange in broken:
        with pytest.raises(OverloadedError) as caught:
            answer_to(exchange)
        assert (529, True) == (caught.value.status, caught.value.in_stream)


# --- Anthropic's SDK reads the same -------------------------------------------------------


@pytest.fixture
def address(recordings: list[RecordedExchange]) -> Iterator[str]:
    """Where the recordings are replayed, each at the path of its name."""
    bodies = {exchange.name: exchange.replies[-1].body for exchange in recordings}
    with SdkServer(lambda path: bodies[path.split("/")[1]]) as server:
        yield server.url


def test_sdk_reads_the_same(corpus: Path, recordings: list[RecordedExchange], address: str) -> None:
    """Text, calls, reasoning, counts and stop reason are what Anthropic's SDK reads."""
    sdk: Any = pytest.importorskip("anthropic")
    for exchange in answered(recordings):
        if exchange.is_stream and "sse_event_names" not in exchange.tags:
            continue  # the SDK skips events without a name, which this recording does not have
        with sdk.Anthropic(
            api_key="k", base_url=f"{address}/{exchange.name}", max_retries=0
        ) as client:
            asked: dict[str, Any] = {
                "model": "claude-haiku-4-5",
                "max_tokens": 5,
                "messages": [{"role": "user", "content": "Hi"}],
            }
            if exchange.is_stream:
                with client.messages.stream(**asked) as stream:
                    message = stream.get_final_message()
            else:
                message = client.messages.create(**asked)
        assert as_the_sdk_reads(message) == as_we_read(answer_to(exchange)), exchange.name


def as_the_sdk_reads(message: Any) -> dict[str, Any]:
    """What counts of a message, from the SDK's."""
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    return {
        "id": message.id,
        "model": message.model,
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "reasoning": "".join(b.thinking for b in message.content if b.type == "thinking"),
        "calls": [(b.id, b.name, b.input) for b in message.content if b.type == "tool_use"],
        "stop": message.stop_reason,
        "usage": (usage.input_tokens + cached + written, usage.output_tokens, cached, written),
    }


def as_we_read(answer: Completion) -> dict[str, Any]:
    """The same from ours."""
    choice, usage = answer.choices[0], answer.usage
    assert usage is not None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens if details else 0) or 0
    written = (details.cache_write_tokens if details else 0) or 0
    return {
        "id": answer.id,
        "model": answer.model,
        "text": answer.text,
        "reasoning": choice.message.reasoning_content or "",
        "calls": [
            (call.id, call.function.name, decode_json(call.function.arguments))
            for call in choice.message.tool_calls or []
            if call.function
        ],
        "stop": choice.native_finish_reason,
        "usage": (usage.prompt_tokens, usage.completion_tokens, cached, written),
    }


# --- the way back -------------------------------------------------------------------------


def test_answers_go_back_as_they_came(corpus: Path, recordings: list[RecordedExchange]) -> None:
    """An answer's message in ``messages`` is sent as the very blocks that Anthropic sent."""
    for exchange in answered(recordings):
        message = answer_to(exchange).choices[0].message
        stored = decode_json(message.model_dump_json())
        expected = blocks_of(exchange)
        for said in (message, stored):
            sent = sent_back(said)
            assert expected == sent, exchange.name
            if message.provider_data:
                assert [*map(encode_json, expected)] == [*map(encode_json, sent)]


def blocks_of(exchange: RecordedExchange) -> list[Any]:
    """The blocks that were recorded, but for texts that say nothing."""
    body = exchange.replies[-1].body
    if exchange.is_stream:
        message = answer_to(exchange).choices[0].message
        data = message.provider_data
        content: list[Any] = data["anthropic"]["content"] if data else joined(exchange)
    else:
        content = decode_json(body)["content"]
    return [block for block in content if block["type"] != "text" or block["text"].strip()]


def joined(exchange: RecordedExchange) -> list[Any]:
    """The blocks of a recorded stream that is plain: a text, and calls."""
    lines = exchange.replies[-1].body.decode().splitlines()
    blocks: list[Any] = []
    for event in [json.loads(line[5:]) for line in lines if line.startswith("data:")]:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            key = "text" if "text" in delta else "json"
            block[key] = block.get(key, "") + delta.get("text", delta.get("partial_json"))
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block.pop("json", "") or "{}")
    return blocks


def sent_back(message: Any) -> list[Any]:
    """The blocks that a message becomes in the next request, less the trimming of a prefill."""
    hello = {"role": "user", "content": "Hello"}
    asked = {"model": "claude-haiku-4-5", "messages": [hello, message, hello]}
    body = decode_json(next(PROVIDER.complete(call_of(PROVIDER, asked))).body)
    roles = [turn["role"] for turn in body["messages"]]
    return list(body["messages"][1]["content"]) if "assistant" in roles else []
