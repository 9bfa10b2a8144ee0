"""Cohere's own SDK sends what this plugin sends, and accepts its types.

Each row says a thing twice: as a caller of llmgate says it, and as a user of the SDK would.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from tests.integration.cohere_sdk import HELLO, PROVIDER, ask_the_sdk
from tests.sdk import SdkServer

V2: Any = import_module("cohere.v2.raw_client").RawV2Client
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, of its own code
TEXT = {"type": "text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
DATA = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds the weather.", "parameters": CITY}
CLOCK = {"name": "clock", "parameters": CITY}
CALL = {"id": "w1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
OTHER = {"id": "w2", "type": "function", "function": {"name": "clock", "arguments": '{"a": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "w1", "content": "Sunny"}
THOUGHT = {"type": "thinking", "thinking": "Hm."}
REASONER = "command-a-reasoning-08-2025"
DOCUMENTS: list[Any] = [{"id": "d", "data": {"text": "Ruby is red."}}, "Plain."]


def tool(function: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": {**function, **more}}


TOOLS = [tool(WEATHER)]
BOTH = [*TOOLS, tool(CLOCK)]


def ours(messages: Any = HELLO, model: str = "command-a-03-2025", **options: Any) -> dict[str, Any]:
    """A call as llmgate is asked."""
    return {"model": model, "messages": messages, **options}


theirs = ours
"""A call as the SDK is asked, which has the same first two names."""


def user(*parts: Any) -> list[Any]:
    """One message of the user, in parts."""
    return [{"role": "user", "content": list(parts)}]


def said(**fields: Any) -> list[Any]:
    """A conversation in which the assistant has said this."""
    return [*HELLO, {"role": "assistant", **fields}, *HELLO]


def looked(**fields: Any) -> list[Any]:
    """A conversation in which the assistant has called."""
    return [*HELLO, {"role": "assistant", "tool_calls": [CALL], **fields}, RESULT]


def schema(of: Any) -> dict[str, Any]:
    """A schema as OpenAI's format."""
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": of}}


CITED = {
    "start": 0,
    "end": 3,
    "text": "Red",
    "sources": [{"type": "document", "id": "d", "document": {"text": "red"}}],
    "type": "TEXT_CONTENT",
}
KEPT: dict[str, Any] = {
    "content": [THOUGHT, {"type": "text", "text": "Red."}],
    "citations": [CITED],
}
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a greeting": (ours(), theirs()),
    "a stream": (ours(stream=True), theirs(stream=True)),
    "temperature": (ours(temperature=0.5), theirs(temperature=0.5)),
    "too hot": (ours(temperature=2), theirs(temperature=1)),
    "top_p": (ours(top_p=0.5), theirs(p=0.5)),
    "all of top_p": (ours(top_p=1.0), theirs(p=0.99)),
    "frequency penalty": (ours(frequency_penalty=0.5), theirs(frequency_penalty=0.5)),
    "presence penalty": (ours(presence_penalty=-1), theirs(presence_penalty=0)),
    "max_tokens": (ours(max_tokens=5), theirs(max_tokens=5)),
    "max_completion_tokens": (ours(max_completion_tokens=5), theirs(max_tokens=5)),
    "one stop": (ours(stop="END"), theirs(stop_sequences=["END"])),
    "many stops": (ours(stop=["A", "B"]), theirs(stop_sequences=["A", "B"])),
    "seed": (ours(seed=7), theirs(seed=7)),
    "logprobs": (ours(logprobs=True), theirs(logprobs=True)),
    "k": (ours(extra_body={"k": 5}), theirs(k=5)),
    "priority": (ours(extra_body={"priority": 3}), theirs(priority=3)),
    "safety mode": (ours(extra_body={"safety_mode": "STRICT"}), theirs(safety_mode="STRICT")),
    "documents": (ours(extra_body={"documents": DOCUMENTS}), theirs(documents=DOCUMENTS)),
    "citation options": (
        ours(extra_body={"citation_options": {"mode": "FAST"}}),
        theirs(citation_options={"mode": "FAST"}),
    ),
    "no reasoning": (
        ours(model=REASONER, reasoning_effort="none"),
        theirs(model=REASONER, thinking={"type": "disabled"}),
    ),
    "some reasoning": (
        ours(model=REASONER, reasoning_effort="low"),
        theirs(model=REASONER, thinking={"type": "enabled", "token_budget": 2048}),
    ),
    "much reasoning": (
        ours(model=REASONER, reasoning_effort="high"),
        theirs(model=REASONER, thinking={"type": "enabled"}),
    ),
    # --- messages
    "a system message": (
        ours([{"role": "system", "content": "Be brief."}, *HELLO]),
        theirs([{"role": "system", "content": "Be brief."}, *HELLO]),
    ),
    "a developer's message": (
        ours([{"role": "developer", "content": [TEXT]}, *HELLO]),
        theirs([{"role": "system", "content": [TEXT]}, *HELLO]),
    ),
    "two system messages": (
        ours([{"role": "system", "content": "See:"}, *HELLO, {"role": "system", "content": "B"}]),
        theirs([{"role": "system", "content": [TEXT, {"type": "text", "text": "B"}]}, *HELLO]),
    ),
    "text in parts": (ours(user(TEXT, TEXT)), theirs(user(TEXT, TEXT))),
    "an image by address": (ours(user(TEXT, IMAGE)), theirs(user(TEXT, IMAGE))),
    "an inline image": (ours(user(DATA)), theirs(user(DATA))),
    "an image looked at closely": (
        ours(user({"type": "image_url", "image_url": {"url": "https://a.b/c", "detail": "high"}})),
        theirs(
            user({"type": "image_url", "image_url": {"url": "https://a.b/c", "detail": "high"}})
        ),
    ),
    "a conversation": (ours(said(content="Hi.")), theirs(said(content="Hi."))),
    "an answer in parts": (ours(said(content=[TEXT])), theirs(said(content=[TEXT]))),
    "a refusal": (ours(said(content=None, refusal="No.")), theirs(said(content="No."))),
    "thoughts as parts": (
        ours(said(content=[THOUGHT, TEXT])),
        theirs(said(content=[THOUGHT, TEXT])),
    ),
    "an answer of Cohere's": (
        ours(said(content="Red.", provider_data={"cohere": KEPT})),
        theirs(said(**KEPT)),
    ),
    "a call and its result": (ours(looked(content=None)), theirs(looked())),
    "a plan": (
        ours(looked(content=None, provider_data={"cohere": {"tool_plan": "I look."}})),
        theirs(looked(tool_plan="I look.")),
    ),
    "text beside a call": (ours(looked(content="I look.")), theirs(looked(tool_plan="I look."))),
    "two calls": (
        ours(
            [
                *HELLO,
                {"role": "assistant", "content": None, "tool_calls": [CALL, OTHER]},
                RESULT,
                {**RESULT, "tool_call_id": "w2"},
            ]
        ),
        theirs(
            [
                *HELLO,
                {"role": "assistant", "tool_calls": [CALL, OTHER]},
                RESULT,
                {**RESULT, "tool_call_id": "w2"},
            ]
        ),
    ),
    "a result in parts": (
        ours([*looked(content=None)[:2], {**RESULT, "content": [TEXT]}]),
        theirs([*looked()[:2], {**RESULT, "content": [TEXT]}]),
    ),
    "a result as a document": (
        ours(
            [
                *looked(content=None)[:2],
                {**RESULT, "content": [{"type": "document", "document": {"data": {"a": 1}}}]},
            ]
        ),
        theirs(
            [
                *looked()[:2],
                {**RESULT, "content": [{"type": "document", "document": {"data": {"a": 1}}}]},
            ]
        ),
    ),
    # --- tools
    "a tool": (ours(tools=TOOLS), theirs(tools=TOOLS)),
    "two tools": (ours(tools=BOTH), theirs(tools=BOTH)),
    "a tool without arguments": (
        ours(tools=[tool({"name": "now"})]),
        theirs(tools=[tool({"name": "now", "parameters": {"type": "object", "properties": {}}})]),
    ),
    "a tool must be called": (
        ours(tools=TOOLS, tool_choice="required"),
        theirs(tools=TOOLS, tool_choice="REQUIRED"),
    ),
    "no tool may be called": (
        ours(tools=TOOLS, tool_choice="none"),
        theirs(tools=TOOLS, tool_choice="NONE"),
    ),
    "a tool may be called": (ours(tools=TOOLS, tool_choice="auto"), theirs(tools=TOOLS)),
    "this tool must be called": (
        ours(tools=BOTH, tool_choice={"type": "function", "function": {"name": "weather"}}),
        theirs(tools=TOOLS, tool_choice="REQUIRED"),
    ),
    "strict tools": (
        ours(tools=[tool(WEATHER, strict=True), tool(CLOCK, strict=True)]),
        theirs(tools=BOTH, strict_tools=True),
    ),
    "a name with a hyphen": (
        ours(tools=[tool(WEATHER, name="get-it")]),
        theirs(tools=[tool(WEATHER, name="get_it")]),
    ),
    "functions": (ours(functions=[WEATHER]), theirs(tools=TOOLS)),
    # --- formats
    "JSON": (
        ours(response_format={"type": "json_object"}),
        theirs(response_format={"type": "json_object"}),
    ),
    "JSON of a schema": (
        ours(response_format=schema(CITY)),
        theirs(response_format={"type": "json_object", "json_schema": CITY}),
    ),
    "everything at once": (
        ours(
            [{"role": "system", "content": "Be brief."}, *user(TEXT, IMAGE)],
            stream=True,
            temperature=0.2,
            top_p=0.9,
            max_tokens=99,
            stop="END",
            seed=1,
            tools=BOTH,
            tool_choice="required",
            extra_body={"k": 3},
        ),
        theirs(
            [{"role": "system", "content": "Be brief."}, *user(TEXT, IMAGE)],
            stream=True,
            temperature=0.2,
            p=0.9,
            max_tokens=99,
            stop_sequences=["END"],
            seed=1,
            tools=BOTH,
            tool_choice="REQUIRED",
            k=3,
        ),
    ),
}


def sent_by_us(asked: Mapping[str, Any]) -> Any:
    """The body that we send for a call."""
    call = call_of(PROVIDER, asked)
    flow: Any = PROVIDER.stream(call) if call.stream else PROVIDER.complete(call)
    return decode_json(first_request(flow).body)


def test_there_are_enough_calls() -> None:
    """Forty at least."""
    assert len(ROWS) >= 40


# --- the SDK's types ----------------------------------------------------------------------


def unknown_fields(value: Any) -> list[str]:
    """Fields that the SDK's models do not have, and only let pass."""
    if isinstance(value, BaseModel):
        found = [f"{type(value).__name__}.{key}" for key in value.model_extra or ()]
        children = [getattr(value, key) for key in type(value).model_fields]
        return found + [name for child in children for name in unknown_fields(child)]
    if isinstance(value, list):
        return [name for child in value for name in unknown_fields(child)]  # pyright: ignore[reportUnknownVariableType]
    return []


@pytest.mark.parametrize("name", ROWS)
def test_bodies_are_of_the_types_of_the_sdk(name: str) -> None:
    """Each field is a parameter of the SDK's, of its type, and holds no field that it lacks."""
    body = sent_by_us(ROWS[name][0])
    parameters = inspect.signature(V2.chat).parameters
    for key, value in body.items():
        if key != "stream":  # the method's name says it
            adapter: TypeAdapter[Any] = TypeAdapter(parameters[key].annotation)
            assert unknown_fields(adapter.validate_python(value)) == []


# --- the SDK's bytes ----------------------------------------------------------------------


WHOLE = b'{"id": "r", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": []}}'
STREAM = b'data: {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}\n\n'


@pytest.mark.parametrize("name", ROWS)
def test_the_sdk_sends_the_same(server: SdkServer, name: str) -> None:
    """The SDK, asked for the same, sends the same JSON to the same path."""
    asked, their_asked = ROWS[name]
    server.answer = STREAM if their_asked.get("stream") else WHOLE
    ask_the_sdk(server, **their_asked)
    sent = server.asked.pop()
    assert sent.path == "/v2/chat"
    assert sent.json == sent_by_us(asked)
