"""The Responses API's wire as a server writes it, for the table's dialects; it knows no fault."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["answer", "arguments"]

_HEAD = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o"}
_USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
_ITEM = {"id": "msg_1", "type": "message", "role": "assistant"}
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def answer(text: Any) -> dict[str, Any]:
    """A whole response that says this."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    item = {**_ITEM, "status": "completed", "content": [part]}
    return {**_HEAD, "status": "completed", "output": [item], "usage": _USAGE}


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _piece(text: str) -> bytes:
    return _event("response.output_text.delta", **_PLACE, delta=text, logprobs=[])


def arguments(text: str) -> dict[str, Any]:
    """What a dialect of this API is made with."""
    begun: dict[str, Any] = {**_ITEM, "status": "in_progress", "content": []}
    part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
    busy = {"type": "server_error", "code": "server_is_overloaded", "message": "busy"}
    return {
        "answer": answer(text),
        "answer_saying": answer,
        "opening": (
            _event("response.created", response={**_HEAD, "status": "in_progress"}),
            _event("response.output_item.added", output_index=0, item=begun),
            _event("response.content_part.added", **_PLACE, part=part),
        ),
        "piece": _piece,
        "finish": _event("response.content_part.done", **_PLACE, part=part),
        "marker": _event("response.completed", response={**answer(""), "output": []}),
        "stream_error": _event("error", error=busy),
    }
