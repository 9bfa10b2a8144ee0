"""Conversations cut to a number of tokens, the latest messages kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.provider.http import is_object
from llmgate_litellm._models import get_model_info
from llmgate_litellm._tokens import decode, encode, token_counter

__all__ = ["trim_messages"]

_OF_SYSTEM = ("system", "developer")


def trim_messages(
    messages: Iterable[Any],
    model: str | None = None,
    trim_ratio: float = 0.75,
    return_response_tokens: bool = False,
    max_tokens: int | None = None,
) -> Any:
    """The messages without the oldest, so that they have at most so many tokens by estimate.

    Instructions stay. Where they and the last message are too long together, the end of the last
    one's text is left out. Results of tools at the beginning, whose calls are gone, go as well.

    Args:
        messages: The conversation.
        model: Its limit holds where ``max_tokens`` is not given.
        trim_ratio: Which part of the model's limit may be used.
        return_response_tokens: Give a pair with the number of tokens that are left.
        max_tokens: The limit.

    Raises:
        Exception: when neither a limit nor a model with a known one is given.
    """
    given = [*messages]
    limit = _limit(model or "", trim_ratio) if max_tokens is None else max_tokens
    fixed = [each for each in given if _role(each) in _OF_SYSTEM]
    others = [each for each in given if _role(each) not in _OF_SYSTEM]
    while len(others) > 1 and token_counter(messages=[*fixed, *others]) > limit:
        del others[0]
        while len(others) > 1 and _role(others[0]) in ("tool", "function"):
            del others[0]
    excess = token_counter(messages=[*fixed, *others]) - limit if others else 0
    if excess > 0:
        others[0] = _shortened(others[0], excess)
    kept = [*fixed, *others]
    return (kept, max(limit - token_counter(messages=kept), 0)) if return_response_tokens else kept


def _limit(model: str, ratio: float) -> int:
    info = get_model_info(model)
    most: int | None = info.get("max_input_tokens") or info["max_tokens"]
    if most is None:
        raise Exception(f"This model isn't mapped yet. model={model}: give max_tokens=")
    return int(most * ratio)


def _role(message: Any) -> Any:
    return message.get("role") if is_object(message) else getattr(message, "role", None)


def _shortened(message: Any, excess: int) -> Any:
    """A message without the last so many tokens of its text."""
    text = message.get("content") if is_object(message) else None
    if not isinstance(text, str):
        return message
    tokens = encode(text=text)
    return {**message, "content": decode(tokens=tokens[: max(len(tokens) - excess, 1)])}
