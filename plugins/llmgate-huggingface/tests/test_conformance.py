"""The conformance kit, over every recording of a chat at Hugging Face and some written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmgate.errors import OverloadedError
from llmgate.provider.http import HttpResponse
from llmgate.testing import CANARY, GoldenCall, ProviderConformance, RecordedExchange
from llmgate.testing.recordings import load_recording
from llmgate_huggingface import HuggingFace

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "huggingface"
_CALL: dict[str, Any] = {
    "model": "zai-org/GLM-4.6:cerebras",
    "messages": [{"role": "user", "content": "Hi"}],
}
_LOADING = {"error": "Model x is currently loading", "estimated_time": 53.4}
_GOLDEN = (
    GoldenCall(
        "parameters",
        {
            **_CALL,
            "temperature": 0,
            "top_p": 1,
            "seed": 7,
            "max_completion_tokens": 20,
            "stop": "END",
            "user": "ada",
            "extra_body": {"top_k": 5},
        },
        {
            **_CALL,
            "temperature": 0,
            "top_p": 1,
            "seed": 7,
            "max_tokens": 20,
            "stop": ["END"],
            "top_k": 5,
        },
        url="https://router.huggingface.co/v1/chat/completions",
        headers={"authorization": f"Bearer {CANARY}"},
        report=["user dropped"],
    ),
    GoldenCall(
        "a stream",
        {**_CALL, "stream": True},
        {**_CALL, "stream": True, "stream_options": {"include_usage": True}},
        report=["stream_options.include_usage injected"],
    ),
)


class TestHuggingFace(ProviderConformance):
    """The router keeps the promises of every provider."""

    provider = HuggingFace(api_key=CANARY)
    model = "zai-org/GLM-4.6"
    most_splits = most_cuts = 40
    exchanges = (
        RecordedExchange(
            "a model that loads",
            _CALL,
            (HttpResponse(503, {}, json.dumps(_LOADING).encode()),),
            error=OverloadedError,
        ),
        *map(load_recording, sorted(_CORPUS.glob("huggingface-chat-completions-*.json"))),
    )
    calls = _GOLDEN
