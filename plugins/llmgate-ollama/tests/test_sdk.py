"""Ollama's own package, pointed at a loopback server, sends what this plugin sends, and reads the
same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ollama
import pytest

from llmgate.testing import load_corpus
from llmgate_ollama import Ollama
from tests.driven import body_of, completion_of
from tests.generated_calls import Twice, generated_calls, keys_of
from tests.sdk import SdkServer

PROVIDER = Ollama()
ANSWER = {"model": "qwen3", "message": {"role": "assistant", "content": "Hi"}, "done": True}
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
PNG = "iVBORw0KGgo="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds it.", "parameters": CITY}
CLOCK = {"name": "clock", "parameters": CITY}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}}
TEXT = {"type": "text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def messages(ours: list[Any], theirs: list[Any] | None = None) -> Twice:
    """A conversation, said twice."""
    return Twice({"messages": ours}, {"messages": ours if theirs is None else theirs})


def said(**fields: Any) -> list[Any]:
    """A conversation in which the assistant has said this."""
    return [*HELLO, {"role": "assistant", **fields}, *HELLO]


THEIR_CALL = {"function": {"name": "weather", "arguments": {"a": 1}}}
LOOKED = {"role": "assistant", "content": "", "tool_calls": [THEIR_CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Sunny"}
THEIR_RESULT = {"role": "tool", "tool_name": "weather", "content": "Sunny"}
MESSAGES = {
    "a greeting": messages(HELLO),
    "a system message": messages([{"role": "system", "content": "Be brief."}, *HELLO]),
    "a developer's message": messages(
        [{"role": "developer", "content": "Be brief."}, *HELLO],
        [{"role": "system", "content": "Be brief."}, *HELLO],
    ),
    "text in parts": messages(
        [{"role": "user", "content": [TEXT, TEXT]}], [{"role": "user", "content": "See:\nSee:"}]
    ),
    "an image": messages(
        [{"role": "user", "content": [TEXT, IMAGE]}],
        [{"role": "user", "content": "See:", "images": [PNG]}],
    ),
    "an earlier response": messages(said(content="Hi")),
    "earlier thinking": messages(
        said(content="Hi", reasoning_content="Hm"), said(content="Hi", thinking="Hm")
    ),
    "a call and its result": messages(
        [*HELLO, {"role": "assistant", "tool_calls": [CALL]}, RESULT],
        [*HELLO, LOOKED, THEIR_RESULT],
    ),
    "a call after thinking": messages(
        [*HELLO, {"role": "assistant", "reasoning_content": "Hm", "tool_calls": [CALL]}, RESULT],
        [*HELLO, {**LOOKED, "thinking": "Hm"}, THEIR_RESULT],
    ),
    "a refusal": messages(said(content=None, refusal="No"), said(content="No")),
}


def option(name: str, value: Any, native: str | None = None, sent: Any = None) -> Twice:
    """A parameter that is among Ollama's options."""
    theirs = value if sent is None else sent
    return Twice({name: value}, {"options": {native or name: theirs}})


def tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": function}


def both(**fields: Any) -> Twice:
    """What both call by the same name."""
    return Twice(fields, fields)


def body(**fields: Any) -> Twice:
    """What only Ollama has, which is sent by ``extra_body``."""
    return Twice({"extra_body": fields}, fields)


SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}
PARAMETERS = {
    "temperature": [option("temperature", 0.5)],
    "top_p": [option("top_p", 0.25)],
    "seed": [option("seed", 7)],
    "limit": [
        option("max_tokens", 5, "num_predict"),
        option("max_completion_tokens", 6, "num_predict"),
    ],
    "stop": [option("stop", "END", sent=["END"]), option("stop", ["a", "b"])],
    "presence_penalty": [option("presence_penalty", 0.5)],
    "frequency_penalty": [option("frequency_penalty", -0.5)],
    "format": [
        Twice({"response_format": {"type": "json_object"}}, {"format": "json"}),
        Twice({"response_format": SCHEMA}, {"format": CITY}),
    ],
    "think": [
        Twice({"reasoning_effort": "none"}, {"think": False}),
        Twice({"reasoning_effort": "low"}, {"think": True}),
        Twice(
            {"model": "gpt-oss", "reasoning_effort": "low"}, {"model": "gpt-oss", "think": "low"}
        ),
    ],
    "tools": [both(tools=[tool(WEATHER)]), both(tools=[tool(WEATHER), tool(CLOCK)])],
    "logprobs": [both(logprobs=True), both(logprobs=True, top_logprobs=3)],
    "keep_alive": [body(keep_alive="5m"), body(keep_alive=0)],
    "num_ctx": [body(options={"num_ctx": 8192})],
    "top_k": [body(options={"top_k": 5, "min_p": 0.05})],
    "stream": [both(stream=True)],
}
CALLS = generated_calls(MESSAGES, PARAMETERS, count=160)


def sent(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call."""
    return body_of(PROVIDER, {"model": "qwen3", **ours})


def as_the_package_has_it(body: dict[str, Any]) -> dict[str, Any]:
    """A body without ids of calls, which newer servers read and the package has no field for, and
    without a content that is empty, which the package leaves out."""
    for message in body["messages"]:
        message.pop("tool_call_id", None)
        if message["content"] == "":
            del message["content"]
        for call in message.get("tool_calls", ()):
            del call["id"]
    return body


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(json.dumps(ANSWER).encode()) as made:
        yield made


def test_the_calls_differ() -> None:
    """At least a hundred of them have keys of their own."""
    assert len({keys_of(sent(call.ours)) for call in CALLS}) >= 100


def test_both_send_the_same(server: SdkServer) -> None:
    """The address and the body are those of the vendor's own client."""
    client: Any = ollama.Client(host=server.url)
    for call in CALLS:
        server.asked.clear()
        answer = client.chat(**{"model": "qwen3", **call.theirs})
        if call.theirs.get("stream"):
            assert [*answer]
        (asked,) = server.asked
        assert asked.path == "/api/chat"
        theirs = {name: value for name, value in asked.json.items() if value != []}  # no tools
        assert as_the_package_has_it(sent(call.ours)) == theirs, call.name


def test_both_read_the_same(corpus: Path) -> None:
    """Texts, thinking, calls, reason and counts of every recording are those of the package."""
    read = 0
    for exchange in load_corpus(corpus, expect=None):
        if "endpoint:api/chat" not in exchange.tags or exchange.is_refusal:
            continue
        body = exchange.replies[-1].body
        lines = body.splitlines() if exchange.is_stream else [body]
        theirs = [ollama.ChatResponse.model_validate_json(line) for line in lines if line.strip()]
        answer = completion_of(PROVIDER, exchange)
        message, usage = answer.choices[0].message, answer.usage
        assert message.content == ("".join(each.message.content or "" for each in theirs) or None)
        thinking = "".join(each.message.thinking or "" for each in theirs)
        assert message.reasoning_content == (thinking or None)
        calls = [call.function for each in theirs for call in each.message.tool_calls or ()]
        assert [(call.name, call.arguments) for call in calls] == [
            (call.function.name, call.function.parse_arguments())
            for call in message.tool_calls or []
            if call.function
        ]
        last = theirs[-1]
        assert answer.choices[0].native_finish_reason == last.done_reason
        assert usage is not None
        assert usage.completion_tokens == last.eval_count
        assert usage.prompt_tokens == (last.prompt_eval_count or 0)
        assert (answer.model, answer.extra["total_duration"]) == (last.model, last.total_duration)
        read += 1
    assert read >= 8
