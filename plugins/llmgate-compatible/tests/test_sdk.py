"""Groq's own package, pointed at a loopback server, sends what its row has us send, and reads the
same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import llmgate_compatible
from llmgate.provider.http import decode_json
from llmgate.testing import RecordedExchange, load_corpus
from tests.driven import body_of, completion_of
from tests.generated_calls import Twice, generated_calls, keys_of
from tests.sdk import OPENAI_ANSWER, SdkServer

groq: Any = pytest.importorskip("groq", reason="Groq's own package is not installed")

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "groq"
MODEL = "openai/gpt-oss-120b"
PROVIDER = llmgate_compatible.groq(api_key="key-1234567890")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds it.", "parameters": CITY}
TOOLS = [
    {"type": "function", "function": WEATHER},
    {"type": "function", "function": {"name": "clock", "parameters": CITY}},
]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Sunny"}
TEXT = {"type": "text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY, "strict": True}}


def messages(ours: list[Any], theirs: list[Any] | None = None) -> Twice:
    """A conversation, said twice."""
    return Twice({"messages": ours}, {"messages": ours if theirs is None else theirs})


def answered(**message: Any) -> list[Any]:
    """A response among messages of the user."""
    return [*HELLO, {"role": "assistant", **message}, *HELLO]


MESSAGES = {
    "a greeting": messages(HELLO),
    "a system message": messages([{"role": "system", "content": "Be brief."}, *HELLO]),
    "a developer's message": messages([{"role": "developer", "content": "Be brief."}, *HELLO]),
    "a name": messages([{"role": "user", "content": "Hello", "name": "ann"}], HELLO),
    "text in parts": messages([{"role": "user", "content": [TEXT, TEXT]}]),
    "an image": messages([{"role": "user", "content": [TEXT, IMAGE]}]),
    "an earlier response": messages(answered(content="Hi")),
    "earlier reasoning": messages(
        answered(content="Hi", reasoning_content="Hm"), answered(content="Hi", reasoning="Hm")
    ),
    "sources": messages(
        answered(content="Hi", annotations=[{"type": "url_citation"}]), answered(content="Hi")
    ),
    "a call and its result": messages(
        [*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]
    ),
    "a call with a text": messages(
        [*HELLO, {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}, RESULT]
    ),
}


def both(**fields: Any) -> Twice:
    """What both call by the same name."""
    return Twice(fields, fields)


def own(**fields: Any) -> Twice:
    """What only Groq has, which is sent by ``extra_body``."""
    return Twice({"extra_body": fields}, fields)


PARAMETERS = {
    "temperature": [both(temperature=0.5)],
    "top_p": [both(top_p=0.25)],
    "seed": [both(seed=7)],
    "limit": [both(max_tokens=5), both(max_completion_tokens=6)],
    "stop": [both(stop="END"), both(stop=["a", "b"])],
    "presence_penalty": [both(presence_penalty=0.5)],
    "frequency_penalty": [both(frequency_penalty=-0.5)],
    "format": [both(response_format={"type": "json_object"}), both(response_format=SCHEMA)],
    "effort": [both(reasoning_effort="high"), Twice({"reasoning_effort": "minimal"}, {})],
    "tools": [
        both(tools=TOOLS[:1]),
        both(tools=TOOLS, tool_choice="auto"),
        both(tools=TOOLS, tool_choice="required", parallel_tool_calls=False),
        both(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "clock"}}),
    ],
    "lacking": [Twice({"logprobs": True, "top_logprobs": 2}, {})],
    "bias": [Twice({"logit_bias": {"1": 2}}, {})],
    "user": [both(user="u")],
    "metadata": [both(metadata={"a": "b"})],
    "tier": [both(service_tier="flex")],
    "reasoning": [own(reasoning_format="parsed"), own(include_reasoning=False)],
    "documents": [own(documents=[{"source": {"type": "text", "text": "x"}}])],
    "citations": [own(citation_options="enabled")],
    "search": [own(search_settings={"include_domains": ["a.example"]})],
    "stream": [both(stream=True)],
}
CALLS = generated_calls(MESSAGES, PARAMETERS, count=200)


def sent(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call."""
    return body_of(PROVIDER, {"model": MODEL, **ours})


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(OPENAI_ANSWER) as made:
        yield made


def test_the_calls_differ() -> None:
    """At least a hundred of them have keys of their own."""
    assert len({keys_of(sent(call.ours)) for call in CALLS}) >= 100


def test_both_send_the_same(server: SdkServer) -> None:
    """The path, the key's header and the body are those of the vendor's own client, where that is
    given neither what Groq refuses nor what it calls by another name."""
    client = groq.Groq(api_key="key-1234567890", base_url=server.url, max_retries=0)
    for call in CALLS:
        server.asked.clear()
        is_stream = call.theirs.get("stream", False)
        server.answer = b"data: [DONE]\n\n" if is_stream else OPENAI_ANSWER
        answer = client.chat.completions.create(**{"model": MODEL, **call.theirs})
        if is_stream:
            assert [] == [*answer]
        (asked,) = server.asked
        assert "/openai/v1/chat/completions" == asked.path
        assert "Bearer key-1234567890" == asked.headers["authorization"]
        assert asked.json == sent(call.ours), call.name


# --- responses ----------------------------------------------------------------------------


def theirs_of(exchange: RecordedExchange) -> list[Any]:
    """What the package reads in it: a completion, or chunks."""
    chat = groq.types.chat
    body = exchange.replies[-1].body
    if not exchange.is_stream:
        return [chat.ChatCompletion.construct(**decode_json(body))]
    lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    return [chat.ChatCompletionChunk.construct(**decode_json(line)) for line in lines]


def test_both_read_the_same() -> None:
    """Text, reasoning, calls, reason and counts of every recording are those of the package."""
    recordings = load_corpus(CORPUS, expect=None) if CORPUS.is_dir() else []
    read = 0
    for exchange in recordings:
        if exchange.is_refusal or b'"error":' in exchange.replies[-1].body:
            continue
        ours, theirs = completion_of(PROVIDER, exchange), theirs_of(exchange)
        chosen = [each.choices[0] for each in theirs if each.choices]
        said = [each.delta if exchange.is_stream else each.message for each in chosen]
        message = ours.choices[0].message
        assert "".join(each.content or "" for each in said) == (message.content or "")
        thoughts = [getattr(each, "reasoning", None) or "" for each in said]
        assert "".join(thoughts) == (message.reasoning_content or "")
        calls = [call for each in said for call in each.tool_calls or ()]
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            (call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or []
            if call.function
        ]
        assert chosen[-1].finish_reason == ours.choices[0].native_finish_reason
        counted = [usage for each in theirs if (usage := usage_of(each)) is not None]
        assert ours.usage is not None
        assert counted[-1].total_tokens == ours.usage.total_tokens
        assert (theirs[0].id, theirs[0].model) == (ours.id, ours.model)
        read += 1
    assert read >= 15 or not recordings


def usage_of(payload: Any) -> Any:
    """The counts of a completion or a chunk; a chunk has them in a field of Groq's own."""
    if getattr(payload, "usage", None) is not None:
        return payload.usage
    beside = getattr(payload, "x_groq", None)
    return None if beside is None else beside.usage
