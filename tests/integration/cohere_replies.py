"""Whole replies of Cohere, and the completions that they are decoded as."""

from __future__ import annotations

import re
from typing import Any

from llmgate.provider.http import HttpResponse, encode_json
from llmgate.provider.kit import NameMap
from llmgate.types import Completion
from llmgate_cohere import decode

NAMES = NameMap(["get-it"], re.compile("[a-z_]+"), "Cohere accepts no hyphens")
TEXT = {"type": "text", "text": "Hello"}
USAGE = {
    "billed_units": {"input_tokens": 5.0, "output_tokens": 2.0, "search_units": 1.0},
    "tokens": {"input_tokens": 71.0, "output_tokens": 9.0},
}


def call(arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    """A call as Cohere makes it."""
    return {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": arguments},
    } | more


def reply(message: Any, reason: Any = "COMPLETE", **more: Any) -> HttpResponse:
    """A reply with this message."""
    said = {"id": "r1", "finish_reason": reason, "message": message, **more}
    return HttpResponse(200, {}, encode_json(said))


def decoded(message: Any, reason: Any = "COMPLETE", **more: Any) -> Completion:
    """What such a reply is decoded into."""
    return decode(reply(message, reason, **more), "c9", "command-r", NAMES)
