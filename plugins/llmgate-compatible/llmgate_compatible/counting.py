"""llama.cpp's count of tokens: the prompt that a template makes, and its tokens; no I/O.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import TokenCount
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow
from llmgate.provider.kit import Fields, add_frame, json_request, read_json

__all__ = ["count_prompt"]


def count_prompt(call: ProviderCall, url: Callable[[str], str]) -> Flow[TokenCount]:
    """The flow that asks for the prompt of a conversation, and for the tokens of that.

    Raises:
        DecodeError: when a response has neither; ``frame`` is its body.
    """
    asked: dict[str, Any] = {"messages": call.messages}
    if "tools" in call.parameters:
        asked["tools"] = call.parameters["tools"]
    response = yield json_request(_beside_version(url("/apply-template")), asked)
    try:
        prompt = Fields(read_json(response.body)).text("prompt")
        whole = {"content": prompt, "add_special": True, "parse_special": True}
        response = yield json_request(_beside_version(url("/tokenize")), whole)
        tokens = read_json(response.body)
        if "tokens" not in Fields(tokens).payload:
            raise DecodeError("it has no tokens")
        return TokenCount(len(Fields(tokens).array("tokens")))
    except DecodeError as failure:
        add_frame(failure, "the response counts no tokens", response.body)
        raise


def _beside_version(url: str) -> str:
    """The address of a route that stands beside ``/v1``, and not behind it."""
    return re.sub(r"/v\d+(/[a-z-]+)", r"\1", url, count=1)
