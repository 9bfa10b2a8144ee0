"""Requests: what is sent for a call is what Anthropic's own SDK sends for the same meaning.

Each row says a thing twice: as a caller of llmgate says it, and as a user of the SDK would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_anthropic import Anthropic
from tests.sdk import SdkServer

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
PDF = "JVBERi0xLjQKJSBhIHZlcnkgc2hvcnQgZG9jdW1lbnQ="
HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "name": "weather",
    "description": "Finds the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
THEIR_WEATHER: Any = {
    "name": "weather",
    "description": "Finds the weather.",
    "input_schema": WEATHER["parameters"],
}
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
CALL: Any = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
        }
    ],
}
THEIR_CALL: Any = {
    "role": "assistant",
    "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    ],
}


def user(*parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One message of the user, in parts."""
    return [{"role": "user", "content": list(parts)}]


def ours(messages: Any = HELLO, model: str = "claude-haiku-4-5", **options: Any) -> dict[str, Any]:
    """A call as llmgate is asked; the limit keeps the rows short."""
    return {"model": model, "messages": messages, "max_tokens": 1000} | options


def theirs(messages: Any = HELLO, model: str = "claude-haiku-4-5", **options: Any) -> Any:
    """A call as Anthropic's SDK is asked."""
    return {"model": model, "messages": messages, "max_tokens": 1000} | options


def result(content: Any, **more: Any) -> dict[str, Any]:
    """The turn that answers the call above."""
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
    return {"role": "user", "content": [block | more]}


TEXT: Any = {"type": "text", "text": "See:"}
MARK: Any = {"type": "ephemeral"}
OPUS = "claude-opus-5-5"
BESIDE: Any = {"temperature", "top_p", "top_k"}
"""What the SDK's types lack, since version 2026-10-21 of the API does."""

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a greeting": (ours(), theirs()),
    "a stream": (ours(stream=True), theirs(stream=True)),
    "max_completion_tokens": (
        {"model": OPUS, "messages": HELLO, "max_completion_tokens": 7},
        theirs(model=OPUS, max_tokens=7),
    ),
    "temperature": (ours(temperature=0.5), theirs(temperature=0.5)),
    "top_p": (ours(top_p=0.9), theirs(top_p=0.9)),
    "both, before Claude 4.1": (
        ours(model="claude-3-opus-20240229", temperature=0.5, top_p=0.9),
        theirs(model="claude-3-opus-20240229", temperature=0.5, top_p=0.9),
    ),
    "one stop": (ours(stop="END"), theirs(stop_sequences=["END"])),
    "many stops": (ours(stop=["A", "B"]), theirs(stop_sequences=["A", "B"])),
    "user": (ours(user="u-1"), theirs(metadata={"user_id": "u-1"})),
    "safety_identifier": (ours(safety_identifier="u-2"), theirs(metadata={"user_id": "u-2"})),
    "any tier": (ours(service_tier="auto"), theirs(service_tier="auto")),
    "the default tier": (ours(service_tier="default"), theirs(service_tier="standard_only")),
    "top_k": (ours(extra_body={"top_k": 40}), theirs(top_k=40)),
    # --- messages
    "a system message": (
        ours([{"role": "system", "content": "Be brief."}, *HELLO]),
        theirs(system="Be brief."),
    ),
    "several system messages": (
        ours(
            [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "Be kind."},
                *HELLO,
            ]
        ),
        theirs(
            system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
        ),
    ),
    "a cached system message": (
        ours(
            [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "Long.", "cache_control": MARK}],
                },
                *HELLO,
            ]
        ),
        theirs(system=[{"type": "text", "text": "Long.", "cache_control": MARK}]),
    ),
    "a system message among others": (
        ours([*HELLO, {"role": "system", "content": "Now in French."}], model="claude-opus-5"),
        theirs([*HELLO, {"role": "system", "content": "Now in French."}], model="claude-opus-5"),
    ),
    "a conversation": (
        ours([*HELLO, {"role": "assistant", "content": "Hi."}, *HELLO]),
        theirs([*HELLO, {"role": "assistant", "content": "Hi."}, *HELLO]),
    ),
    "a beginning to be continued": (
        ours([*HELLO, {"role": "assistant", "content": "Hi"}]),
        theirs([*HELLO, {"role": "assistant", "content": "Hi"}]),
    ),
    "text in parts": (ours(user(TEXT, TEXT)), theirs(user(TEXT, TEXT))),
    "an image by address": (
        ours(user(TEXT, {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}})),
        theirs(
            user(
                TEXT, {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}
            )
        ),
    ),
    "an inline image": (
        ours(user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})),
        theirs(
            user(
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                }
            )
        ),
    ),
    "a PDF": (
        ours(
            user(
                {
                    "type": "file",
                    "file": {
                        "file_data": f"data:application/pdf;base64,{PDF}",
                        "filename": "a.pdf",
                    },
                }
            )
        ),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                    "title": "a.pdf",
                }
            )
        ),
    ),
    "a bare PDF": (
        ours(user({"type": "file", "file": {"file_data": PDF}})),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                }
            )
        ),
    ),
    "a document by address": (
        ours(user({"type": "file", "file": {"file_data": "https://a.example/b.pdf"}})),
        theirs(
            user({"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}})
        ),
    ),
    "a text file": (
        ours(user({"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8="}})),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Hello"},
                }
            )
        ),
    ),
    "an uploaded file": (
        ours(user({"type": "file", "file": {"file_id": "file_1"}})),
        theirs(user({"type": "document", "source": {"type": "file", "file_id": "file_1"}})),
    ),
    "a document of Anthropic's with citations": (
        ours(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "A."},
                    "citations": {"enabled": True},
                }
            )
        ),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "A."},
                    "citations": {"enabled": True},
                }
            )
        ),
    ),
    "a cached part": (
        ours(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
        theirs(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
    ),
    "a cached message": (
        ours([{"role": "user", "content": "Hello", "cache_control": MARK}]),
        theirs(user({"type": "text", "text": "Hello", "cache_control": MARK})),
    ),
    "a breakpoint in OpenAI's words": (
        ours(user({**TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}})),
        theirs(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
    ),
    # --- tools
    "a tool": (ours(tools=TOOLS), theirs(tools=[THEIR_WEATHER])),
    "a tool without parameters": (
        ours(tools=[{"type": "function", "function": {"name": "now"}}]),
        theirs(tools=[{"name": "now", "input_schema": {"type": "object", "properties": {}}}]),
    ),
    "a strict tool": (
        ours(tools=[{"type": "function", "function": {**WEATHER, "strict": True}}]),
        theirs(tools=[{**THEIR_WEATHER, "strict": True}]),
    ),
    "a cached tool": (
        ours(tools=[{"type": "function", "function": WEATHER, "cache_control": MARK}]),
        theirs(tools=[{**THEIR_WEATHER, "cache_control": MARK}]),
    ),
    "auto": (
        ours(tools=TOOLS, tool_choice="auto"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "auto"}),
    ),
    "none": (
        ours(tools=TOOLS, tool_choice="none"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "none"}),
    ),
    "required": (
        ours(tools=TOOLS, tool_choice="required"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "any"}),
    ),
    "one that is named": (
        ours(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "weather"}}),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "tool", "name": "weather"}),
    ),
    "one at a time": (
        ours(tools=TOOLS, parallel_tool_calls=False),
        theirs(
            tools=[THEIR_WEATHER],
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        ),
    ),
    "required, in parallel": (
        ours(tools=TOOLS, tool_choice="required", parallel_tool_calls=True),
        theirs(
            tools=[THEIR_WEATHER],
            tool_choice={"type": "any", "disable_parallel_tool_use": False},
        ),
    ),
    "some that are allowed": (
        ours(
            tools=[*TOOLS, {"type": "function", "function": {"name": "now"}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "weather"}}],
                },
            },
        ),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "any"}),
    ),
    "a call and its result": (
        ours(
            [*HELLO, CALL, {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"}],
            tools=TOOLS,
        ),
        theirs([*HELLO, THEIR_CALL, result("Rain")], tools=[THEIR_WEATHER]),
    ),
    "a result with an image": (
        ours(
            [
                *HELLO,
                CALL,
                {
                    "role": "tool",
                    "tool_call_id": "toolu_1",
                    "content": [
                        TEXT,
                        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                    ],
                },
            ],
            tools=TOOLS,
        ),
        theirs(
            [
                *HELLO,
                THEIR_CALL,
                result(
                    [
                        TEXT,
                        {
                            "type": "image",
                            "source": {"type": "url", "url": "https://a.example/b.png"},
                        },
                    ]
                ),
            ],
            tools=[THEIR_WEATHER],
        ),
    ),
    "a failure of a tool": (
        ours(
            [
                *HELLO,
                CALL,
                {"role": "tool", "tool_call_id": "toolu_1", "content": "No", "is_error": True},
            ],
            tools=TOOLS,
        ),
        theirs([*HELLO, THEIR_CALL, result("No", is_error=True)], tools=[THEIR_WEATHER]),
    ),
    "a result, then the user": (
        ours(
            [
                *HELLO,
                CALL,
                {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"},
                {"role": "user", "content": "So?"},
            ],
            tools=TOOLS,
        ),
        theirs(
            [
                *HELLO,
                THEIR_CALL,
                {
                    "role": "user",
                    "content": [*result("Rain")["content"], {"type": "text", "text": "So?"}],
                },
            ],
            tools=[THEIR_WEATHER],
        ),
    ),
    "a search of the web": (
        ours(
            web_search_options={
                "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}
            }
        ),
        theirs(
            tools=[
                {
                    "type": "web_search_20250305",
                    "name": "web_search",
                    "user_location": {"type": "approximate", "city": "Oslo"},
                }
            ]
        ),
    ),
    # --- formats and thinking
    "a schema": (
        ours(response_format=FORMAT),
        theirs(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    ),
    "a schema with an effort": (
        ours(model=OPUS, response_format=FORMAT, reasoning_effort="high"),
        theirs(
            model=OPUS,
            output_config={
                "format": {"type": "json_schema", "schema": SCHEMA},
                "effort": "high",
            },
        ),
    ),
    "an effort where thinking is off": (
        ours(model="claude-opus-4-8", reasoning_effort="xhigh"),
        theirs(
            model="claude-opus-4-8",
            thinking={"type": "adaptive"},
            output_config={"effort": "xhigh"},
        ),
    ),
    "a budget": (
        ours(reasoning_effort="medium", max_tokens=20_000),
        theirs(thinking={"type": "enabled", "budget_tokens": 8192}, max_tokens=20_000),
    ),
    "no thinking": (
        ours(model="claude-opus-5", reasoning_effort="none"),
        theirs(model="claude-opus-5", thinking={"type": "disabled"}),
    ),
    "as little as Sonnet 5.5 can": (
        ours(model="claude-sonnet-5-5", reasoning_effort="none"),
        theirs(model="claude-sonnet-5-5", thinking={"type": "between_tools"}),
    ),
    "thinking in Anthropic's words": (
        ours(
            model="claude-opus-4-7",
            extra_body={"thinking": {"type": "adaptive", "display": "summarized"}},
        ),
        theirs(model="claude-opus-4-7", thinking={"type": "adaptive", "display": "summarized"}),
    ),
    "the whole prompt cached": (
        ours(extra_body={"cache_control": MARK}),
        theirs(cache_control=MARK),
    ),
}


def sent_for(call: Mapping[str, Any]) -> dict[str, Any]:
    """The body that we send."""
    provider = Anthropic(api_key="sk-ant-test")
    checked = call_of(provider, call)
    flow = provider.stream(checked) if checked.stream else provider.complete(checked)
    return dict(decode_json(first_request(flow).body))


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body with every text as a block: what a string is short for."""
    shown = {key: value for key, value in body.items() if not (key == "stream" and value is False)}
    if "system" in shown:
        shown["system"] = _blocks(shown["system"])
    turns = shown["messages"]
    shown["messages"] = [{**turn, "content": _blocks(turn["content"])} for turn in turns]
    return shown


def _blocks(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


REFUSAL = b'{"type":"error","error":{"type":"invalid_request_error","message":"recorded"}}'


@pytest.fixture(scope="module")
def recorder() -> Iterator[SdkServer]:
    """A server that refuses everything, so that no client reads on or tries again."""
    with SdkServer(REFUSAL, 400) as made:
        yield made


@pytest.mark.parametrize("name", ROWS)
def test_sends_what_the_sdk_is_asked_for(name: str) -> None:
    """A call becomes the request that the row says."""
    call, expected = ROWS[name]
    assert plain(expected) == plain(sent_for(call))


@pytest.fixture(scope="module")
def sdk_types() -> Mapping[bool, Any]:
    """What checks a body against the SDK's types, for streams and for whole answers."""
    params = pytest.importorskip("anthropic.types.message_create_params")
    from pydantic import TypeAdapter

    return {
        True: TypeAdapter(params.MessageCreateParamsStreaming),
        False: TypeAdapter(params.MessageCreateParamsNonStreaming),
    }


@pytest.mark.parametrize("name", ROWS)
def test_body_is_of_the_sdk_s_types(name: str, sdk_types: Mapping[bool, Any]) -> None:
    """Every body fits the types that Anthropic publishes for its requests, and nothing is over."""
    body = sent_for(ROWS[name][0])
    validated = sdk_types["stream" in body].validate_python(body)
    assert body.keys() - validated.keys() <= BESIDE


@pytest.fixture(scope="module")
def sdk(recorder: SdkServer) -> Iterator[Any]:
    """Anthropic's own client, pointed at the server that records."""
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(api_key="k", base_url=recorder.url, max_retries=0) as client:
        yield client


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize("name", ROWS)
def test_sdk_sends_the_same_json(name: str, sdk: Any, recorder: SdkServer) -> None:
    """Anthropic's SDK, asked for the same thing, sends the same JSON."""
    call, asked = ROWS[name]
    beside = {key: asked[key] for key in BESIDE & asked.keys()}
    kwargs = {key: value for key, value in asked.items() if key not in BESIDE}
    with pytest.raises(pytest.importorskip("anthropic").BadRequestError):
        sdk.messages.create(**kwargs, extra_body=beside or None)
    assert plain(recorder.asked.pop().json) == plain(sent_for(call))


def test_there_are_enough_rows() -> None:
    """The table covers at least forty calls."""
    assert len(ROWS) >= 40
