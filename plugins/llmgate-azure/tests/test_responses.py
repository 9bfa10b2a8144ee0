"""Azure's Responses API: its addresses, when it is chosen, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import ContentFilterError, UnsupportedError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport
from llmgate.types import Completion

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "weather"}}
CHAT = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"}}]}'
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
RESPONSE = {"object": "response", "status": "completed", "output": [SAID]}
MINE = "https://mine.openai.azure.com"


def answer_to(request: HttpRequest) -> Canned:
    """A response of whichever API was asked."""
    if "/responses" not in request.url:
        return Canned(body=CHAT)
    if json.loads(request.body).get("stream"):
        event = {"type": "response.completed", "response": RESPONSE}
        return Canned(body=b"data: " + json.dumps(event).encode() + b"\n\n")
    return Canned.json(RESPONSE)


async def called(
    model: str, base_url: str = MINE, **options: Any
) -> tuple[str, dict[str, Any], Completion]:
    """Where a call goes, its body, and the completion."""
    transport = CannedTransport(answer_to)
    async with Client(transport=transport, max_retries=0) as client:
        call: Any = client.acompletion
        answer = await call(
            f"azure/{model}", HELLO, api_key="key-1234567890", base_url=base_url, **options
        )
        if options.get("stream"):
            answer = await answer.completion()
    (request,) = transport.requests
    return request.url, json.loads(request.body), answer


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("base_url", "version", "url"),
    [
        (MINE, None, f"{MINE}/openai/v1/responses"),
        (MINE, "preview", f"{MINE}/openai/v1/responses?api-version=preview"),
        (MINE, "2025-04-01-preview", f"{MINE}/openai/responses?api-version=2025-04-01-preview"),
        (
            f"{MINE}/openai/deployments/theirs?api-version=2025-04-01-preview",
            None,
            f"{MINE}/openai/responses?api-version=2025-04-01-preview",
        ),
    ],
)
async def test_each_family_has_its_address(
    base_url: str, version: str | None, url: str, stream: bool
) -> None:
    """The deployment is in the body; one that the endpoint names takes precedence."""
    asked, body, answer = await called(
        "responses/mine", base_url, api_version=version, stream=stream
    )
    assert url == asked
    assert ("theirs" if "theirs" in base_url else "mine") == body["model"]
    assert ("model" in answer.report) == ("theirs" in base_url)
    assert {"api", "store"} <= {each.path for each in answer.report}
    assert "Hi" == answer.text


async def test_what_chat_completions_refuse_goes_there() -> None:
    """By the deployment's name, where the endpoint is known to have that API."""
    asked, body, _ = await called("gpt-5.6-mini", tools=[TOOL], max_tokens=5)
    assert f"{MINE}/openai/v1/responses" == asked
    assert 16 == body["max_output_tokens"]
    asked, _, _ = await called("gpt-5.6-mini", tools=[TOOL], api_version="2024-10-21")
    assert "/chat/completions" in asked
    asked, _, _ = await called("mine", tools=[TOOL], reasoning_effort="high")
    assert f"{MINE}/openai/v1/chat/completions" == asked
    asked, _, _ = await called("gpt-5.6", tools=[TOOL], provider_settings={"api": "chat"})
    assert f"{MINE}/openai/v1/chat/completions" == asked
    named = f"{MINE}/openai/deployments/gpt-5-pro?api-version=2025-04-01-preview"
    asked, _, _ = await called("mine", named)
    assert f"{MINE}/openai/responses?api-version=2025-04-01-preview" == asked


@pytest.mark.parametrize("base_url", [f"{MINE}/models", "https://a.eastus.models.ai.azure.com"])
async def test_other_endpoints_have_none(base_url: str) -> None:
    """The error says which has."""
    with pytest.raises(UnsupportedError, match="/openai/v1"):
        await called("mine", base_url, provider_settings={"api": "responses"})


async def test_a_filter_that_blocked_the_prompt() -> None:
    """It is the same error as in chat completions."""
    body: dict[str, Any] = {
        "error": {"code": "content_filter", "message": "no", "content_filters": []}
    }
    transport = CannedTransport([Canned.json(body, status=400)])
    async with Client(transport=transport, max_retries=0) as client:
        with pytest.raises(ContentFilterError):
            await client.acompletion(
                "azure/responses/mine", HELLO, api_key="key-1234567890", base_url=MINE
            )
