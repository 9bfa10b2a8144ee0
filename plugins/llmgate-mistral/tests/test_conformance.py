"""The conformance kit, over every recording of Mistral and some written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate.errors import ContextWindowError, ServerError
from llmgate.provider.http import HttpResponse, is_array
from llmgate.testing import CANARY, GoldenCall, ProviderConformance, RecordedExchange, load_corpus
from llmgate.testing.recordings import plain_expectations
from llmgate_mistral import Mistral

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "mistral"
_HI: list[Any] = [{"role": "user", "content": "Hi"}]
_CALL = {"model": "mistral-small-latest", "messages": _HI}
_THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What a response plainly says; of content in chunks, its texts and its thinking."""
    said = dict(plain_expectations(exchange))
    body = exchange.replies[-1].body.decode()
    lines = [line[5:] for line in body.splitlines() if line.startswith("data: {")]
    payloads = [json.loads(line) for line in (lines if exchange.is_stream else [body])]
    texts, thoughts = list[str](), list[str]()
    for choice in (each for payload in payloads for each in payload.get("choices", ())):
        content: Any = (choice.get("message") or choice["delta"]).get("content")
        chunks: list[Any] = content if is_array(content) else [{"type": "text", "text": content}]
        if choice.get("index"):
            continue
        texts += [chunk["text"] or "" for chunk in chunks if chunk["type"] == "text"]
        pieces = [each for chunk in chunks for each in chunk.get("thinking", ())]
        thoughts += [each["text"] for each in pieces]
    said |= {"text": "".join(texts), "reasoning": "".join(thoughts)}
    usage = said.get("usage")
    if usage is not None:  # audio is beside the other tokens of the prompt
        prompt = usage["total_tokens"] - usage["completion_tokens"]
        said["usage"] = {**usage, "prompt_tokens": prompt}
    return said


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _choice(reason: str, **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "x", "created": 1, "model": "m", "choices": [choice], "usage": counts}


_WRITTEN = (
    RecordedExchange(
        "too long for the model",
        _CALL,
        (_response({"object": "error", "message": "too long", "code": "3051"}, 400),),
        error=ContextWindowError,
        code="3051",
    ),
    RecordedExchange(
        "a generation that failed",
        _CALL,
        (_response(_choice("error", content="")),),
        error=ServerError,
        code="error",
    ),
    RecordedExchange(
        "a full model",
        _CALL,
        (_response(_choice("model_length", content=[_THOUGHT, {"type": "text", "text": "So"}])),),
        text="So",
        reasoning="Hm.",
        finish_reason="length",
    ),
    RecordedExchange(
        "arguments as an object",
        _CALL,
        (
            _response(
                _choice(
                    "tool_calls",
                    content="",
                    tool_calls=[
                        {"id": "abc123XYZ", "function": {"name": "f", "arguments": {"a": 1}}}
                    ],
                )
            ),
        ),
        tool_calls=[("f", {"a": 1})],
        finish_reason="tool_calls",
    ),
)
_GOLDEN = (
    GoldenCall(
        "parameters",
        {
            **_CALL,
            "temperature": 2,
            "seed": 7,
            "max_completion_tokens": 20,
            "stop": "END",
            "user": "ada",
            "service_tier": "default",
            "extra_body": {"safe_prompt": True},
        },
        {
            **_CALL,
            "temperature": 1.5,
            "random_seed": 7,
            "max_tokens": 20,
            "stop": "END",
            "service_tier": "standard_only",
            "safe_prompt": True,
        },
        url="https://api.mistral.ai/v1/chat/completions",
        headers={"authorization": f"Bearer {CANARY}"},
        report=["user dropped", "temperature clamped"],
    ),
    GoldenCall(
        "a stream",
        {**_CALL, "stream": True, "stream_options": {"include_usage": True}},
        {**_CALL, "stream": True},
        report=[],
    ),
)


class TestMistral(ProviderConformance):
    """Mistral keeps the promises of every provider."""

    provider = Mistral(api_key=CANARY)
    model = "mistral-small-latest"
    most_splits = most_cuts = 40
    exchanges = (*_WRITTEN, *load_corpus(_CORPUS, expect=expected))
    calls = _GOLDEN
