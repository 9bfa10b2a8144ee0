"""The recordings of the Responses API, with what each plainly says; no test is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmgate.testing import RecordedExchange, load_recording

__all__ = ["CORPUS", "events_in", "expected", "recorded", "response_in"]

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev" / "openai_responses"


def recorded(*providers: str) -> list[RecordedExchange]:
    """All recordings whose names begin with one of these, or all there are."""
    files = sorted(CORPUS.glob("*.json"))
    chosen = [path for path in files if not providers or path.name.startswith(providers)]
    return [load_recording(path, expect=expected) for path in chosen]


def events_in(exchange: RecordedExchange) -> Iterator[dict[str, Any]]:
    """The events of a recorded stream."""
    for line in exchange.replies[-1].body.decode().splitlines():
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            yield json.loads(line[5:])


def response_in(exchange: RecordedExchange) -> dict[str, Any]:
    """The whole response: the body, or what the last event holds."""
    if exchange.is_stream:
        ended: dict[str, Any] = [*events_in(exchange)][-1]["response"]
        return ended
    found: dict[str, Any] = json.loads(exchange.replies[-1].body)
    return found


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """Text, reasoning, calls, the reason and the counts, from the whole response."""
    response = response_in(exchange)
    output: list[Any] = response["output"]
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    calls = [item for item in output if item["type"] == "function_call"]
    thoughts = [
        part["text"]
        for item in output
        if item["type"] == "reasoning"
        for part in (item.get("content") or item["summary"])
    ]
    usage = response["usage"]
    return {
        "text": "".join(part["text"] for part in parts),
        "reasoning": "\n\n".join(thoughts),
        "tool_calls": [(each["name"], json.loads(each["arguments"])) for each in calls] or None,
        "finish_reason": "tool_calls" if calls else "stop",
        "usage": {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }
