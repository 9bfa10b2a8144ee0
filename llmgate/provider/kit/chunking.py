"""Chunks of what is at hand: a piece of a stream, or a whole completion. It invents nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    Function,
    FunctionDelta,
    ToolCall,
    ToolCallDelta,
)

__all__ = ["arguments_delta", "completion_chunks", "piece_chunk"]

_new: Any = object.__new__
"""Makes an object whose fields are then set, each of them: its constructor costs as much again."""
_KIND = "chat.completion.chunk"


def piece_chunk(
    head: tuple[str, int, str],
    content: str | None = None,
    reasoning: str | None = None,
    calls: list[ToolCallDelta] | None = None,
    index: int = 0,
) -> Chunk:
    """The chunk of one more piece of a choice, as nearly all chunks of a stream are.

    Args:
        head: The response's id, the time at which it was created, in seconds since the epoch, and
            the model.
        content: A piece of the text.
        reasoning: A piece of the reasoning.
        calls: Fragments of tool calls.
        index: Which choice it is a piece of.
    """
    delta, choice, chunk = _new(ChoiceDelta), _new(ChunkChoice), _new(Chunk)
    delta.content, delta.reasoning_content, delta.tool_calls = content, reasoning, calls
    delta.role = delta.refusal = delta.function_call = delta.provider_data = None
    delta.raw_annotations = delta.raw_audio = delta.raw_extra = None
    choice.delta, choice.index = delta, index
    choice.finish_reason = choice.native_finish_reason = None
    choice.raw_logprobs = choice.raw_extra = None
    chunk.choices = [choice]
    chunk.id, chunk.created, chunk.model = head
    chunk.object = _KIND
    chunk.usage = chunk.system_fingerprint = chunk.service_tier = chunk.raw_extra = None
    return chunk  # type: ignore[no-any-return] # all its fields are set


def arguments_delta(call: int, arguments: str) -> ToolCallDelta:
    """One more piece of the arguments of the call with this number."""
    function, delta = _new(FunctionDelta), _new(ToolCallDelta)
    function.name = function.raw_extra = None
    function.arguments = arguments
    delta.index, delta.function = call, function
    delta.id = delta.type = delta.raw_custom = delta.raw_extra = None
    return delta  # type: ignore[no-any-return] # all its fields are set


def completion_chunks(completion: Completion, *, include_usage: bool = True) -> Iterator[Chunk]:
    """What each choice says, why each ended, and what was billed.

    Such as for a host that responds with a whole completion where a stream was asked for.
    """
    head = Chunk(
        [],
        completion.id,
        completion.created,
        completion.model,
        system_fingerprint=completion.system_fingerprint,
        service_tier=completion.service_tier,
        extra=completion.extra,
    )
    for choice in completion.choices:
        delta = _delta_of(choice)
        yield replace(head, choices=[ChunkChoice(delta, choice.index, logprobs=choice.logprobs)])
    for choice in completion.choices:
        end = ChunkChoice(
            ChoiceDelta(),
            choice.index,
            choice.finish_reason,
            native_finish_reason=choice.native_finish_reason,
            extra=choice.extra,
        )
        yield replace(head, choices=[end])
    if include_usage:
        yield replace(head, usage=completion.usage)


def _delta_of(choice: Choice) -> ChoiceDelta:
    message = choice.message
    calls = [_call_delta(index, call) for index, call in enumerate(message.tool_calls or ())]
    return ChoiceDelta(
        message.content,
        message.role,
        message.refusal,
        message.reasoning_content,
        calls or None,
        _function_delta(message.function_call),
        message.annotations,
        message.audio,
        message.provider_data,
        message.extra,
    )


def _call_delta(index: int, call: ToolCall) -> ToolCallDelta:
    custom = None if call.custom is None else call.custom.model_dump()
    function = _function_delta(call.function)
    return ToolCallDelta(index, call.id, function, custom, call.type, call.extra)


def _function_delta(function: Function | None) -> FunctionDelta | None:
    if function is None:
        return None
    return FunctionDelta(function.name, function.arguments, function.extra)
