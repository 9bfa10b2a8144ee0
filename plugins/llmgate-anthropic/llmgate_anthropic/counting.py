"""Anthropic's count of tokens: a call into a request, and the response into a number; no I/O.

Source: https://docs.anthropic.com/en/api/messages-count-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate.models import TokenCount
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Fields, json_request, read_response

if TYPE_CHECKING:
    from llmgate_anthropic.request.body import Encoded

__all__ = ["count_of", "count_request"]

_COUNTED = frozenset(
    {
        *("model", "messages", "system", "tools", "tool_choice", "thinking", "mcp_servers"),
        *("context_management", "output_config", "output_format", "cache_control"),
    }
)
"""What of a call's body is its prompt; the host refuses anything else."""


def count_request(encoded: Encoded, url: str) -> HttpRequest:
    """The request, without credentials."""
    body = {name: value for name, value in encoded.body.items() if name in _COUNTED}
    return json_request(url, body, {"anthropic-version": encoded.version})


def count_of(response: HttpResponse) -> TokenCount:
    """The number in a response.

    Raises:
        DecodeError: when there is none; ``frame`` is the body.
    """
    return read_response(
        response,
        lambda payload: TokenCount(Fields(payload).integer("input_tokens")),
        "the response counts no tokens",
    )
