"""The conformance kit, over every recording of Cohere's chat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate.provider.http import is_array
from llmgate.testing import CANARY, ProviderConformance, RecordedExchange
from llmgate.testing.recordings import load_recording
from llmgate_cohere import Cohere

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "cohere"
_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What a response says, read from its texts and its reason and from nothing else."""
    if "endpoint:v2/chat" not in exchange.tags:
        return {}  # such recordings are left out below
    body = exchange.replies[-1].body.decode()
    lines = [line[5:] for line in body.splitlines() if line.startswith("data:")]
    said = {"text": "", "thinking": ""}
    reason = None
    for value in [json.loads(line) for line in lines or [body] if line.strip() != "[DONE]"]:
        delta: dict[str, Any] = value.get("delta") or value
        reason = delta.get("finish_reason") or reason
        message: Any = delta.get("message") or {}
        content: Any = message.get("content") or []
        parts: list[Any] = content if is_array(content) else [content]
        for part in parts:
            for name in said:
                said[name] += part.get(name) or ""
    return {"text": said["text"], "finish_reason": _REASONS.get(reason or "")}


class TestCohere(ProviderConformance):
    """Cohere keeps the promises of every provider."""

    provider = Cohere(api_key=CANARY)
    model = "command-a-03-2025"
    most_splits = most_cuts = 60
    exchanges = tuple(
        recorded
        for recorded in (
            load_recording(path, expect=expected) for path in sorted(_CORPUS.rglob("*.json"))
        )
        if "endpoint:v2/chat" in recorded.tags
    )
