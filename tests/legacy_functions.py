"""What tests of legacy functions share."""

from __future__ import annotations

from typing import Any

USER: dict[str, Any] = {"role": "user", "content": "Hi"}


def result(name: str = "weather", content: str | None = "sunny") -> dict[str, Any]:
    """The result of such a call."""
    return {"role": "function", "name": name, "content": content}


def tool_result(identifier: str, content: str = "sunny") -> dict[str, Any]:
    """The result of a tool call."""
    return {"role": "tool", "tool_call_id": identifier, "content": content}
