"""Anthropic's whole replies into completions; pure, no I/O.

It invents no content: an id that is missing is made from the call's, a finish reason never.
Source: https://platform.claude.com/docs/en/api/messages/create (the response).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.provider.accumulate import Accumulator, beside
from llmgate.provider.http import HttpResponse, encode_json, is_array, is_object
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_anthropic.answer import (
    Kept,
    annotations_of,
    finish_reason,
    optional_text,
    stop_extra,
    text_in,
    usage_of,
)
from llmgate_anthropic.errors import error_in
from llmgate_anthropic.reading import read_json
from llmgate_anthropic.stream import MessagesDecoder

__all__ = ["decode"]


def decode(reply: HttpResponse, call_id: str, answer_tool: str | None = None) -> Completion:
    """The completion of a whole reply, which may be a stream that has come to its end.

    Args:
        reply: The reply.
        call_id: What missing ids are made from.
        answer_tool: The tool whose input is the answer, where a schema is emulated.

    Raises:
        ProviderError: when an error was sent with status 200.
        StreamTruncatedError: when it is a stream without its end.
        DecodeError: when the reply is no message; ``frame`` is its body.
    """
    if reply.body.lstrip().startswith((b"event:", b"data:", b":")):
        return _whole_stream(reply.body, MessagesDecoder(call_id, answer_tool))
    payload = read_json(reply.body)
    error = error_in(payload)
    if error is not None:
        raise error
    try:
        return _completion(payload, call_id, answer_tool)
    except DecodeError as failure:
        reason = failure.message
    raise DecodeError(
        f"the reply is no message ({reason}): {excerpt(reply.body)}", frame=reply.body
    )


def _whole_stream(body: bytes, decoder: MessagesDecoder) -> Completion:
    answer = Accumulator()
    try:
        for frame in chain(decoder.framer.feed(body), decoder.framer.close()):
            for chunk in decoder.feed(frame):
                answer.add(chunk)
            if decoder.finished:
                break
        decoder.close()
    except StreamTruncatedError as error:
        error.partial = None if answer.is_empty else answer.completion()
        raise
    return answer.completion()


_KNOWN = frozenset(
    {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details"}
    | {"usage"}
)


def _completion(payload: Any, call_id: str, answer_tool: str | None) -> Completion:
    if not is_object(payload):
        raise DecodeError("it is no object")
    content = payload.get("content")
    if not is_array(content):
        raise DecodeError("it has no content")
    native = optional_text(payload, "stop_reason")
    if not content and native is None:
        raise DecodeError("it says nothing, and not why")
    parts = _Parts(call_id, answer_tool)
    for block in content:
        parts.add(block)
    usage = usage_of(payload.get("usage"))
    rest = {key: value for key, value in payload.items() if key not in _KNOWN}
    reason = finish_reason(native, has_calls=bool(parts.calls))
    return Completion(
        [Choice(parts.message(), 0, reason, None, native, stop_extra(payload))],
        optional_text(payload, "id") or f"msg_{call_id}",
        model=optional_text(payload, "model") or "",
        usage=usage,
        service_tier=None if usage is None else optional_text(usage.extra, "service_tier"),
        extra=beside(rest, Completion, "anthropic"),
    )


@dataclass(slots=True)
class _Parts:
    """What the blocks of an answer say, one after the other."""

    call_id: str
    answer_tool: str | None
    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    annotations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    blocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    kept: Kept = field(default_factory=Kept)

    def add(self, block: Any) -> None:
        if not is_object(block):
            raise DecodeError("a block of the content is no object")
        match text_in(block, "type"):
            case "text":
                self._add_text(block)
            case "thinking":
                self.thoughts.append(optional_text(block, "thinking") or "")
            case "tool_use":
                self._add_call(block)
            case _:
                pass  # it is kept, below
        data = self.kept.add(block)
        if data is not None:
            self.blocks.extend(data["anthropic"]["content"])

    def _add_text(self, block: Mapping[str, Any]) -> None:
        start = sum(map(len, self.texts))
        self.texts.append(text_in(block, "text"))
        self.annotations += annotations_of(block, start, start + len(self.texts[-1]))

    def _add_call(self, block: Mapping[str, Any]) -> None:
        name, given = text_in(block, "name"), block.get("input")
        if not (given is None or is_object(given)):
            raise DecodeError(f"the input of {name} is no object")
        arguments = encode_json(given or {}).decode()
        if name == self.answer_tool:
            self.texts.append(arguments)
            return
        spare = f"call_{self.call_id}_{len(self.calls)}"
        identifier = optional_text(block, "id") or spare
        self.calls.append(ToolCall(identifier, Function(name, arguments)))

    def message(self) -> Message:
        return Message(
            "".join(self.texts) or None,
            reasoning_content="".join(self.thoughts) or None,
            tool_calls=self.calls or None,
            annotations=self.annotations or None,
            provider_data={"anthropic": {"content": self.blocks}} if self.blocks else None,
        )
