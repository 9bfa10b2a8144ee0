"""What is left of a streamed answer that broke off, or that was left, and whether it goes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from llmgate import Stream
from llmgate.errors import StreamTruncatedError
from llmgate.types import Completion, Usage
from tests.faults.calls import HI
from tests.faults.dialect import TEXT, Dialect
from tests.faults.server import STREAM_HEAD, chunk, event, framed, hang, then
from tests.faults.table import Case, Player, Scene, answers, calling, raises
from tests.machine import wait_for_async

__all__ = ["CASES", "begun_twice"]


def _tool_call(number: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": function}


def _openai_begun() -> list[bytes]:
    """Reasoning, text, a whole call, a call that has only begun, and a usage so far."""
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "Hm"},
        {"content": TEXT},
        {"tool_calls": [_tool_call(0, "look", '{"at": 1}')]},
        {"tool_calls": [_tool_call(1, "go", '{"to": "no')]},
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    events = [event({**chunk(), "choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    return [*events, event(chunk(choices=[], usage=usage))]


def _anthropic_event(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\n".encode() + event({"type": kind, **more})


def _anthropic_block(index: int, block: dict[str, Any], delta: dict[str, Any]) -> list[bytes]:
    return [
        _anthropic_event("content_block_start", index=index, content_block=block),
        _anthropic_event("content_block_delta", index=index, delta=delta),
        _anthropic_event("content_block_stop", index=index),
    ]


def _anthropic_call(index: int, name: str, arguments: str) -> list[bytes]:
    block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return _anthropic_block(index, block, {"type": "input_json_delta", "partial_json": arguments})


def _anthropic_begun(dialect: Dialect) -> list[bytes]:
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    return [
        dialect.opening[0],
        *_anthropic_block(0, thought, {"type": "thinking_delta", "thinking": "Hm"}),
        *_anthropic_block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": TEXT}),
        *_anthropic_call(2, "look", '{"at": 1}'),
        *_anthropic_call(3, "go", '{"to": "no')[:-1],
    ]


def _cohere_event(kind: str, index: int, message: dict[str, Any]) -> bytes:
    return _anthropic_event(kind, index=index, delta={"message": message})


def _cohere_begun(dialect: Dialect) -> list[bytes]:
    calls = [("look", '{"at": 1}'), ("go", '{"to": "no')]
    events = [dialect.opening[0]]
    for index, (kind, text) in enumerate((("thinking", "Hm"), ("text", TEXT))):
        content = {"content": {"type": kind, kind: text}}
        events.append(_cohere_event("content-start", index, content))
        events.append(_anthropic_event("content-end", index=index))
    for index, (name, arguments) in enumerate(calls):
        called = {"id": f"call_{index}", "type": "function", "function": {"name": name}}
        events.append(_cohere_event("tool-call-start", index, {"tool_calls": called}))
        said = {"tool_calls": {"function": {"arguments": arguments}}}
        events.append(_cohere_event("tool-call-delta", index, said))
    return events


def _gemini_event(*parts: dict[str, Any]) -> bytes:
    return event({"candidates": [{"content": {"parts": [*parts]}, "index": 0}]})


def _gemini_begun() -> list[bytes]:
    to = {"partialArgs": [{"jsonPath": "$.to", "stringValue": "no", "willContinue": True}]}
    return [
        _gemini_event({"text": "Hm", "thought": True}),
        _gemini_event({"text": TEXT}),
        _gemini_event({"functionCall": {"name": "look", "args": {"at": 1}}}),
        _gemini_event({"functionCall": {"name": "go", "willContinue": True}}),
        _gemini_event({"functionCall": {**to, "willContinue": True}}),
    ]


def begun_twice(dialect: Dialect) -> list[bytes]:
    """An answer of everything that it may hold, which is not over."""
    match dialect.name:
        case "openai" | "azure" | "huggingface" | "mistral":
            return _openai_begun()
        case "anthropic":
            return _anthropic_begun(dialect)
        case "cohere":
            return _cohere_begun(dialect)
        case "gemini":
            return _gemini_begun()
        case _:  # text only, in which reasoning is marked
            return [dialect.piece(f"<think>Hm</think>{TEXT}")]


def _has_calls(dialect: Dialect) -> bool:
    return dialect.name != "replicate"  # its tools are asked for in words


def _is_what_came(partial: Completion, dialect: Dialect) -> None:
    message = partial.choices[0].message
    assert TEXT == message.content
    assert "Hm" == message.reasoning_content
    assert None is partial.choices[0].finish_reason
    calls = [
        (call.function.name, json.loads(call.function.arguments))
        for call in message.tool_calls or []
        if call.function is not None
    ]
    assert ([("look", {"at": 1})] if _has_calls(dialect) else []) == calls
    match dialect.name:
        case "openai" | "azure" | "huggingface" | "mistral":
            assert partial.usage is not None
            assert (5, 1) == (partial.usage.prompt_tokens, partial.usage.completion_tokens)
        case "anthropic":  # which tells of the prompt at the beginning
            assert partial.usage is not None
            assert 1 == partial.usage.prompt_tokens
        case _:  # which tell only at the end
            assert partial.usage is None


def _results_of(partial: Completion) -> list[Any]:
    """What an application would say next: the result of each call, and a question."""
    calls = partial.choices[0].message.tool_calls or []
    results = [{"role": "tool", "tool_call_id": call.id, "content": "7"} for call in calls]
    return [*results, {"role": "user", "content": "Go on"}]


async def _goes_back(player: Player) -> None:
    """What is left of a broken answer is sent as a message of the next call."""
    dialect = player.dialect
    broken = dialect.streamed(*begun_twice(dialect))
    with dialect.serve(broken, dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            outcome = await player.call(client, server)
            raises(StreamTruncatedError)(outcome)
            partial: Completion = vars(outcome.error)["partial"]
            _is_what_came(partial, dialect)
            messages = [*HI, partial.choices[0].message, *_results_of(partial)]
            unary = replace(player, stream=False)
            again = await unary.call(client, server, messages=messages)
            answers()(again)
            body = server.requests[-1].body + b"".join(s.body for s in server.asides[1:])
        assert TEXT.encode() in body
        assert b'"go"' not in body, "half a call"


async def _left_early(player: Player) -> None:
    """Whoever leaves is told the usage that was told to us, and is sent nothing more."""
    dialect = player.dialect
    events = [framed(each) for each in begun_twice(dialect)]
    with dialect.serve(then(STREAM_HEAD, *events, last=hang)) as server:
        async with calling(player, server.url, {}) as client:
            options: Any = {"model": dialect.model, "messages": HI}
            stream = await client.acompletion(stream=True, **options)
            assert isinstance(stream, Stream)
            async for piece in stream:
                if piece.choices and piece.choices[0].delta.content:
                    break
            usage = stream.usage
            await stream.aclose()
            assert await wait_for_async(server.peers[0].gone.is_set, 0.3)
    assert isinstance(usage, Usage if dialect.name == "anthropic" else None | Usage)


STREAMED = ((False, True), (True, True))

CASES: tuple[Case | Scene, ...] = (
    Scene("what is left of a broken answer goes back", _goes_back, ways=STREAMED),
    Scene("what is known of the usage after leaving early", _left_early, ways=((False, True),)),
)
