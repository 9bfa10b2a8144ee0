"""Responses of Bedrock, whole and streamed, and what is read of them."""

from __future__ import annotations

import json
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.testing.driving import call_of, drive
from llmgate.types import Chunk, Completion
from llmgate_bedrock import Bedrock
from tests.aws import event

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
PROVIDER = Bedrock(api_key="k", region="us-east-1")
USAGE = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
Events = list[tuple[str, dict[str, Any]]]


def whole(payload: Any, *, model: str = CLAUDE, **options: Any) -> Completion:
    call = call_of(PROVIDER, {"model": model, "messages": [HI], **options})
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return drive(PROVIDER.complete(call), [HttpResponse(200, {}, body)]).result


def said(*blocks: Any, reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    output = {"message": {"role": "assistant", "content": [*blocks]}}
    return {"output": output, "stopReason": reason, **more}


def chunks_of(body: bytes, *, model: str = CLAUDE, **options: Any) -> list[Chunk]:
    call = call_of(PROVIDER, {"model": model, "messages": [HI], "stream": True, **options})
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    found = [chunk for frame in decoder.framer.feed(body) for chunk in decoder.feed(frame)]
    return found if decoder.finished else [*found, *decoder.close()]


def streamed(events: Events, **options: Any) -> Completion:
    body = b"".join(event(name, json.dumps(payload).encode()) for name, payload in events)
    return accumulate(chunks_of(body, **options))


def delta(given: dict[str, Any], index: Any = 0) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": given}


END: Events = [("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": USAGE})]
