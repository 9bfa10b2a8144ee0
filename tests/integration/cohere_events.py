"""Events of Cohere's streams, and the chunks that they are read as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.provider.kit import NameMap
from llmgate.testing.driving import read_stream
from llmgate.types import Choice, Chunk
from llmgate_cohere import ChatDecoder

NAMES = NameMap(["get-it"], re.compile("[a-z_]+"), "Cohere accepts no hyphens")


def event(kind: str, message: Any = None, index: int | None = None, **more: Any) -> dict[str, Any]:
    """One event."""
    made: dict[str, Any] = {"type": kind, **more}
    if index is not None:
        made["index"] = index
    if message is not None:
        made["delta"] = {"message": message}
    return made


START = event("message-start", {"role": "assistant", "content": [], "tool_plan": ""}, id="r1")
TOKENS = {"tokens": {"input_tokens": 5, "output_tokens": 2}, "cached_tokens": 1}


def end(reason: Any = "COMPLETE", **more: Any) -> dict[str, Any]:
    """The end of a message."""
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": TOKENS, **more}}


def text(piece: str, index: int = 0) -> dict[str, Any]:
    """A piece of text."""
    return event("content-delta", {"content": {"text": piece}}, index)


def begun(index: int = 0, kind: str = "text", piece: str = "") -> dict[str, Any]:
    """A content item that begins."""
    return event("content-start", {"content": {"type": kind, kind: piece}}, index)


def called(index: int | None, name: str = "f", arguments: Any = "", **more: Any) -> dict[str, Any]:
    """A call that begins."""
    function = {"name": name, "arguments": arguments}
    item = {"id": f"c{index}", "type": "function", "function": function, **more}
    return event("tool-call-start", {"tool_calls": item}, index)


def arguments(index: int | None, piece: Any) -> dict[str, Any]:
    """A piece of arguments."""
    return event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index)


def chunks_of(events: Iterable[Any]) -> list[Chunk]:
    """The chunks of these events."""
    body = "".join(f"event: x\ndata: {json.dumps(item)}\n\n" for item in events)
    return read_stream(ChatDecoder("c9", "command-r", NAMES), [body.encode()])


def choice_of(events: Iterable[Any]) -> Choice:
    """The one choice of the answer that these events add up to."""
    return accumulate(chunks_of(events)).choices[0]


CLOSE = event("content-end", None, 0)
