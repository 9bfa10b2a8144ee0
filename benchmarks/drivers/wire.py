"""What the drivers that read JSON themselves share: addresses, events, where the text stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.drivers import KEY, Task

__all__ = ["DIALECTS", "Wire", "body_of", "events_of", "headers_of"]


class Wire(NamedTuple):
    """How a dialect is read."""

    path: str
    text: Callable[[Any], str]
    """Of a whole answer."""
    delta: Callable[[Any], str | None]
    """Of an event of a stream."""


def events_of(data: bytes) -> tuple[list[bytes], bytes]:
    """The data of all events that are whole, and what is left."""
    *whole, rest = data.split(b"\n\n")
    found: list[bytes] = []
    for event in whole:
        at = event.find(b"data: ")
        if at >= 0:
            found.append(event[at + 6 :])
    if found and found[-1] == b"[DONE]":
        found.pop()
    return found, rest


def headers_of(task: Task) -> dict[str, str]:
    """The headers of every request."""
    headers = {"Content-Type": "application/json"}
    if task.dialect == "openai":
        return {**headers, "Authorization": f"Bearer {KEY}"}
    return {**headers, "x-api-key": KEY, "anthropic-version": "2023-06-01"}


def body_of(task: Task, *, stream: bool = False) -> dict[str, Any]:
    """A request, to be encoded anew for each call."""
    body: dict[str, Any] = {"model": task.model, "messages": task.messages, **task.limits}
    body |= dict(task.options)
    if task.dialect == "anthropic":
        system, *turns = task.messages
        body |= {"messages": turns, "system": system["content"]}
    if stream:
        body["stream"] = True
        if task.dialect == "openai":
            body["stream_options"] = {"include_usage": True}
    return body


def _openai_text(answer: Any) -> str:
    message = answer["choices"][0]["message"]
    calls = message.get("tool_calls")
    text: str = calls[0]["function"]["arguments"] if calls else message["content"]
    return text


def _openai_delta(event: Any) -> str | None:
    choices = event["choices"]
    if not choices:
        return None
    delta = choices[0]["delta"]
    text: str | None = delta.get("content")
    if not text:
        text = delta.get("reasoning") or delta.get("reasoning_content") or text
    if text is None and "tool_calls" in delta:
        text = delta["tool_calls"][0]["function"]["arguments"]
    return text


def _anthropic_text(answer: Any) -> str:
    text: str = answer["content"][0]["text"]
    return text


def _anthropic_delta(event: Any) -> str | None:
    if event["type"] != "content_block_delta":
        return None
    delta = event["delta"]
    text: str | None = delta.get("text") or delta.get("thinking") or delta.get("partial_json")
    return text


DIALECTS = {
    "openai": Wire("/v1/chat/completions", _openai_text, _openai_delta),
    "anthropic": Wire("/v1/messages", _anthropic_text, _anthropic_delta),
}
