"""Anthropic's count of tokens: a call into a request, and the response into a number; no I/O.

Source: https://docs.anthropic.com/en/api/messages-count-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import json_request

if TYPE_CHECKING:
    from llmgate_anthropic.request.body import Encoded

__all__ = ["count_request"]

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
