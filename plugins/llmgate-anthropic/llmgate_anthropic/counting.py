"""Anthropic's count of tokens: a call into a request, and the response into a number; no I/O.

Source: https://docs.anthropic.com/en/api/messages-count-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate.errors import DecodeError
from llmgate.models import TokenCount
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Fields, add_frame, json_request, read_json

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
    payload = read_json(response.body)
    try:
        return TokenCount(Fields(payload).integer("input_tokens"))
    except DecodeError as failure:
        add_frame(failure, "the response counts no tokens", response.body)
        raise
