"""The conformance kit over all recordings of Gemini's, for both of Google's APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmgate.testing import CANARY, ProviderConformance, RecordedExchange, load_recording
from llmgate_gemini import Gemini, VertexAI

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "gemini"
LEFT_OUT: Mapping[str, str] = json.loads(
    Path(__file__).with_name("not_in_kit.json").read_text("utf-8")
)
"""Recordings that the conformance kit is not given, by id, each with the reason."""
_REASONS = {
    "STOP": "stop",
    1: "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}


def recorded() -> list[RecordedExchange]:
    """All recordings that the kit is given; none where they are not on this machine."""
    files = sorted(path for path in CORPUS.glob("*.json") if path.stem not in LEFT_OUT)
    return [load_recording(path, expect=expected) for path in files]


def values_of(exchange: RecordedExchange) -> list[dict[str, Any]]:
    """The responses in a recording: the body, those of an array, or those of its events."""
    text = exchange.replies[-1].body.decode()
    if text.lstrip()[:1] == "{":
        return [json.loads(text)]
    if text.lstrip()[:1] == "[":
        found: list[dict[str, Any]] = json.loads(text)
        return found
    lines = text.replace("\r\n", "\n").split("\n")
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


def _candidates(exchange: RecordedExchange) -> Iterator[dict[str, Any]]:
    for value in values_of(exchange):
        yield from (each for each in value.get("candidates", ()) if not each.get("index"))


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """Text, reasoning, calls, the reason and the counts."""
    candidates = list(_candidates(exchange))
    parts = [part for each in candidates for part in each.get("content", {}).get("parts", ())]
    spoken = [part for part in parts if "text" in part]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    native = next((c["finishReason"] for c in reversed(candidates) if "finishReason" in c), None)
    reason = _REASONS.get(native or "", "other")
    if not candidates:
        reason = "content_filter"
    elif calls and reason == "stop":
        reason = "tool_calls"
    said: dict[str, Any] = {
        "text": "".join(part["text"] for part in spoken if not part.get("thought")),
        "reasoning": "".join(part["text"] for part in spoken if part.get("thought")),
        "finish_reason": reason,
        "usage": _usage(exchange),
    }
    if "partial_tool_args" not in exchange.tags:
        said["tool_calls"] = [(call["name"], call.get("args", {})) for call in calls] or None
    return said


def _usage(exchange: RecordedExchange) -> Mapping[str, int] | None:
    counts = [value["usageMetadata"] for value in values_of(exchange) if "usageMetadata" in value]
    if not counts or "promptTokenCount" not in counts[-1]:
        return None
    last = counts[-1]
    prompt = last["promptTokenCount"] + last.get("toolUsePromptTokenCount", 0)
    said = last.get("candidatesTokenCount", 0) + last.get("thoughtsTokenCount", 0)
    total = last["totalTokenCount"]
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": total}


class TestGemini(ProviderConformance):
    """The Developer API keeps the promises of every provider."""

    provider = Gemini(api_key=CANARY)
    exchanges = tuple(recorded())
    model = "gemini-3.6-flash"
    most_splits = most_cuts = 60


class TestVertexAI(ProviderConformance):
    """So does Vertex AI."""

    provider = VertexAI(api_key=CANARY)
    exchanges = tuple(each for each in recorded() if "vertex" in each.tags)
    model = "gemini-2.5-flash"
    most_splits = most_cuts = 60
