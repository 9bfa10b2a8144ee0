"""Bedrock's count of tokens: what is sent, and what is read."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_bedrock import Bedrock

HI: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{CLAUDE}"
OWN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"


def counted(model: str, body: bytes, **options: Any) -> tuple[Any, Any]:
    """The count, and the requests."""
    transport = CannedTransport([Canned(body=body)])
    settings: dict[str, Any] = {
        "api_key": "k",
        "region": "us-east-1",
        **options.pop("settings", {}),
    }
    provider: Any = with_transport(Bedrock(**settings), transport)
    with Client(providers={"bedrock": provider}) as client:
        found = client.count_tokens(f"bedrock/{model}", HI, **options)
    return found, transport.requests


def test_the_prompt_is_sent_and_nothing_else() -> None:
    """In the form of Converse; the operation has no place for limits and temperatures."""
    options = {"tools": [TOOL], "temperature": 0.5, "max_tokens": 9}
    found, [request] = counted(f"us.{CLAUDE}", b'{"inputTokens": 14}', **options)
    assert (found.tokens, found.is_estimate) == (14, False)
    host = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert request.url == f"{host}/model/{CLAUDE.replace(':', '%3A')}/count-tokens"
    assert {name.lower(): each for name, each in request.headers.items()}[
        "authorization"
    ] == "Bearer k"
    sent: Any = decode_json(request.body)
    assert {*sent} == {"input"}
    assert {*sent["input"]} == {"converse"}
    assert {*sent["input"]["converse"]} == {"messages", "system", "toolConfig"}
    assert sent["input"]["converse"]["system"] == [{"text": "Be brief."}]


@pytest.mark.parametrize(("model", "base_model"), [(PROFILE, None), (OWN, CLAUDE)])
def test_a_profile_stands_for_its_model(model: str, base_model: str | None) -> None:
    """In the region that it names: the operation takes foundation models alone."""
    settings = {} if base_model is None else {"base_model": base_model}
    found, [request] = counted(model, b'{"inputTokens": 7}', settings=settings)
    assert found.tokens == 7
    assert "bedrock-runtime.eu-west-1." in request.url
    assert request.url.endswith(f"/{CLAUDE.replace(':', '%3A')}/count-tokens")


@pytest.mark.parametrize("model", ["us.amazon.nova-lite-v1:0", OWN])
def test_other_models_are_estimated(model: str) -> None:
    """Bedrock counts for Claude alone, and nobody knows what is behind such an ARN."""
    found, requests = counted(model, b"")
    assert found.is_estimate
    assert requests == []


def test_a_response_without_a_count_is_an_error() -> None:
    """It names the body."""
    with pytest.raises(DecodeError, match="counts no tokens"):
        counted(CLAUDE, b'{"tokens": 14}')
