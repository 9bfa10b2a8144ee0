"""Cohere's count of tokens, which is that of texts."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_cohere import Cohere

TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL: Any = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAID: Any = [
    {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "x" * 70_000},
]


def test_long_texts_take_several_requests() -> None:
    """It is an estimate, since what stands between the texts is not counted."""
    transport = CannedTransport(
        [Canned(body=b'{"tokens": [1, 2]}'), Canned(body=b'{"tokens": [3]}')]
    )
    provider: Any = with_transport(Cohere(api_key="k"), transport)
    with Client(providers={"cohere": provider}) as client:
        found = client.count_tokens("cohere/command-a-03-2025", SAID, tools=[TOOL])
    assert (found.tokens, found.is_estimate) == (3, True)
    assert "without what its template" in found.basis
    first, second = [decode_json(each.body) for each in transport.requests]
    assert transport.requests[0].url == "https://api.cohere.com/v1/tokenize"
    assert first["text"].startswith("Hi\nf\n{}\nxxx")
    assert len(first["text"]) == 65_536
    assert second["text"].endswith('"parameters":{"type":"object"}}}]')


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"tokens": 5}'])
def test_a_response_without_tokens_is_an_error(body: bytes) -> None:
    """It names the body."""
    provider: Any = with_transport(Cohere(api_key="k"), CannedTransport([Canned(body=body)]))
    with (
        Client(providers={"cohere": provider}) as client,
        pytest.raises(DecodeError, match="counts no tokens"),
    ):
        client.count_tokens("cohere/command-a-03-2025", [{"role": "user", "content": "Hi"}])
