"""Through ``llmgate.Client``: what a user of the provider sees.

What a user sees where something fails is played by ``tests/faults``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import MissingKeyError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.testing.signing import FixedSigning
from llmgate_anthropic import Anthropic

KEY = "sk-ant-canary-5d41402abc4b2a76"
MODEL = "anthropic/claude-haiku-4-5"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: Any = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
MESSAGE: Any = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hi!"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
CALLS: Any = MESSAGE | {
    "content": [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
}


def events_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message as the events of a stream."""
    empty: Any = {**message, "content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": empty}]
    for index, block in enumerate(message["content"]):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    end = {"delta": {"stop_reason": message["stop_reason"]}, "usage": message["usage"]}
    return [*events, {"type": "message_delta", **end}, {"type": "message_stop"}]


class Server(CannedTransport):
    """Answers with these messages, each whole or as events, as it is asked."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        super().__init__(self._answer)
        self._messages = list(messages)
        self.asked: list[Any] = []

    def _answer(self, request: HttpRequest) -> Canned:
        self.asked.append(json.loads(request.body))
        message = self._messages.pop(0)
        body = json.dumps(message)
        if self.asked[-1].get("stream"):
            events = events_of(message)
            body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
        return Canned(200, {"request-id": "req_1"}, body.encode())


def client_of(server: Server) -> Client:
    """A client of that server."""
    return Client(providers={"anthropic": with_transport(Anthropic(api_key=KEY), server)})


async def test_answers() -> None:
    """A call is answered, with the key in its header, the request id and the report."""
    server = Server(MESSAGE)
    async with client_of(server) as client:
        answer = await client.acompletion("claude-haiku-4-5", HELLO, max_tokens=9)
    assert ("Hi!", "stop", "req_1") == (
        answer.text,
        answer.choices[0].finish_reason,
        answer.request_id,
    )
    assert KEY == server.requests[0].headers["x-api-key"]
    assert "authorization" not in server.requests[0].headers
    assert [] == list(answer.report)


async def test_long_answer_comes_as_a_stream() -> None:
    """Without a limit an answer may be long: it is streamed, put together, and reported."""
    server = Server(MESSAGE)
    async with client_of(server) as client:
        answer = await client.acompletion(MODEL, HELLO)
    assert True is server.asked[0]["stream"]
    assert "Hi!" == answer.text
    assert ["max_tokens", "stream"] == [deviation.path for deviation in answer.report]


async def test_tools_and_thoughts_go_round() -> None:
    """A call is made, its result sent with the signed thought as it came, and answered."""
    server = Server(CALLS, MESSAGE)
    async with client_of(server) as client:
        first = await client.acompletion(MODEL, HELLO, tools=[TOOL], max_tokens=9)
        message = first.choices[0].message
        (call,) = message.tool_calls or []
        result = {"role": "tool", "tool_call_id": call.id, "content": "Noon"}
        answer = await client.acompletion(
            MODEL,
            [*HELLO, message, result],
            tools=[TOOL],
            max_tokens=9,
        )
    assert CALLS["content"] == server.asked[1]["messages"][1]["content"]
    assert "Hi!" == answer.text


async def test_legacy_functions() -> None:
    """Functions in the old form are sent as tools, and answered in the old form."""
    server = Server(CALLS, MESSAGE)
    function = TOOL["function"]
    async with client_of(server) as client:
        first = await client.acompletion(MODEL, HELLO, functions=[function], max_tokens=9)
        choice = first.choices[0]
        assert choice.message.function_call is not None
        assert ("function_call", "now") == (choice.finish_reason, choice.message.function_call.name)
        result = {"role": "function", "name": "now", "content": "Noon"}
        await client.acompletion(MODEL, [*HELLO, choice.message, result], max_tokens=9)
    turns = server.asked[1]["messages"]
    kinds = [[block["type"] for block in turn["content"]] for turn in turns]
    assert [["text"], ["thinking", "tool_use"], ["tool_result"]] == kinds
    assert turns[1]["content"][1]["id"] == turns[2]["content"][0]["tool_use_id"]


# --- whose key goes where -----------------------------------------------------------------


async def test_missing_key_names_the_variable() -> None:
    """Without a key nothing is sent, and the error says which variable to set."""
    async with Client(providers={"anthropic": Anthropic()}) as client:
        with pytest.raises(MissingKeyError, match="ANTHROPIC_API_KEY"):
            await client.acompletion(MODEL, HELLO)


@pytest.mark.parametrize(
    ("environment", "settings", "expected"),
    [
        ({"ANTHROPIC_API_KEY": "k1"}, {}, {"x-api-key": "k1"}),
        ({"ANTHROPIC_AUTH_TOKEN": "t1"}, {}, {"Authorization": "Bearer t1"}),
        ({"ANTHROPIC_API_KEY": "k1", "ANTHROPIC_AUTH_TOKEN": "t1"}, {}, {"x-api-key": "k1"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"api_key": "k2"}, {"x-api-key": "k2"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"auth_token": "t2"}, {"Authorization": "Bearer t2"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"base_url": "https://claude.example"}, {}),
        (
            {"ANTHROPIC_API_KEY": "k1", "ANTHROPIC_BASE_URL": "https://claude.example"},
            {},
            {"x-api-key": "k1"},
        ),
        (
            {"ANTHROPIC_CUSTOM_HEADERS": "anthropic-beta: a\nX-Team: b"},
            {"api_key": "k"},
            {"anthropic-beta": "a", "X-Team": "b", "x-api-key": "k"},
        ),
        ({}, {"api_key": "k", "headers": {"x": "y"}}, {"x": "y", "x-api-key": "k"}),
    ],
)
async def test_key_goes_to_its_own_host_only(
    environment: dict[str, str],
    settings: dict[str, Any],
    expected: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One credential is sent; the environment's goes to no host that is named in the code."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    provider = Anthropic(**settings)
    named = settings.get("base_url") or environment.get("ANTHROPIC_BASE_URL")
    request = HttpRequest("POST", f"{named or 'https://api.anthropic.com'}/v1/messages")
    assert expected == (await provider.authorize(request, FixedSigning())).headers


async def test_no_other_host_gets_a_key() -> None:
    """A request to an address that is not the provider's own, such as a link's, has no key."""
    request = HttpRequest("POST", "https://x.example")
    assert "Anthropic(base_url='https://api.anthropic.com')" == repr(Anthropic(api_key=KEY))
    assert {} == (await Anthropic(api_key=KEY).authorize(request, FixedSigning())).headers


async def test_another_address_for_one_call_gets_no_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An address that a call names is sent the key that the call names, or none."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    request = HttpRequest("POST", "https://claude.example/v1/messages")
    elsewhere = Anthropic().configured(base_url="https://claude.example")
    assert {} == (await elsewhere.authorize(request, FixedSigning())).headers
    with_key = elsewhere.configured(api_key="k")
    assert {"x-api-key": "k"} == (await with_key.authorize(request, FixedSigning())).headers
