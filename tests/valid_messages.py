"""Messages that are valid, and what is left of them without nulls."""

from __future__ import annotations

from typing import Any

from openai.types.chat import (
    ChatCompletionContentPartTextParam,
)

# --- what OpenAI's own types allow ---
# The tables are of the openai package's types, so that its type checker proves each of them valid.

TEXT: ChatCompletionContentPartTextParam = {"type": "text", "text": "Hi"}


def without_nulls(message: Any) -> dict[str, Any]:
    """A message without the keys that say nothing by being null."""
    return {key: value for key, value in message.items() if key == "content" or value is not None}


# --- in which forms they may come ---

HELLO = {"role": "user", "content": "Hi"}


def user(content: Any, **more: Any) -> list[Any]:
    """One message."""
    return [{"role": "user", "content": content, **more}]
