"""How Cohere's models take each parameter; it changes no request.

Source: https://docs.cohere.com/docs/models
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmgate.provider import Rule, Support

__all__ = ["PARAMETERS", "abilities_of"]

PARAMETERS: Mapping[str, Support] = {
    **dict.fromkeys(("logprobs", "max_tokens"), Support.NATIVE),
    **dict.fromkeys(
        (
            *("frequency_penalty", "function_call", "functions", "max_completion_tokens"),
            *("modalities", "presence_penalty", "reasoning_effort", "response_format", "seed"),
            *("stop", "temperature", "tool_choice", "tools", "top_p"),
        ),
        Support.TRANSLATED,
    ),
}

_NOT_REASONING = re.compile(
    r"command(-light|-nightly|-light-nightly|-r\b.*|-r7b.*|-a-03-2025|-a-vision.*|-a-translate.*)?"
    r"|c4ai-.*"
)
"""Models that cannot reason, and refuse ``thinking``; newer models accept it."""


def abilities_of(model: str) -> Mapping[str, Support | Rule]:
    """What a model takes: everything, but that only some can reason."""
    if _NOT_REASONING.fullmatch(model) is None:
        return PARAMETERS
    rule = Rule(f"{model} does not reason", allowed=())
    return {**PARAMETERS, "reasoning_effort": rule}
