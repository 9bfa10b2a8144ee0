"""The recordings of Bedrock's, with what their bytes plainly say; it uses nothing of the plugin."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmgate.errors import AuthenticationError
from llmgate.testing import RecordedExchange, load_recording

__all__ = ["CORPUS", "LEFT_OUT", "events_in", "recorded"]

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus" / "dev" / "bedrock"
LEFT_OUT: Mapping[str, str] = json.loads(
    (ROOT / "plugins" / "llmgate-bedrock" / "tests" / "not_in_kit.json").read_text("utf-8")
)
"""Recordings that the conformance kit is not given, by id, each with the reason."""
_REASONS = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
}


def recorded() -> list[RecordedExchange]:
    """All recordings that the kit is given; none where they are not on this machine."""
    files = sorted(path for path in CORPUS.glob("*.json") if path.stem not in LEFT_OUT)
    return [_exchange(path) for path in files]


def _exchange(path: Path) -> RecordedExchange:
    exchange = load_recording(path, expect=None)
    if exchange.is_refusal:
        if "UnrecognizedClient" in exchange.replies[-1].headers.get("x-amzn-errortype", ""):
            return replace(exchange, error=AuthenticationError)
        return exchange
    if "endpoint:converse-stream" in exchange.tags and not exchange.is_stream:
        # a recorder wrote the bytes as base64 text
        (reply,) = exchange.replies
        reply = replace(reply, body=base64.b64decode(reply.body))
        exchange = replace(exchange, call={**_call(exchange), "stream": True}, replies=(reply,))
    return replace(exchange, **_expected(exchange))


def _call(exchange: RecordedExchange) -> Mapping[str, Any]:
    assert isinstance(exchange.call, Mapping)
    return exchange.call


def _expected(exchange: RecordedExchange) -> dict[str, Any]:
    """Text, reasoning, calls, the reason and the counts."""
    body = exchange.replies[-1].body
    if exchange.is_stream:
        blocks, reason, usage = _of_a_stream(body)
    else:
        payload = json.loads(body)
        blocks = payload["output"]["message"]["content"]
        reason, usage = payload["stopReason"], payload["usage"]
    thoughts = [
        block["reasoningContent"].get("reasoningText", {}).get("text", "")
        for block in blocks
        if "reasoningContent" in block
    ]
    calls = [block["toolUse"] for block in blocks if "toolUse" in block]
    own = [call for call in calls if call.get("type") != "server_tool_use"]
    prompt = sum(
        usage.get(name, 0)
        for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    )
    return {
        "text": "".join(block.get("text", "") for block in blocks),
        "reasoning": "".join(thoughts),
        "tool_calls": [(call["name"], call["input"]) for call in own] or None,
        "finish_reason": _REASONS[reason],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": usage["outputTokens"],
            "total_tokens": usage["totalTokens"],
        },
    }


def _of_a_stream(body: bytes) -> tuple[list[dict[str, Any]], str, dict[str, Any]]:
    blocks: dict[int, dict[str, Any]] = {}
    reason, usage = "", dict[str, Any]()
    for name, payload in events_in(body):
        block = blocks.setdefault(payload.get("contentBlockIndex", -1), {})
        if name == "contentBlockStart":
            block |= payload["start"]
        elif name == "contentBlockDelta":
            _add(block, payload["delta"])
        elif name == "messageStop":
            reason = payload["stopReason"]
        elif name == "metadata":
            usage = payload["usage"]
    found = [blocks[index] for index in sorted(blocks)]
    for block in found:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block.get("input") or "{}")
    return found, reason, usage


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "text" in delta.get("reasoningContent", {}):
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        thought["text"] = thought.get("text", "") + delta["reasoningContent"]["text"]
    if "toolUse" in delta:
        block["input"] = block.get("input", "") + delta["toolUse"]["input"]


def events_in(body: bytes) -> Iterator[tuple[str, Any]]:
    """The name and the payload of each event of a stream."""
    at = 0
    while at < len(body):
        size, headers_size = struct.unpack_from("!II", body, at)
        headers = body[at + 12 : at + 12 + headers_size]
        name = headers.partition(b":event-type\x07")[2]
        length = int.from_bytes(name[:2])
        payload = body[at + 12 + headers_size : at + size - 4]
        yield name[2 : 2 + length].decode(), json.loads(payload)
        at += size
