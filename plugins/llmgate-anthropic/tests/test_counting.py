"""Anthropic's count of tokens: what is sent, and what is read."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_anthropic import Anthropic

HI: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def counted(body: bytes, **options: Any) -> tuple[Any, Any]:
    """The count, and the request."""
    transport = CannedTransport([Canned(body=body)])
    provider: Any = with_transport(Anthropic(api_key="k"), transport)
    with Client(providers={"anthropic": provider}) as client:
        found = client.count_tokens("anthropic/claude-sonnet-4-5", HI, **options)
    return found, transport.requests[0]


def test_the_prompt_is_sent_and_nothing_else() -> None:
    """A limit, a temperature and the like would be refused."""
    found, request = counted(b'{"input_tokens": 14}', tools=[TOOL], temperature=0.5, max_tokens=9)
    assert (found.tokens, found.is_estimate) == (14, False)
    assert request.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert {*decode_json(request.body)} == {"model", "messages", "system", "tools"}
    assert request.headers["x-api-key"] == "k"
    assert request.headers["anthropic-version"]


def test_a_response_without_a_count_is_an_error() -> None:
    """It names the body."""
    with pytest.raises(DecodeError, match="counts no tokens"):
        counted(b'{"tokens": 14}')
