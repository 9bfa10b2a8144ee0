"""Events of the Responses API, and the completions that are read of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.testing import drive, read_stream
from llmgate.testing.driving import call_of
from llmgate.types import Completion, Message
from llmgate_openai import OpenAI
from llmgate_openai.responses import ResponsesDecoder

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
HEAD = {"id": "resp_1", "object": "response", "created_at": 7.0, "model": "gpt-5"}
USAGE = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
DONE: dict[str, Any] = {
    **HEAD,
    "status": "completed",
    "output": [],
    "usage": USAGE,
    "service_tier": "flex",
}
CREATED = {"type": "response.created", "response": {**HEAD, "status": "in_progress"}}
COMPLETED: dict[str, Any] = {"type": "response.completed", "response": DONE}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the first item."""
    return {"type": f"response.{kind}", "output_index": 0, **fields}


def added(item: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """An item begins."""
    return event("output_item.added", output_index=place, item=item)


def text(piece: Any, place: Any = 0, **fields: Any) -> dict[str, Any]:
    """A piece of a text."""
    return event("output_text.delta", output_index=place, delta=piece, content_index=0, **fields)


def written(events: Iterable[Any]) -> bytes:
    """Events as they come."""
    return b"".join(
        b"data: " + (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n\n"
        for each in events
    )


def read(*events: Any, report: Report | None = None, **settings: Any) -> Completion:
    """What events add up to."""
    decoder = ResponsesDecoder("7", report=report, **settings)
    added_up = accumulate(read_stream(decoder, [written(events)]))
    assert added_up == decoder.accumulator.completion()
    return added_up


def items_in(message: Message) -> list[Any]:
    """The host's own items."""
    own: dict[str, Any] = (message.provider_data or {}).get("openai", {})
    items: list[Any] = own.get("items", [])
    return items


def whole(payload: Any) -> Completion:
    """The completion of a whole response, or of what came in its place."""
    provider = OpenAI(api_key="sk-test", api="responses")
    call = call_of(provider, {"model": "gpt-5", "messages": HELLO})
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return drive(provider.complete(call), [HttpResponse(200, {}, body)]).result
