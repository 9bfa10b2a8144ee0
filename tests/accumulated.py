"""Chunks and their sum, for tests of accumulation."""

from __future__ import annotations

from typing import Any

from llmgate.provider.accumulate import accumulate
from llmgate.types import (
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    FinishReason,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)


def chunk(
    delta: ChoiceDelta | None = None,
    *,
    index: int = 0,
    reason: FinishReason | None = None,
    **more: Any,
) -> Chunk:
    """A chunk of one choice."""
    choice = ChunkChoice(delta or ChoiceDelta(), index, reason, **more)
    return Chunk([choice], id="c1", created=7, model="m")


def text(content: str, index: int = 0) -> Chunk:
    """A piece of text."""
    return chunk(ChoiceDelta(content=content), index=index)


def call(
    index: int, identifier: str | None = None, name: str | None = None, arguments: str | None = None
) -> Chunk:
    """A piece of a tool call."""
    has_function = name is not None or arguments is not None
    function = FunctionDelta(name, arguments) if has_function else None
    return chunk(ChoiceDelta(tool_calls=[ToolCallDelta(index, identifier, function)]))


def message_of(*chunks: Chunk) -> Message:
    """The first choice's message."""
    return accumulate(chunks).choices[0].message


TIME = ToolCall("b", Function("time", "{}"))
