"""The conformance kit, over every recording of Anthropic's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmgate.errors import OverloadedError
from llmgate.testing import CANARY, ProviderConformance, RecordedExchange, load_corpus
from llmgate_anthropic import Anthropic

CORPUS = Path(__file__).parents[4] / "shared/corpus/dev/anthropic"
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "other",
}


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What a response says, read from the text of its blocks or events and from nothing else."""
    if "error_as_first_event" in exchange.tags:
        return {"error": OverloadedError}
    text = exchange.replies[-1].body.decode()
    values = list(streamed(text)) if text.startswith(("event", "data", ":")) else [json.loads(text)]
    said = {"text": "", "thinking": ""}
    reason, tools = None, list[str]()
    for part in (part for value in values for part in parts_of(value)):
        reason = part.get("stop_reason") or reason
        for name in said:
            said[name] += part.get(name) or ""
        if part.get("type") == "tool_use":
            tools.append(part["name"])
    finish = REASONS.get(reason or "")
    ended = "tool_calls" if tools and finish == "stop" else finish
    return {"text": said["text"], "reasoning": said["thinking"], "finish_reason": ended}


def streamed(text: str) -> Iterator[Any]:
    """The events of a stream."""
    for line in text.splitlines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


def parts_of(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Where a message or an event says something."""
    yield value
    yield from value.get("content") or ()
    yield from (value[name] for name in ("content_block", "delta") if name in value)


class TestAnthropic(ProviderConformance):
    """Anthropic keeps the promises of every provider."""

    provider, exchanges = Anthropic(api_key=CANARY), load_corpus(CORPUS, expect=expected)
    model, most_splits, most_cuts = "claude-haiku-4-5", 60, 60
