"""Gemini's count of tokens: what is sent, and what is read."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError
from llmgate.provider.http import decode_json
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_gemini import Gemini

HI: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "tunedModels/mine"])
def test_the_whole_request_is_counted(model: str) -> None:
    """With the instruction."""
    transport = CannedTransport([Canned(body=b'{"totalTokens": 14}'), Canned(body=b"{}")])
    provider: Any = with_transport(Gemini(api_key="k"), transport)
    with Client(providers={"gemini": provider}) as client:
        found = client.count_tokens(f"gemini/{model}", HI)
        with pytest.raises(DecodeError, match="counts no tokens"):
            client.count_tokens(f"gemini/{model}", HI)
    request = transport.requests[0]
    assert (found.tokens, found.is_estimate) == (14, False)
    name = model if "/" in model else f"models/{model}"
    host = "https://generativelanguage.googleapis.com/v1beta"
    assert request.url == f"{host}/{name}:countTokens"
    asked = decode_json(request.body)["generateContentRequest"]
    assert asked["model"] == name
    assert {"contents", "systemInstruction"} <= {*asked}
