"""Cohere's whole replies into completions; pure, no I/O.

It invents no content: an id that is missing is made from the call's, a finish reason never.
Source: https://docs.cohere.com/reference/chat (the response)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError, excerpt
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpResponse, encode_json, is_array, is_object
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_cohere.answer import (
    Kept,
    annotations_of,
    finish_reason,
    logprobs_of,
    object_in,
    optional_text,
    says_nothing,
    text_in,
    usage_of,
    without,
)
from llmgate_cohere.earlier import NAME
from llmgate_cohere.errors import error_in, failure_of
from llmgate_cohere.reading import read_json

__all__ = ["decode"]


def decode(
    reply: HttpResponse, call_id: str, model: str = "", names: Mapping[str, str] | None = None
) -> Completion:
    """The completion of a whole reply.

    Args:
        reply: The reply.
        call_id: What missing ids are made from.
        model: The model that was asked; a reply does not say it.
        names: The tools that were sent under another name: sent name, given name.

    Raises:
        ProviderError: when the answer failed, or an error was sent with status 200.
        DecodeError: when the reply is no answer; ``frame`` is its body.
    """
    payload = read_json(reply.body)
    error = error_in(payload)
    if error is not None:
        raise error
    try:
        return _completion(payload, call_id, model, names or {})
    except DecodeError as failure:
        reason = failure.message
    raise DecodeError(f"the reply is no answer ({reason}): {excerpt(reply.body)}", frame=reply.body)


def _completion(payload: Any, call_id: str, model: str, names: Mapping[str, str]) -> Completion:
    if not is_object(payload):
        raise DecodeError("it is no object")
    said = object_in(payload, "message")
    native = optional_text(payload, "finish_reason")
    failure = failure_of(native, payload.get("error"))
    if failure is not None:
        raise failure
    message = _message(said, call_id, names)
    if not (message.content or message.tool_calls) and not (native and said.get("role")):
        raise DecodeError("it says nothing, and not why")
    reason = finish_reason(native, has_calls=bool(message.tool_calls))
    logprobs = logprobs_of(payload.get("logprobs"))
    rest = without(payload, "id", "message", "finish_reason", "usage", "logprobs")
    return Completion(
        [Choice(message, 0, reason, logprobs, native)],
        optional_text(payload, "id") or f"chat_{call_id}",
        model=model,
        usage=usage_of(payload.get("usage")),
        extra=beside(rest, Completion, NAME),
    )


def _message(said: Mapping[str, Any], call_id: str, names: Mapping[str, str]) -> Message:
    items = _items(said)
    calls = _calls(said.get("tool_calls"), call_id, names)
    plan = optional_text(said, "tool_plan")
    starts, texts = dict[int, int](), list[str]()
    thoughts, kept, content = list[str](), Kept(), list[dict[str, Any]]()
    for index, item in enumerate(items):
        starts[index] = sum(map(len, texts))
        match item.get("type") or ("thinking" if "thinking" in item else "text"):
            case "text":
                texts.append(text_in(item, "text"))
            case "thinking":
                thoughts.append(text_in(item, "thinking"))
            case _:
                pass  # it is kept, below
        content += kept.add(item).get("content", ())
    citations = _objects(said, "citations")
    if plan or citations or calls:
        content += kept.need().get("content", ())
    data = {"content": content, "tool_plan": plan, "citations": citations}
    data = {key: value for key, value in data.items() if value}
    annotations = [note for cited in citations for note in annotations_of(cited, starts)]
    rest = without(said, "role", "content", "tool_calls", "tool_plan", "citations")
    return Message(
        "".join(texts) or None,
        reasoning_content="".join((*thoughts, plan or "")) or None,
        tool_calls=calls or None,
        annotations=annotations or None,
        provider_data={NAME: data} if data else None,
        extra=beside(rest, Message, NAME),
    )


def _items(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The content, item by item; a bare text is the one item that it stands for."""
    content = said.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return _objects(said, "content")


def _objects(said: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = said.get(key)
    if value is None:
        return []
    if not is_array(value) or not all(map(is_object, value)):
        raise DecodeError(f"{key} is no list of objects: {value!r:.60}")
    return value


# --- calls --------------------------------------------------------------------------------


def _calls(value: Any, call_id: str, names: Mapping[str, str]) -> list[ToolCall]:
    calls = _objects({"tool_calls": value}, "tool_calls")
    return [_call(item, f"call_{call_id}_{place}", names) for place, item in enumerate(calls)]


def _call(item: Mapping[str, Any], spare: str, names: Mapping[str, str]) -> ToolCall:
    function = object_in(item, "function")
    name = text_in(function, "name")
    if not name:
        raise DecodeError("a call has no name")
    extra = without(function, "name", "arguments")
    called = Function(names.get(name, name), _arguments(function.get("arguments")), extra)
    identifier = optional_text(item, "id") or spare
    return ToolCall(
        identifier, called, extra=beside(without(item, "id", "type", "function"), ToolCall, NAME)
    )


def _arguments(value: Any) -> str:
    """The arguments as text; none at all are the empty object."""
    if value is None or is_object(value):
        return encode_json(value or {}).decode()
    if not isinstance(value, str):
        raise DecodeError(f"arguments is no text: {value!r:.60}")
    return "{}" if says_nothing(value) else value
