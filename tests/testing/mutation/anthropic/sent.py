"""How it is written down what is to be sent to Anthropic: bodies, headers and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate.testing import CANARY, GoldenCall
from tests.testing.mutation.anthropic.values import ASK, TOOLS

__all__ = ["MARK", "SAID", "SAMPLED", "SENT_TOOLS", "block", "chosen", "golden", "in_user", "said"]

URL = "https://api.anthropic.com/v1/messages"
MARK = {"type": "ephemeral"}
NEWEST, SAMPLED = "2026-10-21", "2023-06-01"
SAID = [{"type": "text", "text": "Weather in Zürich?"}]
BODY = {
    "model": "claude-haiku-4-5",
    "max_tokens": 2000,
    "messages": [{"role": "user", "content": SAID}],
}
SENT_TOOLS = [
    {
        "name": tool["function"]["name"],
        "description": tool["function"]["description"],
        "input_schema": tool["function"]["parameters"],
    }
    for tool in TOOLS
]


def golden(
    name: str,
    options: dict[str, Any],
    report: Sequence[str] = (),
    /,
    version: str = NEWEST,
    **sent: Any,
) -> GoldenCall:
    """A call with these options, and what is sent beside the usual."""
    call = {key: value for key, value in {**ASK, **options}.items() if value is not ...}
    body = {key: value for key, value in {**BODY, **sent}.items() if value is not ...}
    headers = {
        "x-api-key": CANARY,
        "anthropic-version": version,
        "content-type": "application/json",
    }
    return GoldenCall(name, call, body, URL, headers, list(report))


def said(name: str, messages: list[Any], report: Sequence[str] = (), /, **sent: Any) -> GoldenCall:
    """A call with these messages."""
    return golden(name, {"messages": messages}, report, **sent)


def in_user(name: str, part: Any, sent: Any, report: Sequence[str] = ()) -> GoldenCall:
    """A call with this part in the user's message."""
    messages = [{"role": "user", "content": [part]}]
    return said(name, messages, report, messages=[{"role": "user", "content": [sent]}])


def chosen(name: str, choice: Any, sent: Any, **more: Any) -> GoldenCall:
    """A call with tools, of which this is the choice."""
    options = {"tools": TOOLS, "tool_choice": choice, **more}
    return golden(name, options, tools=SENT_TOOLS, tool_choice=sent)


def user(content: Any) -> dict[str, Any]:
    """A turn of the user."""
    return {"role": "user", "content": content}


def block(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}
