"""What is asked of the upstream: a conversation, and functions that may be called.

Both are made from nothing. What is answered is the matter of ``payloads``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from benchmarks.texts import prose

__all__ = ["conversation", "tools"]

JSON: TypeAlias = dict[str, Any]


def conversation(turns: int, length: int) -> list[JSON]:
    """A system message and turns of about this many bytes each; the last one asks."""
    said = prose(length)
    messages: list[JSON] = [{"role": "system", "content": "Answer in one sentence."}]
    for turn in range(turns - 2):
        role = "assistant" if turn % 2 else "user"
        messages.append({"role": role, "content": f"{turn}: {said}"})
    messages.append({"role": "user", "content": "How many lines has the keeper written?"})
    return messages


def tools(count: int) -> list[JSON]:
    """Functions with four parameters each, described as people describe them."""
    return [{"type": "function", "function": _function(at)} for at in range(count)]


def _function(at: int) -> JSON:
    fields: JSON = {
        "city": {"type": "string", "description": "The city, with its country where in doubt"},
        "days": {"type": "integer", "minimum": 1, "maximum": 14, "description": "How far ahead"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "hours": {"type": "array", "items": {"type": "integer"}, "description": "None for all"},
    }
    return {
        "name": f"forecast_{at}",
        "description": "The weather of the days to come, as the lighthouse's own station sees it.",
        "parameters": {"type": "object", "properties": fields, "required": ["city", "days"]},
    }
