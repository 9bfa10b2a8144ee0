"""The Responses API of hosts whose rows have it: where calls go, what is left out, recordings."""

from __future__ import annotations

import json
from typing import Any

import pytest

import llmgate_compatible
from llmgate import Client
from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.testing import CANARY, Canned, CannedTransport, ProviderConformance
from llmgate.types import Completion
from llmgate_compatible import host
from tests.responses_corpus import recorded

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "encrypted_content": "c2VhbGVk",
}
OPEN = {**THOUGHT, "encrypted_content": None, "content": [{"type": "reasoning_text", "text": "I"}]}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}


async def called(
    model: str, messages: Any = None, output: Any = (THOUGHT, SAID), **options: Any
) -> tuple[str, dict[str, Any], Completion]:
    """Where a call goes, its body, and the completion, as a whole and as a stream."""
    response = {"object": "response", "status": "completed", "output": list(output)}
    event = {"type": "response.completed", "response": response}
    canned = [
        Canned.json(response),
        Canned(body=b"data: " + json.dumps(event).encode() + b"\n\n"),
    ]
    transport = CannedTransport(canned)
    async with Client(transport=transport, max_retries=0) as client:
        call: Any = client.acompletion
        asked = messages or HELLO
        answer = await call(model, asked, api_key=CANARY, **options)
        stream = await call(model, asked, api_key=CANARY, stream=True, **options)
        assert answer == await stream.completion()
    whole, streamed = transport.requests
    assert {**json.loads(whole.body), "stream": True} == json.loads(streamed.body)
    assert whole.url == streamed.url
    return whole.url, json.loads(whole.body), answer


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("deepseek", "https://api.deepseek.com/responses"),
        ("groq", "https://api.groq.com/openai/v1/responses"),
        ("lmstudio", "http://localhost:1234/v1/responses"),
        ("openrouter", "https://openrouter.ai/api/v1/responses"),
        ("vllm", "http://localhost:8000/v1/responses"),
        ("xai", "https://api.x.ai/v1/responses"),
    ],
)
async def test_a_host_that_has_it_is_asked_there(name: str, url: str) -> None:
    """By the model's name, or by the setting; nothing is stored, and the report names the API."""
    asked, body, answer = await called(f"{name}/responses/acme/m")
    assert (url, "acme/m", False) == (asked, body["model"], body["store"])
    assert (name == "xai") == ("include" in body)
    assert "api" in answer.report
    asked, body, _ = await called(f"{name}/m", provider_settings={"api": "responses"})
    assert (url, "m") == (asked, body["model"])


async def test_what_it_gave_goes_back_to_it() -> None:
    """Under its own name: reasoning that is encrypted, or open."""
    _, _, answer = await called("xai/responses/grok-4.3", output=[OPEN, SAID])
    message: Any = answer.choices[0].message
    assert ("I", [OPEN, SAID]) == (
        message.reasoning_content,
        message.provider_data["xai"]["items"],
    )
    _, body, _ = await called("xai/responses/grok-4.3", [*HELLO, message, *HELLO])
    assert ["content", "encrypted_content", "summary", "type"] == sorted(body["input"][1])
    _, body, answer = await called("deepseek/responses/m", [*HELLO, message, *HELLO])
    assert {"role": "assistant", "content": "Hi"} == body["input"][1]
    assert "messages[1].provider_data.xai" in answer.report


async def test_what_the_host_refuses_is_left_out() -> None:
    """And what the API does not have; each is reported or refused."""
    _, body, answer = await called("xai/responses/m", service_tier="flex", seed=7)
    assert {"service_tier", "seed"}.isdisjoint(body)
    assert {"service_tier", "seed"} <= {each.path for each in answer.report}
    with pytest.raises(UnsupportedError, match="n is not supported"):
        await called("xai/responses/m", n=2)


async def test_a_host_that_is_not_known_to_have_it() -> None:
    """A model may be called so; the setting is refused, as is a name of no API."""
    with pytest.raises(InvalidRequestError, match="Cerebras is not known to have"):
        await called("cerebras/m", provider_settings={"api": "responses"})
    with pytest.raises(InvalidRequestError, match="expected 'chat' or 'responses'"):
        await called("xai/m", provider_settings={"api": "both"})
    acme = host("acme", base_url="https://acme.example/v1")(api_key=CANARY, api="chat")
    transport = CannedTransport([Canned(500)])
    async with Client(providers={"acme": acme}, transport=transport, max_retries=0) as client:
        with pytest.raises(Exception, match="500"):
            await client.acompletion("acme/responses/m", HELLO)
    assert "responses/m" == json.loads(transport.requests[0].body)["model"]


def test_a_row_says_how() -> None:
    """Its table is checked like every other column."""
    made = host("acme", base_url="https://acme.example/v1", responses={"encrypted": True})
    assert made(api_key=CANARY).configured(api="responses") is not None
    with pytest.raises(InvalidRequestError, match=r"acme.responses.without"):
        host("acme", base_url="https://acme.example/v1", responses={"without": ["x"]})


class _Recorded(ProviderConformance):
    pytestmark = pytest.mark.exhaustive  # the same code, at the addresses of other hosts
    most_splits = most_cuts = 4


def _suite(name: str) -> type[ProviderConformance]:
    provider = getattr(llmgate_compatible, name)(api_key=CANARY, api="responses")
    own = {"provider": provider, "exchanges": tuple(recorded(name))}
    return type(f"Test_{name}", (_Recorded,), own)


globals().update({f"Test_{name}": _suite(name) for name in ("deepseek", "openrouter", "xai")})
