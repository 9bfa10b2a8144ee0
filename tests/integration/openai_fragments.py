"""Fragments of tool calls, and the calls that they make."""

from __future__ import annotations

import json
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder

Fragment = dict[str, Any]


def event_of(delta: Any, *, choice: int = 0, finish: str | None = None) -> Frame:
    chosen = {"index": choice, "delta": delta, "finish_reason": finish}
    return Frame(json.dumps({"id": "chatcmpl-1", "choices": [chosen]}).encode())


def chunks_of(*frames: Frame) -> list[Chunk]:
    decoder = ChatDecoder("7")
    read = [chunk for frame in frames for chunk in decoder.feed(frame)]
    return [*read, *decoder.feed(Frame(b"[DONE]"))]


def completion_of(*deltas: list[Fragment], finish: str | None = "tool_calls") -> Completion:
    """The answer of a stream whose events carry these fragments."""
    frames = [event_of({"tool_calls": fragments}) for fragments in deltas]
    return accumulate(chunks_of(*frames, event_of({}, finish=finish)))


def calls_of(completion: Completion, choice: int = 0) -> list[tuple[str, str, str]]:
    """The calls as id, name and arguments (or a custom tool's input)."""
    found: list[tuple[str, str, str]] = []
    for call in completion.choices[choice].message.tool_calls or []:
        if call.custom is not None:
            found.append((call.id, call.custom.name, call.custom.input))
        elif call.function is not None:
            found.append((call.id, call.function.name, call.function.arguments))
    return found


def named_fragment(name: str, arguments: Any = "", **rest: Any) -> Fragment:
    return {"function": {"name": name, "arguments": arguments}, **rest}


def more_of(arguments: str, **rest: Any) -> Fragment:
    return {"function": {"arguments": arguments}, **rest}
