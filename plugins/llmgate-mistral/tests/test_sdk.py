"""Mistral's own package, pointed at a loopback server, sends what this plugin sends, and reads the
same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider.http import is_array
from llmgate.testing import load_corpus
from llmgate_mistral import Mistral
from tests.driven import body_of, completion_of
from tests.generated_calls import Twice, generated_calls, keys_of
from tests.sdk import OPENAI_ANSWER, SdkServer

SDK: Any = import_module("mistralai.client")
MODELS: Any = import_module("mistralai.client.models")
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, of its own code

PROVIDER = Mistral(api_key="key-1234567890")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
PDF = "data:application/pdf;base64,JVBERi0="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds it.", "parameters": CITY}
CLOCK = {"name": "clock", "parameters": CITY}
CALL = {"id": "abc123XYZ", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "abc123XYZ", "content": "Sunny"}
TEXT = {"type": "text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}


def messages(ours: list[Any], theirs: list[Any] | None = None) -> Twice:
    """A conversation, said twice."""
    return Twice({"messages": ours}, {"messages": ours if theirs is None else theirs})


def user(*parts: Any) -> list[Any]:
    """One message of the user, in parts."""
    return [{"role": "user", "content": list(parts)}]


MESSAGES = {
    "a greeting": messages(HELLO),
    "a system message": messages([{"role": "system", "content": "Be brief."}, *HELLO]),
    "a developer's message": messages(
        [{"role": "developer", "content": "Be brief."}, *HELLO],
        [{"role": "system", "content": "Be brief."}, *HELLO],
    ),
    "text in parts": messages(user(TEXT, TEXT)),
    "an image": messages(user(TEXT, IMAGE)),
    "a sound": messages(
        user({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        user({"type": "input_audio", "input_audio": "UklGRg=="}),
    ),
    "a document": messages(
        user({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}),
        user({"type": "document_url", "document_url": PDF, "document_name": "a.pdf"}),
    ),
    "a file": messages(
        user({"type": "file", "file": {"file_id": "f1"}}), user({"type": "file", "file_id": "f1"})
    ),
    "an earlier response": messages([*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO]),
    "earlier thinking": messages(
        [
            *HELLO,
            {
                "role": "assistant",
                "content": "See:",
                "reasoning_content": "Hm.",
                "content_parts": [THOUGHT, TEXT],
            },
            *HELLO,
        ],
        [*HELLO, {"role": "assistant", "content": [THOUGHT, TEXT]}, *HELLO],
    ),
    "a prefix": messages([*HELLO, {"role": "assistant", "content": "Hi", "prefix": True}]),
    "a call and its result": messages(
        [*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT],
        [*HELLO, {"role": "assistant", "content": "", "tool_calls": [CALL]}, RESULT],
    ),
}


def both(**fields: Any) -> Twice:
    """What both call by the same name."""
    return Twice(fields, fields)


def body(**fields: Any) -> Twice:
    """What only Mistral has, which is sent by ``extra_body``."""
    return Twice({"extra_body": fields}, fields)


def tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": function}


NAMED = {"type": "function", "function": {"name": "weather"}}
TOOLS = [tool(WEATHER), tool(CLOCK)]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY, "strict": True}}
PARAMETERS = {
    "temperature": [both(temperature=0.5), Twice({"temperature": 2}, {"temperature": 1.5})],
    "top_p": [both(top_p=0.25)],
    "seed": [Twice({"seed": 7}, {"random_seed": 7})],
    "limit": [both(max_tokens=5), Twice({"max_completion_tokens": 6}, {"max_tokens": 6})],
    "stop": [both(stop="END"), both(stop=["a", "b"])],
    "presence_penalty": [both(presence_penalty=0.5)],
    "frequency_penalty": [both(frequency_penalty=-0.5)],
    "n": [both(n=2)],
    "format": [both(response_format={"type": "json_object"}), both(response_format=SCHEMA)],
    "effort": [both(reasoning_effort="high")],
    "tools": [
        both(tools=[tool(WEATHER)]),
        both(tools=TOOLS, tool_choice="auto"),
        both(tools=TOOLS, tool_choice=NAMED, parallel_tool_calls=False),
        Twice({"tools": TOOLS, "tool_choice": "required"}, {"tools": TOOLS, "tool_choice": "any"}),
    ],
    "metadata": [both(metadata={"a": "b"})],
    "prediction": [both(prediction={"type": "content", "content": "Hi"})],
    "cache": [both(prompt_cache_key="k")],
    "tier": [Twice({"service_tier": "default"}, {"service_tier": "standard_only"})],
    "safe_prompt": [body(safe_prompt=True)],
    "logprobs": [both(logprobs=True, top_logprobs=2)],
    "stream": [both(stream=True)],
}
CALLS = generated_calls(MESSAGES, PARAMETERS, count=180)


def sent(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call."""
    return body_of(PROVIDER, {"model": "mistral-small-latest", **ours})


def without_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """What the package sends without what it adds though nobody said it, and which means the same:
    ``stream`` and ``prefix`` that are false, the place of a call, and a tool that is not strict."""
    if body.get("stream") is False:
        del body["stream"]
    for message in body["messages"]:
        if message.get("prefix") is False:
            del message["prefix"]
        for call in message.get("tool_calls") or ():
            call.pop("index", None)
    for tool in body.get("tools") or ():
        if tool["function"].get("strict") is False:
            del tool["function"]["strict"]
    return body


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(OPENAI_ANSWER) as made:
        yield made


def test_the_calls_differ() -> None:
    """At least a hundred of them have keys of their own."""
    assert len({keys_of(sent(call.ours)) for call in CALLS}) >= 100


def test_both_send_the_same(server: SdkServer) -> None:
    """The address, the key's header and the body are those of the vendor's own client."""
    client = SDK.Mistral(api_key="key-1234567890", server_url=server.url)
    for call in CALLS:
        server.asked.clear()
        theirs = {"model": "mistral-small-latest", **call.theirs}
        is_stream = theirs.pop("stream", False)
        server.answer = b"data: [DONE]\n\n" if is_stream else OPENAI_ANSWER
        if is_stream:
            with client.chat.stream(**theirs) as events:
                assert [*events] == []
        else:
            client.chat.complete(**theirs)
        (asked,) = server.asked
        assert asked.path.partition("#")[0] == "/v1/chat/completions"
        assert asked.headers["authorization"] == "Bearer key-1234567890"
        assert sent(call.ours) == without_defaults(asked.json), call.name


def texts_of(content: Any, kind: str) -> str:
    """The texts, or the thinking, of a content that the package has read."""
    if not is_array(content):
        return (content or "") if kind == "text" else ""
    chunks = [chunk for chunk in content if getattr(chunk, "type", None) == kind]
    if kind == "text":
        return "".join(chunk.text for chunk in chunks)
    return "".join(piece.text for chunk in chunks for piece in chunk.thinking)


def test_both_read_the_same(corpus: Path) -> None:
    """Texts, thinking, calls, reason and counts of every recording are those of the package."""
    read = 0
    for exchange in load_corpus(corpus, expect=None):
        if exchange.is_refusal:
            continue
        answer, body = completion_of(PROVIDER, exchange), exchange.replies[-1].body
        if exchange.is_stream:
            lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
            theirs = [MODELS.CompletionChunk.model_validate_json(line) for line in lines]
            chosen = [c for each in theirs for c in each.choices if c.index == 0]
            said = [choice.delta for choice in chosen]
        else:
            theirs = [MODELS.ChatCompletionResponse.model_validate_json(body)]
            chosen = [theirs[0].choices[0]]
            said = [chosen[0].message]
        message, usage = answer.choices[0].message, answer.usage
        assert (message.content or "") == "".join(texts_of(s.content, "text") for s in said)
        thinking = "".join(texts_of(s.content, "thinking") for s in said)
        assert (message.reasoning_content or "") == thinking
        calls = [call for s in said for call in s.tool_calls or ()]
        assert [
            (call.id, call.function.name, call.function.arguments or "{}") for call in calls
        ] == [
            (call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or []
            if call.function
        ]
        assert answer.choices[0].native_finish_reason == chosen[-1].finish_reason
        assert usage is not None
        assert usage.total_tokens == theirs[-1].usage.total_tokens
        assert (answer.id, answer.model) == (theirs[-1].id, theirs[-1].model)
        read += 1
    assert read >= 15


def test_the_answer_is_json() -> None:
    """The server's answer is one that the package accepts, or nothing would be compared."""
    assert json.loads(OPENAI_ANSWER)["choices"]
