"""A whole completion as the chunks of a stream; it invents nothing, and joins none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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

__all__ = ["completion_chunks"]


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
