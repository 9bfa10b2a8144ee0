"""What the tests of this plugin share: what is sent for a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_gemini import Gemini, VertexAI

Sent = Callable[..., tuple[dict[str, Any], ProviderCall]]
HI = ({"role": "user", "content": "Hi"},)


def _sent_by(provider: Gemini | VertexAI) -> Sent:
    def body_of(
        messages: Any = HI, *, model: str = "gemini-3.6-flash", **options: Any
    ) -> tuple[dict[str, Any], ProviderCall]:
        call = call_of(provider, {"model": model, "messages": list(messages), **options})
        flow = provider.stream(call) if options.get("stream") else provider.complete(call)
        return decode_json(first_request(flow).body), call

    return body_of


@pytest.fixture
def sent() -> Sent:
    """The body that the Developer API is sent for a call, and the call with its report."""
    return _sent_by(Gemini(api_key="k"))


@pytest.fixture
def sent_to_vertex() -> Sent:
    """The same for Vertex AI."""
    return _sent_by(VertexAI(api_key="k"))
