"""A history that one provider made goes to every other, which converts or reports what it refuses.

Each response has reasoning, where the format has it, and calls a function, whose result follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate._core.registry import installed_providers
from llmgate.provider import Provider
from llmgate.provider.http import HttpResponse
from llmgate.testing import drive
from llmgate.testing.driving import call_of, first_request

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "find_weather", "parameters": CITY}}]
HELLO: list[Any] = [{"role": "user", "content": "How is it in Bern?"}]
FUNCTION = {"name": "find_weather", "arguments": '{"city":"Bern-4711"}'}
ARGUMENTS = {"city": "Bern-4711"}
REASONING = "I look, 4712."
SIGNATURE = "c2lnbmF0dXJlLTQ3MTM="


def openai(identifier: str, **message: Any) -> dict[str, Any]:
    """A response of OpenAI's format."""
    calls = [{"id": identifier, "type": "function", "function": FUNCTION}]
    said = {"role": "assistant", "content": None, **message, "tool_calls": calls}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": said}
    return {"id": "x", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def responses_api(identifier: str) -> dict[str, Any]:
    """A response of OpenAI's Responses API."""
    summary = [{"type": "summary_text", "text": REASONING}]
    thought = {"type": "reasoning", "id": "rs_1", "summary": summary}
    called = {"type": "function_call", "id": "fc_1", "call_id": identifier, **FUNCTION}
    output = [{**thought, "encrypted_content": SIGNATURE}, called]
    return {"object": "response", "id": "x", "status": "completed", "output": output}


RESPONSES: Mapping[str, tuple[str, Any]] = {
    "openai": ("gpt-4o", openai("call_AbC-4714")),
    "azure": ("gpt-4o", openai("call_AbC-4714")),
    "deepseek": ("deepseek-reasoner", openai("call_0_aBc", reasoning_content=REASONING)),
    "groq": ("openai/gpt-oss-120b", openai("fc_4714", reasoning=REASONING)),
    "huggingface": ("moonshotai/Kimi-K2:groq", openai("functions.find_weather:0")),
    "mistral": (
        "magistral-medium-latest",
        openai(
            "AbC4714xY",
            content=[{"type": "thinking", "thinking": [{"type": "text", "text": REASONING}]}],
        ),
    ),
    "anthropic": (
        "claude-sonnet-4-5",
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [
                {"type": "thinking", "thinking": REASONING, "signature": SIGNATURE},
                {
                    "type": "tool_use",
                    "id": "toolu_4714",
                    "name": "find_weather",
                    "input": ARGUMENTS,
                },
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    ),
    "bedrock": (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [
                        {
                            "reasoningContent": {
                                "reasoningText": {"text": REASONING, "signature": SIGNATURE}
                            }
                        },
                        {
                            "toolUse": {
                                "toolUseId": "tooluse_4714",
                                "name": "find_weather",
                                "input": ARGUMENTS,
                            }
                        },
                    ],
                }
            },
            "stopReason": "tool_use",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        },
    ),
    "cohere": (
        "command-a-03-2025",
        {
            "id": "c",
            "finish_reason": "TOOL_CALL",
            "message": {
                "role": "assistant",
                "tool_plan": REASONING,
                "tool_calls": [
                    {"id": "find_weather_4714", "type": "function", "function": FUNCTION}
                ],
            },
        },
    ),
    "gemini": (
        "gemini-2.5-flash",
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [
                            {"text": REASONING, "thought": True},
                            {
                                "functionCall": {"name": "find_weather", "args": ARGUMENTS},
                                "thoughtSignature": SIGNATURE,
                            },
                        ],
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "modelVersion": "m",
        },
    ),
    "openai by Responses": ("gpt-5", responses_api("call_AbC-4714")),
    "azure by Responses": ("gpt-5", responses_api("call_AbC-4714")),
    "xai by Responses": ("grok-4.3", responses_api("call-4714-0")),
    "ollama": (
        "qwen3",
        {
            "model": "qwen3",
            "message": {
                "role": "assistant",
                "content": "",
                "thinking": REASONING,
                "tool_calls": [{"function": {"name": "find_weather", "arguments": ARGUMENTS}}],
            },
            "done": True,
            "done_reason": "stop",
        },
    ),
}
"""By provider, and its API where it has two: a model, and a response of it."""
SIGNED = {
    "anthropic",
    "bedrock",
    "gemini",
    *(name for name in RESPONSES if name.endswith("by Responses")),
}


def provider_of(name: str) -> Provider:
    """A provider as it is installed, with a key and whatever else it needs."""
    settings = {"api_key": "key-1234567890"}
    name, _, api = name.partition(" by ")
    if api:
        settings["api"] = "responses"
    if name == "azure":
        settings["base_url"] = "https://mine.openai.azure.com"
    if name == "bedrock":
        settings["region"] = "us-east-1"
    made: Provider = installed_providers()[name].load()(**settings)
    return made


def history_of(name: str) -> list[Any]:
    """A conversation in which this provider called, with the result of its call."""
    model, response = RESPONSES[name]
    provider = provider_of(name)
    call = call_of(provider, {"model": model, "messages": HELLO, "tools": TOOLS})
    body = json.dumps(response).encode()
    completion = drive(provider.complete(call), [HttpResponse(200, {}, body)]).result
    message: Any = completion.choices[0].message
    (called,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": called.id, "content": "Rain, 4715."}
    return [*HELLO, message, result]


@pytest.mark.parametrize("target", RESPONSES)
@pytest.mark.parametrize("source", RESPONSES)
def test_a_history_goes_to_every_provider(source: str, target: str) -> None:
    """The call, its arguments and its result arrive; signatures of others do not, nor do ids that
    are refused; reasoning arrives, or the report says that it does not."""
    history, provider = history_of(source), provider_of(target)
    call = call_of(provider, {"model": RESPONSES[target][0], "messages": history, "tools": TOOLS})
    sent = first_request(provider.complete(call)).body.decode()
    plain = sent.replace("\\", "")
    assert plain.count('"find_weather"') >= 2
    assert re.search(r'"city": ?"Bern-4711"', plain)
    assert "Rain, 4715." in sent
    assert (SIGNATURE in sent) is (source == target and source in SIGNED)
    reported = {each.path for each in call.report}
    has_reasoning = bool(history[1].reasoning_content)
    is_reported = any(path.startswith("messages[1]") for path in reported)
    assert not has_reasoning or REASONING in sent or is_reported
    if target == "mistral":
        (identifier,) = set(re.findall(r'"tool_call_id":"([^"]*)"', sent))
        assert re.fullmatch("[A-Za-z0-9]{9}", identifier)
        assert sent.count(f'"{identifier}"') == 2
        is_foreign = re.fullmatch("[A-Za-z0-9]{9}", history[2]["tool_call_id"]) is None
        assert ("messages[2].tool_call_id" in reported) is is_foreign
