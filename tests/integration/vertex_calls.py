"""Addresses and credentials of calls of Vertex AI, as they are sent."""

from __future__ import annotations

import asyncio

from llmgate.provider.http import HttpRequest
from llmgate.testing import FixedSigning
from llmgate.testing.driving import call_of, first_request
from llmgate_gemini import VertexAI

HI = {"role": "user", "content": "Hi"}


def url_of(provider: VertexAI, model: str = "gemini-x", *, stream: bool = False) -> str:
    call = call_of(provider, {"model": model, "messages": [HI], "stream": stream})
    return first_request(provider.stream(call) if stream else provider.complete(call)).url


def authorized(provider: VertexAI, signing: FixedSigning, **headers: str) -> dict[str, str]:
    request = HttpRequest("POST", url_of(provider), headers)
    sent = asyncio.run(provider.authorize(request, signing))
    return {name.lower(): value for name, value in sent.headers.items()}
