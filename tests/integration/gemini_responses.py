"""Responses of Gemini, whole and streamed, and what is read of them."""

from __future__ import annotations

import json
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.testing.driving import call_of, drive, read_stream
from llmgate.types import Chunk, Completion
from llmgate_gemini import Gemini

PROVIDER = Gemini(api_key="k")
ASKED: dict[str, Any] = {
    "model": "gemini-3.6-flash",
    "messages": [{"role": "user", "content": "Hi"}],
}
COUNTS = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def saying(*parts: Any, reason: Any = "STOP", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason, **more}
    return {"candidates": [{key: value for key, value in candidate.items() if value is not None}]}


def whole(payload: Any, **asked: Any) -> Completion:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    call = call_of(PROVIDER, {**ASKED, **asked})
    completion = drive(PROVIDER.complete(call), [HttpResponse(200, {}, body)]).result
    assert completion == Completion.model_validate(completion.model_dump())
    completion.exchange.report = call.report
    return completion


def chunks_of(*payloads: Any) -> list[Chunk]:
    body = b"".join(b"data: " + json.dumps(payload).encode() + b"\r\n\r\n" for payload in payloads)
    return read(body)


def read(*pieces: bytes) -> list[Chunk]:
    call = call_of(PROVIDER, {**ASKED, "stream": True})
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    return read_stream(decoder, pieces)


def streamed(*payloads: Any) -> Completion:
    return accumulate(chunks_of(*payloads))


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"text": said, **more}


def call(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **more}}
