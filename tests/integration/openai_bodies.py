"""Bodies of chat completions, whole and streamed, and what is read of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder, decode

TERMINATOR = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def whole_body(message: Any = None, choice: Any = None, **head: Any) -> dict[str, Any]:
    spoken: dict[str, Any] = {"role": "assistant", "content": "Hi", **(message or {})}
    one: dict[str, Any] = {"index": 0, "message": spoken, "finish_reason": "stop", **(choice or {})}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "m",
        "choices": [one],
        "usage": USAGE,
        **head,
    }


def events_of(message: Any = None, choice: Any = None, **head: Any) -> list[dict[str, Any]]:
    """The same as a stream: the odd value comes with the text, twice, and the end after it."""
    envelope = {"id": "c-1", "object": "chat.completion.chunk", "created": 1760000000, "model": "m"}
    part: dict[str, Any] = message or {}
    one: dict[str, Any] = {"index": 0, "delta": {"content": "H", **part}, "finish_reason": None}
    other: dict[str, Any] = {"index": 0, "delta": {"content": "i", **part}, "finish_reason": None}
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"usage": USAGE}
    return [
        {**envelope, "choices": [{**one, **(choice or {})}], **head},
        {**envelope, "choices": [{**other, **(choice or {})}], **head},
        {**envelope, **usage, "choices": [{**end, **(choice or {})}], **head},
    ]


def sse_bytes(events: list[Any], end: bytes = TERMINATOR) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + end


def decoded_body(body: Any, report: Report | None = None) -> Completion:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(HttpResponse(200, {}, raw), "7", report)


def chunks_of(body: bytes, report: Report | None = None) -> Iterator[Chunk]:
    decoder = ChatDecoder("7", report=report)
    for frame in [*decoder.framer.feed(body), *decoder.framer.close()]:
        yield from decoder.feed(frame)
    yield from decoder.close()


def streamed_completion(events: list[Any], report: Report | None = None) -> Completion:
    return accumulate(chunks_of(sse_bytes(events), report))


TOOL_CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
