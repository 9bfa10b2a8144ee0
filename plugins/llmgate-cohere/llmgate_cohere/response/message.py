"""What a whole response of Cohere's says, as a completion; pure, no I/O.

It invents no content: a missing id is made from the call's id, a finish reason never.
Source: https://docs.cohere.com/reference/chat (the response)
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import beside
from llmgate.provider.http import encode_json, is_object
from llmgate.provider.kit import Fields, NameMap, SideFields
from llmgate.report import Report
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_cohere.request.history import NAME
from llmgate_cohere.response.errors import failure_of
from llmgate_cohere.response.parts import (
    annotations_of,
    finish_reason,
    is_empty_object,
    kind_of,
    logprobs_of,
    native_content,
    usage_in,
)

__all__ = ["completion_of"]


def completion_of(
    payload: Any, call_id: str, model: str, names: NameMap | None, report: Report | None
) -> Completion:
    """The completion that a JSON value stands for.

    Raises:
        ProviderError: when the generation failed.
        DecodeError: when it is something else.
    """
    response = Fields(payload)
    given, native = response.object("message"), response.optional_text("finish_reason")
    fields = SideFields(payload, report)
    failure = failure_of(native, payload.get("error"))
    if failure is not None:
        raise failure
    message = _message(given, call_id, names, report)
    has_content = message.content or message.tool_calls
    if not has_content and not (native and given.payload.get("role")):
        raise DecodeError("it has no content and no finish reason")
    reason = finish_reason(native, has_calls=bool(message.tool_calls))
    logprobs = logprobs_of(fields.array("logprobs"), fields)
    usage, identifier = usage_in(fields), fields.text("id")
    others = fields.others("id", "message", "finish_reason", "usage", "logprobs")
    return Completion(
        [Choice(message, 0, reason, logprobs, native)],
        identifier or f"chat_{call_id}",
        model=model,
        usage=usage,
        extra=beside(others, Completion, NAME),
    )


def _message(given: Fields, call_id: str, names: NameMap | None, report: Report | None) -> Message:
    calls = [
        _call(item, f"call_{call_id}_{place}", names, report)
        for place, item in enumerate(given.objects("tool_calls"))
    ]
    fields = SideFields(given.payload, report, "message")
    plan, citations = given.optional_text("tool_plan"), fields.objects("citations")
    starts, texts, thoughts = dict[int, int](), list[str](), list[str]()
    native, content = native_content(), list[dict[str, Any]]()
    length = 0
    for index, item in enumerate(_items(given)):
        starts[index] = length
        kind = kind_of(item.payload)
        if kind == "text":
            texts.append(item.text("text"))
            length += len(texts[-1])
        elif kind == "thinking":
            thoughts.append(item.text("thinking"))
        content += native.add(item.payload)
    if plan or citations or calls:
        content += native.release()
    data = {"content": content, "tool_plan": plan, "citations": citations}
    data = {key: value for key, value in data.items() if value}
    annotations = [note for citation in citations for note in annotations_of(citation, starts)]
    others = fields.others("role", "content", "tool_calls", "tool_plan", "citations")
    return Message(
        "".join(texts) or None,
        reasoning_content="".join((*thoughts, plan or "")) or None,
        tool_calls=calls or None,
        annotations=annotations or None,
        provider_data={NAME: data} if data else None,
        extra=beside(others, Message, NAME),
    )


def _items(message: Fields) -> list[Fields]:
    """The content, item by item; a bare text is the one item that it stands for."""
    content = message.payload.get("content")
    if isinstance(content, str):
        return [Fields({"type": "text", "text": content})]
    return message.objects("content")


# --- calls --------------------------------------------------------------------------------


def _call(item: Fields, fallback: str, names: NameMap | None, report: Report | None) -> ToolCall:
    function = item.object("function")
    name = function.text("name")
    if not name:
        raise DecodeError(f"{function.name}.name is empty")
    called = Function(
        names.given(name) if names else name,
        _arguments(function),
        function.others("name", "arguments"),
    )
    fields = SideFields(item.payload, report, item.name)
    identifier = fields.text("id") or fallback
    others = fields.others("id", "type", "function")
    return ToolCall(identifier, called, extra=beside(others, ToolCall, NAME))


def _arguments(function: Fields) -> str:
    """The arguments as text; none at all are the empty object."""
    value = function.payload.get("arguments")
    if is_object(value):
        return encode_json(value).decode()
    text = function.optional_text("arguments") or ""
    return "{}" if is_empty_object(text) else text
