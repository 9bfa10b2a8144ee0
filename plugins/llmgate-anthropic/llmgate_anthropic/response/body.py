"""Anthropic's whole responses into completions; pure, no I/O.

It invents no content: an id that is missing is made from the call's, a finish reason never.
Source: https://platform.claude.com/docs/en/api/messages/create (the response).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpResponse, is_array
from llmgate.provider.kit import (
    Fields,
    NativeContent,
    SideFields,
    add_frame,
    arguments_text,
    completion_of_events,
    finish_reason,
    is_event_stream,
    read_json,
    without_terminator,
)
from llmgate.report import Report
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_anthropic.response.blocks import piece_in
from llmgate_anthropic.response.errors import error_in
from llmgate_anthropic.response.parts import (
    OF_A_MESSAGE,
    annotations_of,
    native_content,
    native_data,
    stop_extra,
    usage_of,
)
from llmgate_anthropic.response.plain import plain_completion
from llmgate_anthropic.response.stream import MessagesDecoder

__all__ = ["completion_of", "decode"]


def decode(
    response: HttpResponse,
    call_id: str,
    output_tool: str | None = None,
    report: Report | None = None,
) -> Completion:
    """The completion of a whole response, which may be a stream that has come to its end.

    Args:
        response: The response.
        call_id: What missing ids are made from.
        output_tool: The tool whose input is the text, where a schema is emulated.
        report: The call's report, for what is read otherwise than the format has it.

    Raises:
        ProviderError: when an error was sent with status 200.
        StreamTruncatedError: when it is a stream without its terminator.
        DecodeError: when the response is not a message; ``frame`` is its body.
    """
    body = response.body
    if is_event_stream(body):
        if report is not None and "stream" not in report:
            reason = "the host sent a stream, though none was requested: it was joined"
            report.add("converted", "response", reason)
        decoder = MessagesDecoder(call_id, output_tool, report=report)
        return completion_of_events(body, decoder)
    payload = _read(body)
    plain = plain_completion(payload) if output_tool is None else None
    if plain is not None:
        return plain
    error = error_in(payload, "content")
    if error is not None:
        raise error
    try:
        return completion_of(payload, call_id, output_tool, report)
    except DecodeError as failure:
        add_frame(failure, "the response is not a message", body)
        raise


def _read(body: bytes) -> Any:
    try:
        return read_json(body)
    except DecodeError:
        whole = without_terminator(body)
        if whole == body:
            raise
    return read_json(whole)


def completion_of(
    payload: Any, call_id: str, output_tool: str | None = None, report: Report | None = None
) -> Completion:
    """The completion of a message, read block by block.

    Raises:
        DecodeError: when it is not a message.
    """
    content = Fields(payload).payload.get("content")
    if not is_array(content):
        raise DecodeError("it has no content")
    side = SideFields(payload, report)
    native = side.text("stop_reason")
    if not content and native is None:
        raise DecodeError("it has neither content nor a stop reason")
    parts = _Parts(call_id, output_tool, report)
    for block in content:
        parts.add(block)
    reason = finish_reason(native, {}, has_calls=bool(parts.calls))
    counts = side.object("usage")
    usage = usage_of(counts)
    if usage is None and counts.payload:
        side.odd["usage"] = payload["usage"]
    return Completion(
        [Choice(parts.message(), 0, reason, None, native, stop_extra(payload))],
        side.text("id") or f"msg_{call_id}",
        model=side.text("model") or "",
        usage=usage,
        service_tier=counts.text("service_tier"),
        extra=beside(side.others(*OF_A_MESSAGE), Completion, "anthropic"),
    )


@dataclass(slots=True)
class _Parts:
    """What the blocks of a response say, one after the other."""

    call_id: str
    output_tool: str | None
    report: Report | None
    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    annotations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    blocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    native: NativeContent = field(default_factory=native_content)
    length: int = 0
    count: int = 0

    def add(self, block: Any) -> None:
        path = f"content[{self.count}]"
        fields, side = Fields(block, path), SideFields(block, self.report, path)
        self.count += 1
        match fields.text("type"):
            case "text":
                start = self._add_text(piece_in(fields.payload, "text"))
                self.annotations += annotations_of(side, start, self.length)
            case "thinking":
                self.thoughts.append(side.text("thinking") or "")
            case "tool_use":
                self._add_call(fields.text("name"), side, path)
            case _:
                pass  # it is native, below
        self.blocks += self.native.add(block)

    def _add_text(self, text: str) -> int:
        """Add a text; where it begins."""
        start = self.length
        self.length += len(text)
        self.texts.append(text)
        return start

    def _add_call(self, name: str, side: SideFields, path: str) -> None:
        arguments = arguments_text(side.payload.get("input"), f"{path}.input", self.report)
        if name == self.output_tool:
            self._add_text(arguments)
            return
        identifier = side.text("id") or f"call_{self.call_id}_{len(self.calls)}"
        self.calls.append(ToolCall(identifier, Function(name, arguments)))

    def message(self) -> Message:
        return Message(
            "".join(self.texts) or None,
            reasoning_content="".join(self.thoughts) or None,
            tool_calls=self.calls or None,
            annotations=self.annotations or None,
            provider_data=native_data(self.blocks),
        )
