"""OpenAI's own package, pointed at a loopback server, sends the requests for responses that this
plugin sends, and reads the same in every recording."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from openai import OpenAI as TheirClient
from openai._models import construct_type
from openai.types.responses import Response, ResponseStreamEvent

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json
from llmgate.testing import RecordedExchange, drive, read_stream
from llmgate.testing.driving import call_of, first_request
from llmgate.types import Completion
from llmgate_openai import OpenAI
from tests.generated_calls import Twice, generated_calls, keys_of
from tests.responses_corpus import events_in, recorded
from tests.sdk import SdkServer

HOST = "https://mine.example/v1"  # where nothing of OpenAI's own models is refused
PROVIDER = OpenAI(api_key="key-1234567890", base_url=HOST, api="responses")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
PDF = "data:application/pdf;base64,JVBERi0="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Finds it.", "parameters": CITY}
FLAT = {"type": "function", **WEATHER, "strict": False}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
FLAT_CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Sunny"}
FLAT_RESULT = {"type": "function_call_output", "call_id": "c1", "output": "Sunny"}
GRAMMAR = {"syntax": "lark", "definition": "start: NUMBER"}
TEXT = {"type": "text", "text": "See:"}
FLAT_TEXT = {"type": "input_text", "text": "See:"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}}
FLAT_IMAGE = {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"}
REASONING: dict[str, Any] = {"type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"}
SPOKEN: dict[str, Any] = {
    "type": "message",
    "role": "assistant",
    "phase": "commentary",
    "content": [{"type": "output_text", "text": "Hm.", "annotations": []}],
}
SEARCH = {"type": "web_search", "search_context_size": "low"}


def messages(ours: list[Any], theirs: list[Any]) -> Twice:
    """A conversation, said twice."""
    return Twice({"messages": ours}, {"input": theirs})


def user(*parts: Any) -> list[Any]:
    """One message of the user, in parts."""
    return [{"role": "user", "content": list(parts)}]


def answered(**message: Any) -> list[Any]:
    """A response among messages of the user."""
    return [*HELLO, {"role": "assistant", **message}, *HELLO]


MESSAGES = {
    "a greeting": messages(HELLO, HELLO),
    "a developer's message": messages(
        [{"role": "developer", "content": "Be brief."}, *HELLO],
        [{"role": "developer", "content": "Be brief."}, *HELLO],
    ),
    "text in parts": messages(user(TEXT, TEXT), user(FLAT_TEXT, FLAT_TEXT)),
    "an image": messages(user(TEXT, IMAGE), user(FLAT_TEXT, FLAT_IMAGE)),
    "a document": messages(
        user({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}),
        user({"type": "input_file", "filename": "a.pdf", "file_data": PDF}),
    ),
    "a file": messages(
        user({"type": "file", "file": {"file_id": "f1"}}),
        user({"type": "input_file", "file_id": "f1"}),
    ),
    "a breakpoint": messages(
        user({**TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}}),
        user({**FLAT_TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}}),
    ),
    "an earlier response": messages(answered(content="Hi"), answered(content="Hi")),
    "a refusal": messages(
        answered(content=None, refusal="No"),
        answered(content=[{"type": "refusal", "refusal": "No"}]),
    ),
    "a call and its result": messages(
        [*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT],
        [*HELLO, FLAT_CALL, FLAT_RESULT],
    ),
    "an image as a result": messages(
        [
            *HELLO,
            {"role": "assistant", "content": "Hm.", "tool_calls": [CALL]},
            {**RESULT, "content": [TEXT, IMAGE]},
        ],
        [
            *HELLO,
            {"role": "assistant", "content": "Hm."},
            FLAT_CALL,
            {**FLAT_RESULT, "output": [FLAT_TEXT, FLAT_IMAGE]},
        ],
    ),
    "a custom call and its result": messages(
        [
            *HELLO,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
                ],
            },
            RESULT,
        ],
        [
            *HELLO,
            {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "SELECT 1"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "Sunny"},
        ],
    ),
    "earlier reasoning": messages(
        [
            *HELLO,
            {
                "role": "assistant",
                "content": "Hm.",
                "tool_calls": [CALL],
                "provider_data": {
                    "openai": {
                        "items": [
                            {"id": "rs_1", **REASONING},
                            {"id": "msg_1", "status": "completed", **SPOKEN},
                            {"id": "fc_1", "status": "completed", **FLAT_CALL},
                        ]
                    }
                },
            },
            RESULT,
        ],
        [*HELLO, REASONING, SPOKEN, FLAT_CALL, FLAT_RESULT],
    ),
}


def both(**fields: Any) -> Twice:
    """What both call by the same name."""
    return Twice(fields, fields)


def own(**fields: Any) -> Twice:
    """What only the Responses API has, which is sent by ``extra_body``."""
    return Twice({"extra_body": fields}, fields)


def tool(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function as a tool."""
    return {"type": "function", "function": function}


def formed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Twice:
    """A response format."""
    return Twice({"response_format": ours}, {"text": {"format": theirs}})


PARAMETERS = {
    "limit": [
        Twice({"max_tokens": 50}, {"max_output_tokens": 50}),
        Twice({"max_completion_tokens": 60}, {"max_output_tokens": 60}),
    ],
    "effort": [Twice({"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}})],
    "summary": [own(reasoning={"summary": "auto"})],
    "verbosity": [Twice({"verbosity": "low"}, {"text": {"verbosity": "low"}})],
    "format": [
        formed({"type": "json_object"}, {"type": "json_object"}),
        formed(
            {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY, "strict": True}},
            {"type": "json_schema", "name": "x", "schema": CITY, "strict": True},
        ),
        formed(
            {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}},
            {"type": "json_schema", "name": "x", "schema": CITY, "strict": False},
        ),
    ],
    "tools": [
        Twice({"tools": [tool(WEATHER)]}, {"tools": [FLAT]}),
        Twice(
            {"tools": [tool({"name": "now", "strict": True})], "tool_choice": "required"},
            {
                "tools": [
                    {
                        "type": "function",
                        "name": "now",
                        "parameters": {"type": "object", "properties": {}},
                        "strict": True,
                    }
                ],
                "tool_choice": "required",
            },
        ),
        Twice(
            {"tools": [tool(WEATHER)], "tool_choice": tool({"name": "weather"})},
            {"tools": [FLAT], "tool_choice": {"type": "function", "name": "weather"}},
        ),
        Twice(
            {
                "tools": [tool(WEATHER)],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [tool({"name": "weather"})]},
                },
            },
            {
                "tools": [FLAT],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "weather"}],
                },
            },
        ),
        Twice(
            {
                "tools": [
                    {
                        "type": "custom",
                        "custom": {
                            "name": "sql",
                            "format": {"type": "grammar", "grammar": GRAMMAR},
                        },
                    }
                ],
                "tool_choice": {"type": "custom", "custom": {"name": "sql"}},
            },
            {
                "tools": [
                    {"type": "custom", "name": "sql", "format": {"type": "grammar", **GRAMMAR}}
                ],
                "tool_choice": {"type": "custom", "name": "sql"},
            },
        ),
        both(tools=[SEARCH], tool_choice={"type": "web_search"}),
        both(tools=[{"type": "mcp", "server_label": "a", "server_url": "https://a.example"}]),
    ],
    "parallel": [both(parallel_tool_calls=False)],
    "logprobs": [
        Twice({"logprobs": True}, {"include": ["message.output_text.logprobs"]}),
        Twice(
            {"logprobs": True, "top_logprobs": 2},
            {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
        ),
    ],
    "metadata": [both(metadata={"a": "b"})],
    "store": [both(store=True)],
    "tier": [both(service_tier="flex")],
    "safety": [both(safety_identifier="s")],
    "user": [both(user="u")],
    "cache": [both(prompt_cache_key="k"), both(prompt_cache_key="k", prompt_cache_retention="24h")],
    "temperature": [both(temperature=1)],
    "stream": [both(stream=True)],
    "truncation": [own(truncation="auto")],
    "calls": [own(max_tool_calls=3)],
    "previous": [own(previous_response_id="resp_1")],
}
_MADE = generated_calls(MESSAGES, PARAMETERS, count=220)
ENCRYPTED = "reasoning.encrypted_content"
RESPONSE = json.dumps(
    {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-5",
        "output": [],
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
).encode()


def sent(ours: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a call."""
    given = {"model": "gpt-5", **ours}
    call = call_of(PROVIDER, given)
    flow: Any = PROVIDER.stream(call) if call.stream else PROVIDER.complete(call)
    return dict(decode_json(first_request(flow).body))


CALLS = list({keys_of(sent(call.ours)): call for call in _MADE}.values())
"""No two of them send the same keys."""


def test_there_are_enough_calls() -> None:
    """At least a hundred, each with keys of its own."""
    assert len(CALLS) >= 100


def test_both_send_the_same() -> None:
    """The address, the key's header and the body are those of the vendor's own client, once that is
    asked for what this plugin asks for by itself: nothing stored, and reasoning in a form that can
    be sent back."""
    with SdkServer(RESPONSE) as server:
        client = TheirClient(api_key="key-1234567890", base_url=f"{server.url}/v1", max_retries=0)
        for call in CALLS:
            server.asked.clear()
            include = [ENCRYPTED, *call.theirs.get("include", ())]
            theirs: Any = {"store": False, "model": "gpt-5", **call.theirs, "include": include}
            is_stream = theirs.get("stream", False)
            server.answer = b"data: [DONE]\n\n" if is_stream else RESPONSE
            create: Any = client.responses.create
            answer = create(**theirs)
            if is_stream:
                assert [] == list(answer)
            (asked,) = server.asked
            assert asked.path == "/v1/responses"
            assert asked.headers["authorization"] == "Bearer key-1234567890"
            assert sent(call.ours) == asked.json, call.name


# --- responses ------------------------------------------------------------------------------


def ours_of(exchange: RecordedExchange) -> Completion:
    """What this plugin reads in a recording."""
    call = call_of(PROVIDER, {"model": "m", "messages": HELLO, "stream": exchange.is_stream})
    if not exchange.is_stream:
        return drive(PROVIDER.complete(call), exchange.replies).result
    decoder = drive(PROVIDER.stream(call), exchange.replies).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def theirs_of(exchange: RecordedExchange) -> Response:
    """What the package reads in it: the whole response, or that of the last event."""
    if not exchange.is_stream:
        return Response.construct(**json.loads(exchange.replies[-1].body))
    events: list[Any] = [
        construct_type(type_=ResponseStreamEvent, value=event) for event in events_in(exchange)
    ]
    pieces = [each.delta for each in events if each.type == "response.output_text.delta"]
    response: Response = events[-1].response
    assert response.output_text == "".join(pieces)
    return response


_ANSWERED = [exchange for exchange in recorded() if not exchange.is_refusal]


@pytest.mark.parametrize("exchange", _ANSWERED, ids=lambda exchange: exchange.name)
def test_both_read_the_same(exchange: RecordedExchange) -> None:
    """Text, calls, reasoning, citations and counts are those of the package."""
    ours, theirs = ours_of(exchange), theirs_of(exchange)
    message, usage = ours.choices[0].message, ours.usage
    output: list[Any] = list(theirs.output)
    assert (message.content or "") == theirs.output_text
    called = [each for each in output if each.type == "function_call"]
    assert [(each.call_id, each.name, each.arguments) for each in called] == [
        (call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or []
        if call.function
    ]
    cited = [
        annotation
        for item in output
        if item.type == "message"
        for part in item.content
        for annotation in part.annotations
    ]
    assert [each.url for each in cited] == [
        each["url_citation"]["url"] for each in message.annotations or []
    ]
    assert usage is not None
    assert theirs.usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens,
        theirs.usage.total_tokens,
    )
    assert (ours.id, ours.model) == (theirs.id, theirs.model)
    kept = (message.provider_data or {}).get("openai", {}).get("items", [])
    assert [each for each in sealed_in(exchange, output) if each] == [
        each["encrypted_content"] for each in kept if each.get("encrypted_content")
    ]


def sealed_in(exchange: RecordedExchange, output: list[Any]) -> list[Any]:
    """The encrypted reasoning: in a stream that of the events, as the whole response at its end
    has another one."""
    if not exchange.is_stream:
        return [each.encrypted_content for each in output if each.type == "reasoning"]
    ended = [
        each["item"] for each in events_in(exchange) if each["type"] == "response.output_item.done"
    ]
    return [each.get("encrypted_content") for each in ended if each["type"] == "reasoning"]
