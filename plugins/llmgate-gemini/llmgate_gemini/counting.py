"""Gemini's count of tokens: a body into a request, and the response into a number; no I/O.

Source: https://ai.google.dev/api/tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.models import TokenCount
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Fields, json_request, read_response
from llmgate_gemini.request.address import method_url

__all__ = ["count_of", "count_request"]


def count_request(body: Mapping[str, Any], model: str, model_url: str) -> HttpRequest:
    """The request, without credentials."""
    name = model if "/" in model else f"models/{model}"
    asked = {"generateContentRequest": {"model": name, **body}}
    return json_request(method_url(model_url, "countTokens"), asked)


def count_of(response: HttpResponse) -> TokenCount:
    """The number in a response.

    Raises:
        DecodeError: when there is none; ``frame`` is the body.
    """
    return read_response(
        response,
        lambda payload: TokenCount(Fields(payload).integer("totalTokens")),
        "the response counts no tokens",
    )
