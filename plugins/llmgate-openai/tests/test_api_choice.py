"""Which API a call goes to: chat completions, unless they are known to refuse it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport
from llmgate.types import Completion

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
FUNCTION: dict[str, Any] = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
TOOL: dict[str, Any] = {"type": "function", "function": FUNCTION}
CUSTOM = {"type": "custom", "custom": {"name": "sql"}}
SEARCH = {"type": "web_search"}
CALLED = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
CHAT = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
RESPONSE = json.dumps({"object": "response", "status": "completed", "output": [CALLED]}).encode()
BASE = "https://api.openai.com/v1"


def answer_to(request: HttpRequest) -> Canned:
    """A response of whichever API was asked."""
    return Canned(body=RESPONSE if request.url.endswith("/responses") else CHAT)


async def called(
    model: str, messages: Any = None, **options: Any
) -> tuple[str, dict[str, Any], Completion]:
    """Where a call goes, the body that is sent, and the completion."""
    transport = CannedTransport(answer_to)
    async with Client(transport=transport, max_retries=0) as client:
        call: Any = client.acompletion
        answer = await call(model, messages or HELLO, api_key="sk-test", **options)
    (request,) = transport.requests
    return request.url, json.loads(request.body), answer


def api_in(answer: Completion) -> Any:
    """The API that the report names; None where it names none."""
    return next((each.sent for each in answer.report if each.path == "api"), None)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("gpt-4o", {"tools": [TOOL]}),
        ("gpt-5", {"tools": [TOOL], "reasoning_effort": "high"}),
        ("gpt-5.1", {"tools": [TOOL], "reasoning_effort": "high"}),
        ("gpt-5.2", {"tools": [TOOL]}),
        ("gpt-5.4", {"tools": [TOOL], "reasoning_effort": "none"}),
        ("gpt-5.6", {"tools": [TOOL], "reasoning_effort": "none"}),
        ("gpt-5.6", {"tools": [CUSTOM]}),
        ("gpt-5.6", {"tools": []}),
        ("gpt-5.6", {"tools": [TOOL], "n": 2}),
        ("gpt-5.6", {"reasoning_effort": "high"}),
        ("gpt-6-astra", {"tools": [TOOL]}),  # of which it is only supposed
        ("o1", {"tools": [TOOL]}),
        ("o3", {}),
        ("unknown", {"tools": [TOOL]}),
    ],
)
async def test_chat_completions_are_used_where_they_can_be(
    model: str, options: dict[str, Any]
) -> None:
    """Nothing is known to be refused of these, or the other API has less."""
    url, _, answer = await called(f"openai/{model}", **options)
    assert f"{BASE}/chat/completions" == url
    assert api_in(answer) is None


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("gpt-5.2", {"tools": [TOOL], "reasoning_effort": "high"}, "does not reason"),
        ("gpt-5.4-mini", {"tools": [TOOL], "reasoning_effort": "low"}, "does not reason"),
        ("gpt-5.5", {"tools": [TOOL]}, "does not reason"),
        ("gpt-5.6-luna", {"tools": [CUSTOM, TOOL]}, "does not reason"),
        ("gpt-6-sol", {"functions": [FUNCTION]}, "does not reason"),
        ("ft:gpt-5.6:acme::abc", {"tools": [TOOL]}, "does not reason"),
        ("gpt-5-pro", {}, "has no chat"),
        ("o1-pro", {}, "has no chat"),
        ("gpt-5.1-codex-max", {"temperature": 0.5}, "has no chat"),
        ("codex-mini-latest", {}, "has no chat"),
        ("o4-mini-deep-research", {"tools": [SEARCH]}, "has no chat"),
        ("gpt-4o", {"tools": [SEARCH]}, "no tool of the type web_search"),
    ],
)
async def test_the_responses_api_gets_what_they_refuse(
    model: str, options: dict[str, Any], reason: str
) -> None:
    """The effort and the tools stay as they are, and the report says which API it was, and why."""
    url, body, answer = await called(f"openai/{model}", **options)
    assert f"{BASE}/responses" == url
    (chosen,) = [each for each in answer.report if each.path == "api"]
    assert "responses" == chosen.sent
    assert reason in chosen.reason
    assert options.get("reasoning_effort") == body.get("reasoning", {}).get("effort")
    assert len(options.get("tools") or options.get("functions") or ()) == len(body.get("tools", ()))


@pytest.mark.parametrize("name", ["openai/responses/gpt-4o", "responses/gpt-4o"])
async def test_a_models_name_can_ask_for_it(name: str) -> None:
    """With the provider's name before it, or without."""
    url, body, answer = await called(name)
    assert (f"{BASE}/responses", "gpt-4o") == (url, body["model"])
    assert "responses" == api_in(answer)
    assert "gpt-4o" == (await called("responses/openai/gpt-4o"))[1]["model"]


async def test_another_providers_model_is_not_sent_to_openai() -> None:
    """The error says how it is written."""
    with pytest.raises(InvalidRequestError, match="azure/responses/mine"):
        await called("responses/azure/mine")


async def test_a_setting_asks_for_it_or_forbids_it() -> None:
    """Forbidden, an effort is dropped where chat completions refuse it, as the report says."""
    url, _, answer = await called("gpt-4o", provider_settings={"api": "responses"})
    assert (f"{BASE}/responses", "responses") == (url, api_in(answer))
    options: dict[str, Any] = {"tools": [TOOL], "provider_settings": {"api": "chat"}}
    url, body, answer = await called("gpt-5.6", **options)
    assert (f"{BASE}/chat/completions", "none") == (url, body["reasoning_effort"])
    assert ["reasoning_effort"] == [each.path for each in answer.report]
    url, _, _ = await called("gpt-5-pro", provider_settings={"api": "chat"})
    assert f"{BASE}/chat/completions" == url
    with pytest.raises(InvalidRequestError, match="asks for the Responses API"):
        await called("responses/gpt-4o", provider_settings={"api": "chat"})
    with pytest.raises(InvalidRequestError, match="expected 'chat' or 'responses', got 'Chat'"):
        await called("gpt-4o", provider_settings={"api": "Chat"})


async def test_another_host_decides_nothing_by_names() -> None:
    """What OpenAI refuses says nothing of others; asked for it, they get it."""
    there = "https://mine.example/v1"
    url, _, _ = await called("openai/gpt-5.6", tools=[TOOL], base_url=there)
    assert f"{there}/chat/completions" == url
    url, body, _ = await called("openai/responses/acme/large", max_tokens=5, base_url=there)
    assert (f"{there}/responses", "acme/large") == (url, body["model"])
    assert 5 == body["max_output_tokens"]


async def test_legacy_functions_come_back_as_they_were_asked_for() -> None:
    """In both forms of a history, and in a call."""
    messages: list[Any] = [
        *HELLO,
        {"role": "assistant", "content": None, "function_call": {**FUNCTION, "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "Sunny"},
    ]
    url, body, answer = await called(
        "gpt-5.6", messages, functions=[FUNCTION], function_call={"name": "weather"}
    )
    assert f"{BASE}/responses" == url
    assert [
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Sunny"},
    ] == body["input"][1:]
    assert {"type": "function", "name": "weather"} == body["tool_choice"]
    choice = answer.choices[0]
    assert ("function_call", None) == (choice.finish_reason, choice.message.tool_calls)
    assert choice.message.function_call is not None
    assert ("weather", "{}") == (
        choice.message.function_call.name,
        choice.message.function_call.arguments,
    )
    _, body, _ = await called("gpt-5.6", functions=[FUNCTION], function_call="auto")
    assert "auto" == body["tool_choice"]
    with pytest.raises(InvalidRequestError, match="no call of 'weather' precedes it"):
        await called("gpt-5.6", [*HELLO, messages[2]], functions=[FUNCTION])


async def test_what_it_lacks_is_dropped_or_refused() -> None:
    """Tuning is dropped, and reported; what would change the meaning is refused."""
    options: dict[str, Any] = {"seed": 7, "stop": "END", "n": 1, "modalities": ["text"]}
    _, body, answer = await called("responses/gpt-4o", **options)
    assert not {*options} & {*body}
    reported = {each.path: each.reason for each in answer.report if each.kind == "dropped"}
    assert {"seed", "stop", "modalities"} == {*reported}
    assert "the Responses API has no such parameter" == reported["seed"]
    for lacking in ({"n": 2}, {"audio": {"voice": "alloy"}}, {"modalities": ["audio"]}):
        with pytest.raises(UnsupportedError):
            await called("responses/gpt-4o", **lacking)
    with pytest.raises(UnsupportedError, match="seed is not supported"):
        await called("responses/gpt-4o", seed=7, unsupported="raise")


async def test_a_model_that_reasons_takes_no_sampling_there_either() -> None:
    """OpenAI's rules hold for both; an effort of max is the Responses API's alone."""
    _, body, answer = await called("gpt-5.6", tools=[TOOL], temperature=0.5, max_tokens=50)
    assert ("temperature" in body, 50) == (False, body["max_output_tokens"])
    assert "temperature" in answer.report
    assert "max_tokens" not in answer.report
    _, body, _ = await called("responses/gpt-5.6", reasoning_effort="max")
    assert {"effort": "max"} == body["reasoning"]
    _, body, _ = await called("responses/gpt-5.6", reasoning_effort="minimal")
    assert "reasoning" not in body
