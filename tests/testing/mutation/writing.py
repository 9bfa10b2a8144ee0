"""How the exchanges of this folder are written down: responses, streams and errors, in short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import LLMGateError
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing import RecordedExchange

__all__ = ["event_stream", "refused", "tool", "whole"]


def whole(name: str, call: Mapping[str, Any], payload: Any, **expected: Any) -> RecordedExchange:
    """An exchange whose response is one JSON value, or these bytes."""
    body = payload if isinstance(payload, bytes) else encode_json(payload)
    response = HttpResponse(200, {"content-type": "application/json"}, body)
    return RecordedExchange(name, call, (response,), **expected)


def event_stream(
    name: str, call: Mapping[str, Any], *events: Any, done: bytes = b"", **expected: Any
) -> RecordedExchange:
    """An exchange whose response is a stream of server-sent events."""
    body = b"".join(map(_event, events)) + done
    response = HttpResponse(200, {"content-type": "text/event-stream"}, body)
    return RecordedExchange(name, {**call, "stream": True}, (response,), **expected)


def _event(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    head = b"event: %s\n" % event["type"].encode() if "type" in event else b""
    return head + b"data: " + encode_json(event) + b"\n\n"


def refused(
    call: Mapping[str, Any], status: int, payload: Any, error: type[LLMGateError], **expected: Any
) -> RecordedExchange:
    """An exchange whose response is an error."""
    response = HttpResponse(status, {"content-type": "application/json"}, encode_json(payload))
    name = f"{status} {error.__name__} {expected.get('code')}"
    return RecordedExchange(name, call, (response,), error=error, **expected)


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """A tool with these properties."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": f"To {name}.", "parameters": schema}
    return {"type": "function", "function": function}
