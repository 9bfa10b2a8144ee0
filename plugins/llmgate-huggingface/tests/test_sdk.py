"""Hugging Face's own package, pointed at a loopback server, sends what this plugin sends, and reads
the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from llmgate.testing import load_corpus
from llmgate_huggingface import HuggingFace
from tests.driven import body_of, completion_of
from tests.generated_calls import Twice, generated_calls, keys_of
from tests.sdk import OPENAI_ANSWER, SdkServer

HUB: Any = import_module("huggingface_hub")
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, of its own code

TGI = HuggingFace(api_key="hf_1234567890", base_url="http://127.0.0.1:8080")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds it.", "parameters": CITY}
CLOCK = {"name": "clock", "parameters": CITY}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Sunny"}
TEXT = {"type": "text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
DATA = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def messages(ours: list[Any], theirs: list[Any] | None = None) -> Twice:
    """A conversation, said twice."""
    return Twice({"messages": ours}, {"messages": ours if theirs is None else theirs})


MESSAGES = {
    "a greeting": messages(HELLO),
    "a system message": messages([{"role": "system", "content": "Be brief."}, *HELLO]),
    "a developer's message": messages(
        [{"role": "developer", "content": "Be brief."}, *HELLO],
        [{"role": "system", "content": "Be brief."}, *HELLO],
    ),
    "a name": messages([{"role": "user", "content": "Hello", "name": "ann"}]),
    "text in parts": messages([{"role": "user", "content": [TEXT, TEXT]}]),
    "an image": messages([{"role": "user", "content": [TEXT, IMAGE]}]),
    "an inline image": messages([{"role": "user", "content": [DATA, TEXT]}]),
    "an earlier response": messages([*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO]),
    "earlier reasoning": messages(
        [*HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}, *HELLO],
        [*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO],
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


def tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": function}


TOOLS = [tool(WEATHER), tool(CLOCK)]
NAMED = {"type": "function", "function": {"name": "weather"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}
PARAMETERS = {
    "temperature": [both(temperature=0.5)],
    "top_p": [both(top_p=0.25), Twice({"top_p": 1}, {})],
    "seed": [both(seed=7)],
    "limit": [both(max_tokens=5), Twice({"max_completion_tokens": 6}, {"max_tokens": 6})],
    "stop": [Twice({"stop": "END"}, {"stop": ["END"]}), both(stop=["a", "b"])],
    "presence_penalty": [both(presence_penalty=0.5)],
    "frequency_penalty": [both(frequency_penalty=-0.5)],
    "n": [both(n=2)],
    "format": [both(response_format={"type": "json_object"}), both(response_format=SCHEMA)],
    "tools": [
        both(tools=[tool(WEATHER)]),
        both(tools=TOOLS, tool_choice="auto"),
        both(tools=TOOLS, tool_choice="required"),
        both(tools=TOOLS, tool_choice=NAMED),
    ],
    "logprobs": [both(logprobs=True), both(logprobs=True, top_logprobs=2)],
    "effort": [Twice({"reasoning_effort": "low"}, {"extra_body": {"reasoning_effort": "low"}})],
    "extra": [both(extra_body={"top_k": 5}), both(extra_body={"repetition_penalty": 1.1})],
    "parallel": [
        Twice({"parallel_tool_calls": True}, {"extra_body": {"parallel_tool_calls": True}})
    ],
    "stream": [
        Twice({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}})
    ],
}
CALLS = generated_calls(MESSAGES, PARAMETERS, count=180)


def sent(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call."""
    return body_of(TGI, {"model": "tgi", **ours})


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(OPENAI_ANSWER) as made:
        yield made


def test_the_calls_differ() -> None:
    """At least a hundred of them have keys of their own."""
    assert len({keys_of(sent(call.ours)) for call in CALLS}) >= 100


def test_both_send_the_same(server: SdkServer) -> None:
    """The address, the token's header and the body are those of the vendor's own client."""
    client = HUB.InferenceClient(base_url=server.url, api_key="hf_1234567890")
    for call in CALLS:
        server.asked.clear()
        is_stream = bool(call.theirs.get("stream"))
        server.answer = b"data: [DONE]\n\n" if is_stream else OPENAI_ANSWER
        answer = client.chat_completion(model="tgi", **call.theirs)
        if is_stream:
            assert [*answer] == []
        (asked,) = server.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["authorization"] == "Bearer hf_1234567890"
        theirs = {
            key: value for key, value in asked.json.items() if (key, value) != ("stream", False)
        }
        assert sent(call.ours) == theirs, call.name


def test_both_read_the_same(corpus: Path) -> None:
    """Texts, calls and reason of every recording are those of the package."""
    read = 0
    for exchange in load_corpus(corpus, expect=None):
        if "endpoint:chat.completions" not in exchange.tags or exchange.is_refusal:
            continue
        answer, body = completion_of(TGI, exchange), exchange.replies[-1].body
        if exchange.is_stream:
            lines = [line[5:] for line in body.splitlines() if line.startswith(b"data: {")]
            theirs = [HUB.ChatCompletionStreamOutput.parse_obj(json.loads(line)) for line in lines]
            chosen = [choice for each in theirs for choice in each.choices if choice.index == 0]
            said = [choice.delta for choice in chosen]
        else:
            theirs = [HUB.ChatCompletionOutput.parse_obj(json.loads(body))]
            chosen = [theirs[0].choices[0]]
            said = [chosen[0].message]
        message = answer.choices[0].message
        assert (message.content or "") == "".join(each.content or "" for each in said)
        calls = [call for each in said for call in each.tool_calls or ()]
        names = [call.function.name for call in calls if call.function.name]
        found = [call.function for call in message.tool_calls or [] if call.function]
        assert [function.name for function in found] == names
        assert "".join(call.function.arguments or "" for call in calls) == "".join(
            function.arguments for function in found
        )
        reasons = [choice.finish_reason for choice in chosen if choice.finish_reason]
        assert answer.choices[0].native_finish_reason == reasons[-1]
        assert (answer.id, answer.model) == (theirs[-1].id, theirs[-1].model)
        read += 1
    assert read >= 15
