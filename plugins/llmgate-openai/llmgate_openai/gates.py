"""Which of OpenAI's models reason, and which parameters they refuse then; it changes no request.

Only what OpenAI's own host enforces is here; a name that is not listed is taken as it comes.
Source: https://platform.openai.com/docs/guides/reasoning, tried out against the API in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

__all__ = ["REFUSED_WHILE_REASONING", "Reasoning", "reasoning_of"]


class Reasoning(Enum):
    """When a model reasons."""

    NEVER = "never"
    ON_REQUEST = "when reasoning_effort is given"
    BY_DEFAULT = "unless reasoning_effort is none"


_BY_PREFIX: Mapping[str, Reasoning] = {
    "o1": Reasoning.BY_DEFAULT,
    "o3": Reasoning.BY_DEFAULT,
    "o4": Reasoning.BY_DEFAULT,
    "gpt-5": Reasoning.BY_DEFAULT,
    "gpt-5-chat": Reasoning.NEVER,
    "gpt-5.1": Reasoning.ON_REQUEST,
    "gpt-5.1-chat": Reasoning.BY_DEFAULT,
    "gpt-5.1-codex": Reasoning.BY_DEFAULT,
    "gpt-5.2": Reasoning.ON_REQUEST,
    "gpt-5.2-chat": Reasoning.BY_DEFAULT,
    "gpt-5.2-pro": Reasoning.BY_DEFAULT,
    "gpt-5.3": Reasoning.ON_REQUEST,
    "gpt-5.3-chat": Reasoning.BY_DEFAULT,
    "gpt-5.4": Reasoning.ON_REQUEST,
    "gpt-5.4-pro": Reasoning.BY_DEFAULT,
    "gpt-5.5": Reasoning.BY_DEFAULT,
    "gpt-6": Reasoning.BY_DEFAULT,
}

REFUSED_WHILE_REASONING: Mapping[str, float | None] = {
    "temperature": 1,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": None,
    "logprobs": None,
    "top_logprobs": None,
}
"""The parameters that are refused, each with the one value that is not."""


def reasoning_of(model: str) -> Reasoning:
    """When a model reasons; the longest known prefix of its name says so."""
    name = model.removeprefix("ft:")
    known = [prefix for prefix in _BY_PREFIX if name.startswith(prefix)]
    return _BY_PREFIX[max(known, key=len)] if known else Reasoning.NEVER
