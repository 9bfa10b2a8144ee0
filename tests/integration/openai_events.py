"""Events of streamed chat completions, and the chunks that are read of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llmgate.provider.framing import Frame
from llmgate.types import Chunk, ChunkChoice
from llmgate_openai import ChatDecoder

TERMINATOR = b"[DONE]"


def event_of(delta: Any = None, *, finish: Any = None, choice: int = 0, **rest: Any) -> bytes:
    """One event, with one choice unless ``rest`` says otherwise."""
    said: Any = {} if delta is None else delta
    chosen = {"index": choice, "delta": said, "finish_reason": finish}
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1784728648,
        "model": "gpt-5",
        "choices": [chosen],
        "usage": None,
    }
    return json.dumps({**envelope, **rest}).encode()


def chunks_of(*events: bytes | Frame, choices: int = 1) -> list[Chunk]:
    decoder = ChatDecoder("7", choices=choices)
    read: list[Chunk] = []
    for event in events:
        read += decoder.feed(event if isinstance(event, Frame) else Frame(event))
    return [*read, *decoder.close()]


def only_choice(chunks: Iterable[Chunk]) -> ChunkChoice:
    (chunk,) = chunks
    (choice,) = chunk.choices
    return choice


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
