"""Every recording of Gemini's: nothing that it holds is lost, and histories go back and forth."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider import Provider
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse, decode_json, encode_json, is_array
from llmgate.testing import RecordedExchange, load_corpus, load_recording
from llmgate.testing.driving import call_of, drive, first_request, read_stream
from llmgate.types import Completion
from llmgate_anthropic import Anthropic
from llmgate_gemini import Gemini
from llmgate_openai import OpenAI
from tests.json_leaves import leaves

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "gemini"
PROVIDER = Gemini(api_key="k")
HI = {"role": "user", "content": "Hi"}


def answered() -> list[RecordedExchange]:
    """The recordings that hold a response of Gemini's own format."""
    found = load_corpus(CORPUS, expect=None) if CORPUS.is_dir() else []
    return [
        each
        for each in found
        if not each.is_refusal and "endpoint:chat.completions" not in each.tags
    ]


def completion_of(exchange: RecordedExchange, provider: Provider = PROVIDER) -> Completion:
    call = call_of(provider, {"model": "gemini-3.6-flash", "messages": [HI]})
    reply = exchange.replies[-1]
    if not exchange.is_stream:
        return drive(provider.complete(call), [reply]).result
    decoder = drive(provider.stream(call), [HttpResponse(200, {}, b"")]).result
    return accumulate(read_stream(decoder, [reply.body]))


def values_of(exchange: RecordedExchange) -> list[Any]:
    body = exchange.replies[-1].body
    if body.lstrip()[:1] in (b"{", b"["):
        value = decode_json(body)
        return value if is_array(value) else [value]
    return [decode_json(line[5:]) for line in body.splitlines() if line.startswith(b"data:")]


IMPLIED = frozenset({"role", "index", "thought", "willContinue", "jsonPath"})
COUNTED = frozenset({"promptTokenCount", "candidatesTokenCount", "totalTokenCount", "tokenCount"})


@pytest.mark.parametrize("exchange", answered(), ids=lambda each: each.name)
def test_nothing_is_lost(exchange: RecordedExchange) -> None:
    """Each text and number of a response is somewhere in the completion."""
    completion = completion_of(exchange)
    message = completion.choices[0].message
    calls = [
        decode_json(call.function.arguments) for call in message.tool_calls or () if call.function
    ]
    dumped = completion.model_dump()
    kept: set[Any] = {(type(value), value) for _, value in leaves([dumped, calls])}
    texts = f"{message.content}{message.reasoning_content}{encode_json(dumped).decode()}{calls}"
    is_counted_again = exchange.is_stream  # the last counts are those of the stream
    for key, value in leaves(values_of(exchange)):
        if key in IMPLIED or (is_counted_again and key in COUNTED):
            continue
        is_said = isinstance(value, str) and (
            value in texts or encode_json(value).decode()[1:-1] in texts
        )
        if key == "finishReason":
            is_said = is_said or completion.choices[0].native_finish_reason is not None
        assert is_said or (type(value), value) in kept, f"{key}={value!r:.100} is lost"


def test_a_reason_in_every_event(corpus: Path) -> None:
    """The last one counts, and the text of all events is there."""
    path = corpus / "gemini-streamgeneratecontent-91b322d68d.json"
    exchange = load_recording(path, expect=None)
    choice = completion_of(exchange).choices[0]
    assert ("content_filter", "RECITATION") == (choice.finish_reason, choice.native_finish_reason)
    assert "Copyrighted text goes hereMore copyrighted text" == choice.message.content
    assert choice.message.annotations
    assert 5 == len(choice.extra["safetyRatings"])


def test_code_and_sources_of_a_recording(corpus: Path) -> None:
    """Code that ran is among the parts, and goes back; what it cites is beside the text."""
    path = corpus / "gemini-streamgeneratecontent-7433312407.json"
    choice = completion_of(load_recording(path, expect=None)).choices[0]
    kinds = [next(iter(part)) for part in choice.message.extra["parts"]]
    assert "executableCode" in kinds
    kept = (choice.message.provider_data or {})["gemini"]["parts"]
    assert [part for part in kept if "executableCode" in part or "codeExecutionResult" in part] == [
        part for part in choice.message.extra["parts"] if "text" not in part
    ]
    sources = choice.extra["groundingMetadata"]
    cited = sum(len(each["groundingChunkIndices"]) for each in sources["groundingSupports"])
    assert cited == len(choice.message.annotations or ())


def test_the_compatible_route_is_openais(corpus: Path) -> None:
    """Its responses are read by llmgate-openai, and their signatures are there."""
    for path in corpus.glob("gemini-chat-completions-*.json"):
        provider = OpenAI(api_key="k", base_url="https://generativelanguage.example/v1beta/openai")
        completion = completion_of(load_recording(path, expect=None), provider)
        assert completion.choices[0].message.extra["extra_content"]["google"]["thought_signature"]


def test_partial_arguments_are_whole(corpus: Path) -> None:
    """As the recording has them, value by value."""
    path = corpus / "gemini-streamgeneratecontent-3b840afbd8.json"
    message = completion_of(load_recording(path, expect=None)).choices[0].message
    named = [call.function for call in message.tool_calls or ()]
    assert ['{"location":"Boston"}', '{"location":"San Francisco"}'] == [
        function.arguments for function in named if function
    ]


# --- histories of other providers ---------------------------------------------------------

MESSAGES = {
    "anthropic": (
        Anthropic(api_key="k"),
        {
            "id": "m",
            "model": "claude-opus-5",
            "role": "assistant",
            "stop_reason": "tool_use",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
            ],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    ),
    "openai": (
        OpenAI(api_key="k"),
        {
            "choices": [
                {
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": "I look.",
                        "tool_calls": [
                            {
                                "id": "call_1",
                                "type": "function",
                                "function": {"name": "f", "arguments": '{"a": 1}'},
                            }
                        ],
                    },
                }
            ]
        },
    ),
    "gemini": (
        PROVIDER,
        {
            "candidates": [
                {
                    "finishReason": "STOP",
                    "content": {
                        "parts": [
                            {"text": "I look."},
                            {
                                "functionCall": {"name": "f", "args": {"a": 1}},
                                "thoughtSignature": "c2ln",
                            },
                        ]
                    },
                }
            ]
        },
    ),
}


def next_body(message: Any, provider: Provider, model: str) -> tuple[Any, set[str]]:
    """What is sent after a response and the result of its call."""
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "5"}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    asked = {"model": model, "messages": [HI, message, result], "tools": [tool]}
    call = call_of(provider, asked)
    body = decode_json(first_request(provider.complete(call)).body)
    return body, {deviation.path for deviation in call.report}


def replied(name: str) -> Any:
    provider, payload = MESSAGES[name]
    reply = HttpResponse(200, {}, json.dumps(payload).encode())
    model = "claude-opus-5" if name == "anthropic" else "gpt-4o"
    call = call_of(provider, {"model": model, "messages": [HI]})
    return drive(provider.complete(call), [reply]).result.choices[0].message


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_histories_come_to_gemini(name: str) -> None:
    """Text, calls and results are there; what others signed stays behind, which is reported."""
    body, reported = next_body(replied(name), PROVIDER, "gemini-3.6-flash")
    _, said, result = body["contents"]
    assert {"text": "I look."} == said["parts"][0]
    call = said["parts"][1]
    assert ("f", {"a": 1}) == (call["functionCall"]["name"], call["functionCall"]["args"])
    assert call["thoughtSignature"].startswith("c2tpcF90aG91Z2h0")
    assert call["functionCall"]["id"] == result["parts"][0]["functionResponse"]["id"]
    if name == "anthropic":
        assert {"messages[1].provider_data.anthropic", "messages[1].reasoning_content"} <= reported
    assert "c2ln" not in str(body)


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_histories_go_from_gemini(name: str) -> None:
    """To a provider that cannot read its data; and back again, in the very parts."""
    message = replied("gemini")
    provider = MESSAGES[name][0]
    model = "claude-opus-5" if name == "anthropic" else "gpt-4o"
    body, reported = next_body(message, provider, model)
    assert "I look." in str(body)
    assert "thoughtSignature" not in str(body)
    assert "messages[1].provider_data.gemini" in reported
    back, reported = next_body(message, PROVIDER, "gemini-3.6-flash")
    assert "c2ln" == back["contents"][1]["parts"][1]["thoughtSignature"]
    assert not _paths_in(reported, "messages")


def _paths_in(reported: Iterable[str], start: str) -> list[str]:
    return [path for path in reported if path.startswith(start)]
