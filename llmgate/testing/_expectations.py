"""What a recorded response plainly says, where it is of OpenAI's shape.

It reads only what every host of that shape agrees on, and says nothing where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmgate.errors import LLMGateError
from llmgate.provider.framing import SSEFramer
from llmgate.provider.http import HttpResponse, decode_json, is_array, is_object

_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls"})
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def plainly_said(response: HttpResponse, *, is_stream: bool) -> dict[str, Any]:
    """The fields of a recorded exchange that follow from the response; none for another shape."""
    try:
        payloads = list(_events(response.body)) if is_stream else [response.json()]
    except LLMGateError:
        return {}
    if not all(is_object(payload) and not payload.get("error") for payload in payloads):
        return {}
    message, reason = _joined(payloads) if is_stream else _first_message(payloads[0])
    calls = _calls(message.get("tool_calls"))
    said: dict[str, Any] = {
        "text": _text(message.get("content")),
        "reasoning": _text(message.get("reasoning_content")),
        "tool_calls": calls,
        "finish_reason": reason if reason in _REASONS and _agrees(reason, message) else None,
        "usage": _usage(payloads),
    }
    return {name: value for name, value in said.items() if value is not None}


def _events(body: bytes) -> Iterator[Any]:
    framer = SSEFramer()
    for frame in (*framer.feed(body), *framer.close()):
        if frame.data not in (b"", b"[DONE]"):
            yield decode_json(frame.data)


def _first_message(payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    for choice in _choices(payload):
        message = choice.get("message")
        return message if is_object(message) else {}, choice.get("finish_reason")
    return {}, None


def _choices(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of the first answer."""
    choices = payload.get("choices")
    found = choices if is_array(choices) else []
    return [choice for choice in found if is_object(choice) and choice.get("index") in (0, None)]


def _joined(payloads: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], Any]:
    """The message of a stream's pieces, and why it ended."""
    texts: dict[str, str] = {}
    calls: dict[Any, dict[str, Any]] = {}
    reason: Any = None
    for choice in (choice for payload in payloads for choice in _choices(payload)):
        reason = choice.get("finish_reason") or reason
        delta = choice.get("delta")
        for name, value in delta.items() if is_object(delta) else ():
            if isinstance(value, str):
                texts[name] = texts.get(name, "") + value
            if name == "tool_calls" and is_array(value):
                _join_calls(calls, value)
    return {**texts, "tool_calls": list(calls.values())}, reason


def _join_calls(calls: dict[Any, dict[str, Any]], fragments: Iterable[Any]) -> None:
    for fragment in fragments:
        function = fragment.get("function") if is_object(fragment) else None
        if not is_object(function):
            continue
        function_so_far = calls.setdefault(fragment.get("index"), {"function": {}})["function"]
        for name in ("name", "arguments"):
            piece = function.get(name)
            if isinstance(piece, str):
                function_so_far[name] = function_so_far.get(name, "") + piece


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _calls(calls: Any) -> list[tuple[str, Any]] | None:
    """Names and arguments; None where one is not as OpenAI itself gives it."""
    try:
        found = [
            (str(call["function"]["name"]), decode_json(call["function"]["arguments"].encode()))
            for call in (calls or ())
        ]
    except (LLMGateError, LookupError, TypeError, AttributeError):
        return None
    return found or None


def _agrees(reason: str, message: Mapping[str, Any]) -> bool:
    """Whether the reason says no less than the message: some hosts say stop of a call."""
    return (reason == "tool_calls") == bool(message.get("tool_calls")) and not message.get(
        "function_call"
    )


def _usage(payloads: Iterable[Mapping[str, Any]]) -> dict[str, int] | None:
    """The last counts that are whole numbers."""
    counted: dict[str, int] | None = None
    for payload in payloads:
        usage = payload.get("usage")
        found = [usage.get(name) for name in _COUNTS] if is_object(usage) else []
        whole = [count for count in found if type(count) is int]
        if len(whole) == len(_COUNTS):
            counted = dict(zip(_COUNTS, whole, strict=True))
    return counted
