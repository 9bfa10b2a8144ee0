"""Responses that a mock server does not make by itself: reasoning, sound, caches; it sends none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgate.testing import Canned

__all__ = ["cached", "claude", "claude_cached", "claude_stream", "spoken"]


def spoken() -> Canned:
    """A response of OpenAI's that is heard."""
    audio = {"id": "audio_1", "data": "UklGRg==", "transcript": "Hello!", "expires_at": 1800000000}
    message = {"role": "assistant", "content": None, "audio": audio}
    return Canned.json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def cached(tokens: int) -> Canned:
    """A response of OpenAI's, the prompt of which was in the cache up to that many tokens."""
    message = {"role": "assistant", "content": "Press the button."}
    details = {"cached_tokens": tokens}
    usage = {"prompt_tokens": 1512, "completion_tokens": 4, "total_tokens": 1516}
    return Canned.json(
        {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {**usage, "prompt_tokens_details": details},
        }
    )


def claude(text: str, thought: str | None = None, usage: Mapping[str, int] | None = None) -> Canned:
    """A response of Anthropic's, with a signed thought before its text."""
    block = {"type": "thinking", "thinking": thought, "signature": "c2lnbmVk"}
    content = [block] if thought is not None else []
    return Canned.json(_message([*content, {"type": "text", "text": text}], usage or {}))


def claude_cached(written: int, read: int) -> Canned:
    """A response of Anthropic's, with what its cache had of the prompt."""
    counts = {"cache_creation_input_tokens": written, "cache_read_input_tokens": read}
    return claude("Press the button.", usage=counts)


def claude_stream(thoughts: list[str], text: str) -> Canned:
    """A thought in pieces, its signature, and a text."""
    deltas: list[tuple[int, Mapping[str, str]]] = [
        *((0, {"type": "thinking_delta", "thinking": piece}) for piece in thoughts),
        (0, {"type": "signature_delta", "signature": "c2lnbmVk"}),
        (1, {"type": "text_delta", "text": text}),
    ]
    blocks = [{"type": "thinking", "thinking": "", "signature": ""}, {"type": "text", "text": ""}]
    events: list[dict[str, Any]] = [{"type": "message_start", "message": _message([], {})}]
    for index, block in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta}
            for place, delta in deltas
            if place == index
        ]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 20}})
    events.append({"type": "message_stop"})
    body = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
    return Canned(headers={"Content-Type": "text/event-stream"}, body=body)


def _message(content: list[dict[str, Any]], usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": content,
        "stop_reason": "end_turn" if content else None,
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 20, **usage},
    }
