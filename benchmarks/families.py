"""Streams as families of hosts write them: what each adds to a piece of text, made from nothing.

A family is what stands around a piece in an event. The fields, their order and their kinds are
those of the hosts; the values are made up.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Mapping, Sequence
from struct import pack
from typing import Any, TypeAlias
from zlib import crc32

__all__ = [
    "FAMILIES",
    "anthropic_events",
    "bedrock_events",
    "family_events",
    "gemini_events",
    "responses_events",
]

JSON: TypeAlias = dict[str, Any]

_SAFE: JSON = {"filtered": False, "severity": "safe"}
_FILTERS: JSON = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), _SAFE)
_PAGES = [
    {"title": f"Harbour {at}", "url": f"https://harbour.example/{at}", "date": "2026-01-01"}
    for at in range(8)
]
_USAGE: JSON = {"prompt_tokens": 31, "completion_tokens": 18, "total_tokens": 49}
_letters = random.Random(7)


def _chunk(delta: JSON, choice: JSON | None = None, **head: Any) -> JSON:
    """An event of OpenAI's with a delta, with more fields of its choice and of its head."""
    one = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **(choice or {})}
    return {
        "id": "chatcmpl-BnQ5vX0kq7Jm2sT8yLrWc4HdUe1Za",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "gpt-4.1-mini-2025-04-14",
        "system_fingerprint": "fp_7d3a19c2be",
        "choices": [one],
        **head,
    }


def _padding(most: int) -> str:
    return "".join(_letters.choices(string.ascii_letters, k=_letters.randrange(most)))


def _details(piece: str) -> list[JSON]:
    return [{"type": "reasoning.text", "text": piece, "format": None, "index": 0}]


def _logprobs(piece: str, others: int) -> JSON:
    token = {"token": piece, "logprob": -0.0123, "bytes": list(piece.encode())}
    return {"content": [{**token, "top_logprobs": [token] * others}], "refusal": None}


def _search(at: int) -> JSON:
    usage = {"prompt_tokens": 8, "completion_tokens": at, "total_tokens": 8 + at}
    pages = {"citations": [page["url"] for page in _PAGES], "search_results": _PAGES}
    return {"usage": {**usage, "search_context_size": "low"}, **pages}


Family: TypeAlias = Callable[[int, str], JSON]

FAMILIES: Mapping[str, Family] = {
    "azure": lambda _, piece: _chunk(
        {"content": piece},
        {"content_filter_results": {}},
        obfuscation=_padding(16),
        service_tier="default",
        usage=None,
    ),
    "azure-filters": lambda _, piece: _chunk(
        {"content": piece}, {"content_filter_results": _FILTERS}
    ),
    "openrouter": lambda _, piece: _chunk(
        {"role": "assistant", "content": piece}, {"native_finish_reason": None}, provider="Azure"
    ),
    "openrouter-reasoning": lambda _, piece: _chunk(
        {
            "role": "assistant",
            "content": "",
            "reasoning": piece,
            "reasoning_details": _details(piece),
        },
        {"native_finish_reason": None},
        provider="Azure",
    ),
    "deepseek-reasoning": lambda _, piece: _chunk(
        {"content": None, "reasoning_content": piece}, usage=None
    ),
    "vllm": lambda at, piece: _chunk(
        {"content": piece}, {"token_ids": [at + 7]}, prompt_token_ids=None
    ),
    "together": lambda _, piece: _chunk(
        {"token_id": None, "role": "assistant", "content": piece, "reasoning": None},
        {"text": piece},
    ),
    "mistral": lambda _, piece: _chunk({"content": piece}, p=_padding(26)),
    "ollama": lambda _, piece: _chunk({"role": "assistant", "content": piece}),
    "perplexity": lambda at, piece: _chunk({"role": "assistant", "content": piece}, **_search(at)),
    "usage-each": lambda at, piece: _chunk(
        {"content": piece},
        usage={"prompt_tokens": 46, "total_tokens": 50 + at, "completion_tokens": 4 + at},
    ),
    "logprobs": lambda _, piece: _chunk({"content": piece}, {"logprobs": _logprobs(piece, 5)}),
    "n4": lambda at, piece: _chunk({"content": piece}, {"index": at % 4}),
}
"""An event for a piece of text and its number, by family."""


def family_events(name: str, pieces: Sequence[str]) -> list[bytes]:
    """The events of a stream of a family; the last write also holds the terminator."""
    family = FAMILIES[name]
    events = [_chunk({"role": "assistant", "content": ""})]
    events += [family(at, piece) for at, piece in enumerate(pieces)]
    choices = range(4) if name == "n4" else range(1)
    events += [_chunk({}, {"index": at, "finish_reason": "stop"}) for at in choices]
    events.append({**_chunk({}), "choices": [], "usage": _USAGE})
    written = [b"data: " + _encoded(event) + b"\n\n" for event in events]
    written[-1] += b"data: [DONE]\n\n"
    return written


def anthropic_events(kind: str, pieces: Sequence[str]) -> list[bytes]:
    """Deltas of a block: texts padded with spaces, thoughts, or fragments of a tool's input."""
    key = {"padded": "text", "thinking": "thinking", "input_json": "partial_json"}[kind]
    name = "text_delta" if kind == "padded" else f"{kind}_delta"
    events: list[bytes] = []
    for piece in pieces:
        delta = {"type": name, key: piece}
        data = _encoded({"type": "content_block_delta", "index": 0, "delta": delta})
        spaces = b" " * (_letters.randrange(16) if kind == "padded" else 0)
        events.append(b"event: content_block_delta\ndata: " + data[:-1] + spaces + b"}\n\n")
    return events


def responses_events(pieces: Sequence[str]) -> list[bytes]:
    """The events of a stream of OpenAI's Responses API, with one message."""
    item = {"id": "msg_7Qx", "type": "message", "status": "in_progress", "role": "assistant"}
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": []}
    text = "".join(pieces)
    head = {"id": "resp_7Qx", "object": "response", "created_at": 1_764_000_000}
    response: JSON = {**head, "model": "gpt-4.1-mini-2025-04-14", "usage": None, "output": []}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    parts: dict[str, Any] = {"logprobs": [], **place}
    usage = {"input_tokens": 31, "output_tokens": 18, "total_tokens": 49}
    done: dict[str, Any] = {**item, "status": "completed", "content": [{**part, "text": text}]}
    ended: dict[str, Any] = {**response, "status": "completed", "output": [done], "usage": usage}
    events: list[tuple[str, JSON]] = [
        ("created", {"response": {**response, "status": "in_progress"}}),
        ("in_progress", {"response": {**response, "status": "in_progress"}}),
        ("output_item.added", {"output_index": 0, "item": {**item, "content": []}}),
        ("content_part.added", {**place, "part": {**part, "text": ""}}),
        *(("output_text.delta", {**parts, "delta": piece}) for piece in pieces),
        ("output_text.done", {**parts, "text": text}),
        ("content_part.done", {**place, "part": {**part, "text": text}}),
        ("output_item.done", {"output_index": 0, "item": done}),
        ("completed", {"response": ended}),
    ]
    return [
        f"event: response.{kind}\ndata: ".encode()
        + _encoded({"type": f"response.{kind}", "sequence_number": number, **fields})
        + b"\n\n"
        for number, (kind, fields) in enumerate(events)
    ]


def gemini_events(pieces: Sequence[str]) -> list[bytes]:
    """The events of a stream of Gemini's, each of which repeats the counts so far."""
    details = [{"modality": "TEXT", "tokenCount": 31}]
    events: list[JSON] = []
    for at, piece in enumerate(pieces, 1):
        counts = {"promptTokenCount": 31, "candidatesTokenCount": at, "totalTokenCount": 31 + at}
        candidate: JSON = {"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}
        if at == len(pieces):
            candidate["finishReason"] = "STOP"
        events.append(
            {
                "candidates": [candidate],
                "usageMetadata": {**counts, "promptTokensDetails": details},
                "modelVersion": "gemini-2.5-flash",
                "responseId": "Lh7QaZfKx3mUnsEPtY6u2Ao",
            }
        )
    return [b"data: " + _encoded(event) + b"\r\n\r\n" for event in events]


def bedrock_events(pieces: Sequence[str]) -> list[bytes]:
    """The messages of a stream of Bedrock's, in its binary framing, padded as it pads them."""
    place: JSON = {"contentBlockIndex": 0}
    usage = {"inputTokens": 31, "outputTokens": 18, "totalTokens": 49}
    events: list[tuple[str, JSON]] = [
        ("messageStart", {"role": "assistant"}),
        *(("contentBlockDelta", {**place, "delta": {"text": piece}}) for piece in pieces),
        ("contentBlockStop", place),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"metrics": {"latencyMs": 608}, "usage": usage}),
    ]
    return [_message(kind, {**fields, "p": _padding(53)}) for kind, fields in events]


def _message(kind: str, payload: JSON) -> bytes:
    """One message of AWS's event streams: lengths, headers, payload, and two checksums."""
    headers = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    written = b""
    for name, value in headers.items():
        text = value.encode()
        written += bytes([len(name)]) + name.encode() + b"\x07" + pack("!H", len(text)) + text
    data = _encoded(payload)
    prelude = pack("!II", len(written) + len(data) + 16, len(written))
    message = prelude + pack("!I", crc32(prelude)) + written + data
    return message + pack("!I", crc32(message))


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
