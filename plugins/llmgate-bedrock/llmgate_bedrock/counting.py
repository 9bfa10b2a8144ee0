"""Bedrock's count of tokens: a call into a request, and the response into a number; no I/O.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import UnsupportedError
from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import json_request

__all__ = ["count_request", "counted_model"]

_COUNTED = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})
"""What of a call's body is its prompt; the operation has no place for anything else."""
_FOUNDATION_MODEL = re.compile(r"anthropic\.claude-[\w.:-]+$")


def counted_model(model: str) -> str:
    """The foundation model in a name: the operation takes no inference profile.

    Raises:
        UnsupportedError: for a model that Bedrock does not count for: all but Claude.
    """
    found = _FOUNDATION_MODEL.search(model)
    if found is None:
        raise UnsupportedError(f"Bedrock counts no tokens for {model}")
    return found[0]


def count_request(body: Mapping[str, Any], url: str) -> HttpRequest:
    """The request, without credentials."""
    counted = {name: value for name, value in body.items() if name in _COUNTED}
    return json_request(url, {"input": {"converse": counted}})
