"""Earlier answers that are sent back: as the host gave them, and nothing that is not its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Function, Message, ToolCall
from llmgate_openai import OpenAI
from tests.integration.openai_requests import ANSWER, ELSEWHERE, HELLO, sent_request

_PARTS: list[Any] = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
    {"type": "text", "text": "Four."},
]
_CONTENT = "messages[1].content"


async def _sent_back(message: Any, base_url: str | None = None) -> tuple[Any, Mapping[str, str]]:
    sent, reported = await sent_request(messages=[*HELLO, message, *HELLO], base_url=base_url)
    return sent["messages"][1], reported


@pytest.mark.parametrize(
    ("base_url", "message", "expected", "reported"),
    [
        (
            None,
            Message(content="x", provider_data={"openai": {"phase": "final"}, "acme": {"z": 1}}),
            {"role": "assistant", "content": "x", "phase": "final"},
            {"messages[1].provider_data.acme": "dropped"},
        ),
        (
            None,
            Message(content="x", reasoning_content="Hm", extra={"reasoning": "Hm"}),
            {"role": "assistant", "content": "x"},
            {
                "messages[1].reasoning_content": "dropped",
                "messages[1].reasoning": "dropped",
            },
        ),
        (
            ELSEWHERE,
            Message(content="x", reasoning_content="Hm"),
            {"role": "assistant", "content": "x", "reasoning_content": "Hm"},
            {},
        ),
        (
            ELSEWHERE,
            Message(
                content="x",
                reasoning_content="Hm",
                extra={"reasoning": "Hm", "reasoning_details": [{"text": "Hm"}]},
            ),
            {
                "role": "assistant",
                "content": "x",
                "reasoning": "Hm",
                "reasoning_details": [{"text": "Hm"}],
            },
            {"messages[1].reasoning_content": "merged"},
        ),
        (
            ELSEWHERE,
            Message(
                content="4",
                reasoning_content="Hm",
                extra={"content_parts": [{"type": "thinking"}, {"type": "text", "text": "4"}]},
            ),
            {
                "role": "assistant",
                "content": [{"type": "thinking"}, {"type": "text", "text": "4"}],
            },
            {},
        ),
        (
            ELSEWHERE,
            Message(content="Five.", reasoning_content="Hm", extra={"content_parts": _PARTS}),
            {
                "role": "assistant",
                "content": [_PARTS[0], {"type": "text", "text": "Five."}],
            },
            {},
        ),
        (
            ELSEWHERE,
            Message(content="Five.", extra={"content_parts": _PARTS[1:]}),
            {"role": "assistant", "content": "Five."},
            {},
        ),
        (
            ELSEWHERE,
            Message(extra={"content_parts": _PARTS[:1]}),
            {"role": "assistant", "content": _PARTS[:1]},
            {},
        ),
        (
            None,
            Message(content="x", extra={"images": [1]}),
            {"role": "assistant", "content": "x"},
            {"messages[1].images": "dropped"},
        ),
        (
            ELSEWHERE,
            Message(content="x", extra={"images": [1]}),
            {"role": "assistant", "content": "x", "images": [1]},
            {},
        ),
        (None, Message(), {"role": "assistant", "content": ""}, {_CONTENT: "converted"}),
        (ELSEWHERE, Message(), {"role": "assistant", "content": ""}, {_CONTENT: "converted"}),
        (
            ELSEWHERE,
            Message(refusal="No."),
            {"role": "assistant", "content": None, "refusal": "No."},
            {},
        ),
        (
            ELSEWHERE,
            Message(tool_calls=[ToolCall("a", Function("f", '{"a": 1,}'))]),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a": 1,}'},
                    }
                ],
            },
            {},
        ),
        (
            None,
            Message(content="4", extra={"content_parts": [{"type": "text", "text": "4"}]}),
            {"role": "assistant", "content": "4"},
            {"messages[1].content_parts": "dropped"},
        ),
        (
            None,
            Message(audio={"id": "audio_1", "data": "AAAA", "transcript": "x"}),
            {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
            {"messages[1].audio": "converted"},
        ),
        (
            None,
            Message(content="x", annotations=[{"type": "url_citation"}]),
            {"role": "assistant", "content": "x", "annotations": [{"type": "url_citation"}]},
            {},
        ),
    ],
)
async def test_an_answer_goes_back_as_the_host_gave_it(
    base_url: str | None, message: Message, expected: dict[str, Any], reported: dict[str, str]
) -> None:
    """What only another provider understands stays behind, and the report says so. The object, its
    dump and its JSON are the same message."""
    for form in (message, message.model_dump(), json.loads(message.model_dump_json())):
        assert (expected, reported) == await _sent_back(form, base_url)
    stored = json.loads(message.model_dump_json(exclude_none=True))
    sent, _ = await _sent_back(stored, base_url)
    assert {key: value for key, value in expected.items() if value is not None} == {
        key: value for key, value in sent.items() if value is not None
    }


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ([1], "messages[1].provider_data"),
        ("x", "messages[1].provider_data"),
        ({"openai": [1]}, "messages[1].provider_data.openai"),
    ],
)
async def test_spoilt_provider_data_is_refused(data: Any, path: str) -> None:
    """Nothing is sent, and the error says where it is."""
    with pytest.raises(InvalidRequestError) as caught:
        await _sent_back({"role": "assistant", "content": "x", "provider_data": data})
    assert path == caught.value.path


@pytest.mark.parametrize(
    "parts", [[True], [{"type": "text", "text": 1}], [{"type": "thinking", "thinking": [1]}]]
)
async def test_spoilt_parts_are_refused(parts: list[Any]) -> None:
    """They are the caller's, and no response that cannot be read."""
    message = {"role": "assistant", "content": "x", "content_parts": parts}
    with pytest.raises(InvalidRequestError) as caught:
        await _sent_back(message, ELSEWHERE)
    assert "messages[1].content_parts" == caught.value.path


async def test_the_callers_messages_are_left_alone() -> None:
    """What is sent back is made anew; a message may be used for another provider next."""
    message = {"role": "assistant", "content": "x", "reasoning_content": "Hm"}
    await _sent_back(message)
    assert {"role": "assistant", "content": "x", "reasoning_content": "Hm"} == message


async def test_tools_and_calls_of_a_hosts_own_pass_through() -> None:
    """In tools, in a response and in a history, whatever the host calls them."""
    tools: Any = [
        {"type": "function", "function": {"name": "f"}},
        {"type": "openrouter:web_search"},
        {"type": "mcp", "server_label": "x", "server_url": "https://x.test"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ]
    calls: Any = [
        {"id": "a", "type": "builtin_function", "function": {"name": "$s", "arguments": "{}"}},
        {"id": "b", "type": "web_search", "web_search": {"query": "x"}},
    ]
    body = {"message": {"role": "assistant", "content": None, "tool_calls": calls}, "index": 0}
    response = Canned(body=json.dumps({"choices": [body]}).encode())
    transport = CannedTransport([response, Canned(body=ANSWER), Canned(body=ANSWER)])
    provider = with_transport(OpenAI(api_key="sk-test", base_url=ELSEWHERE), transport)
    async with Client(providers={"openai": provider}) as client:
        answer = await client.acompletion("openai/m", HELLO, tools=tools)
        message = answer.choices[0].message
        for form in (message, message.model_dump()):
            results: Any = [{"role": "tool", "tool_call_id": each, "content": "x"} for each in "ab"]
            history: Any = [*HELLO, form, *results]
            again = await client.acompletion("openai/m", history, tools=tools)
            sent = json.loads(transport.requests[-1].body)
            assert (tools, calls) == (sent["tools"], sent["messages"][1]["tool_calls"])
            assert [] == [*again.report]
