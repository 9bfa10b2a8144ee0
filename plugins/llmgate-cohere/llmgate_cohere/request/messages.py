"""A call's messages in Cohere's format; it reads no parameter but the names of tools.

The system message comes first, and an earlier response of Cohere's own goes back as it came.
Source: https://docs.cohere.com/reference/chat (messages), https://docs.cohere.com/reference/errors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.provider.kit import NameMap, arguments_object, drop_others
from llmgate_cohere.request.history import add_native, joined_text, native_of

__all__ = ["messages_of"]

Given = Mapping[str, Any]
Part = dict[str, Any]

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "tool": ("role", "content", "tool_call_id"),
    "assistant": (
        *("role", "content", "refusal", "tool_calls", "audio"),
        *("reasoning_content", "annotations", "provider_data"),
    ),
}


def messages_of(call: ProviderCall, names: NameMap) -> list[dict[str, Any]]:
    """The messages of a call.

    Raises:
        UnsupportedError: for a part or a call that Cohere does not support.
        InvalidRequestError: when nothing is left to be sent.
    """
    system, others = list[tuple[str, Any]](), list[dict[str, Any]]()
    for index, message in enumerate(cast("list[Given]", call.messages)):
        path, role = f"messages[{index}]", message["role"]
        if role == "assistant":
            sent = _assistant(message, path, call, names)
            others += [sent] if sent else []
            continue
        role = "system" if role == "developer" else role
        drop_others(message, _KNOWN[role], path, call, "a message has no such field")
        content = _content(message["content"], role, f"{path}.content", call)
        if role == "system":
            system.append((path, content))
            if others:
                reason = "moved to the front: the system message must be the first"
                call.report.add("converted", path, reason)
        elif role == "tool":
            identifier = message["tool_call_id"]
            others.append({"role": "tool", "tool_call_id": identifier, "content": content})
        else:
            others.append({"role": "user", "content": content})
    messages = [*_system_message(system, call), *others]
    if not messages:
        raise InvalidRequestError("no message is left to be sent", path="messages")
    return messages


def _system_message(given: list[tuple[str, Any]], call: ProviderCall) -> list[dict[str, Any]]:
    """One message of all instructions, which stay apart as its parts."""
    if len(given) < 2:
        return [{"role": "system", "content": content} for _, content in given]
    parts: list[Part] = []
    for place, (path, content) in enumerate(given):
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
        if place and path not in call.report:
            call.report.add("merged", path, "joined with the system message before it")
    return [{"role": "system", "content": parts}]


# --- parts --------------------------------------------------------------------------------


def _content(content: Any, role: str, path: str, call: ProviderCall) -> Any:
    """Text unchanged, parts one by one."""
    if not is_array(content):
        return content
    return [_part(part, role, f"{path}[{place}]", call) for place, part in enumerate(content)]


def _part(part: Given, role: str, path: str, call: ProviderCall) -> Part:
    kind = part["type"]
    convert = _KINDS[role].get(kind)
    if convert is None:
        reason = f"Cohere does not support {kind!r} in a message of role {role}"
        raise UnsupportedError(f"{path}: {reason}", parameter=path)
    drop_others(part, ("type", kind), path, call, "a part has no such field")
    return convert(part, path, call)


def _text(part: Given, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    return {"type": "text", "text": part["text"]}


def _refusal(part: Given, path: str, call: ProviderCall) -> Part:
    call.report.add("converted", path, "an earlier refusal, sent as text")
    return {"type": "text", "text": part["refusal"]}


def _image(part: Given, path: str, call: ProviderCall) -> Part:
    image: Given = part["image_url"]
    sent: dict[str, Any] = {"url": image["url"]}
    detail = image.get("detail")
    if detail == "original":
        where = f"{path}.image_url.detail"
        call.report.add("converted", where, "Cohere's finest is high", given=detail, sent="high")
        detail = "high"
    if detail is not None:
        sent["detail"] = detail
    drop_others(image, ("url", "detail"), f"{path}.image_url", call, "an image has no such field")
    return {"type": "image_url", "image_url": sent}


def _thinking(part: Given, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    if not isinstance(part.get("thinking"), str):
        raise InvalidRequestError("must be a string", path=f"{path}.thinking")
    return {"type": "thinking", "thinking": part["thinking"]}


def _document(part: Given, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    """Cohere's own form of a tool's result, for those who know it."""
    if not is_object(part.get("document")):
        raise InvalidRequestError("must be a dictionary", path=f"{path}.document")
    return {"type": "document", "document": part["document"]}


_KINDS: Mapping[str, Mapping[str, Callable[[Given, str, ProviderCall], Part]]] = {
    "system": {"text": _text},
    "user": {"text": _text, "image_url": _image},
    "assistant": {"text": _text, "refusal": _refusal, "thinking": _thinking},
    "tool": {"text": _text, "document": _document},
}


# --- earlier responses --------------------------------------------------------------------


def _assistant(
    message: Given, path: str, call: ProviderCall, names: NameMap
) -> dict[str, Any] | None:
    """An earlier response: as it came where it came from Cohere, otherwise what it says.

    None where it says nothing, which the API refuses.
    """
    if message.get("audio"):
        where = f"{path}.audio"
        reason = "Cohere does not support audio of earlier responses"
        raise UnsupportedError(f"{where}: {reason}", parameter=where)
    _report_others(message, _KNOWN["assistant"], path, call, "a message has no such field")
    sent: dict[str, Any] = {"role": "assistant"}
    content = _content(message.get("content"), "assistant", f"{path}.content", call) or None
    if message.get("refusal"):
        content = _with_refusal(content, message["refusal"])
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
    calls = [
        _tool_call(item, f"{path}.tool_calls[{place}]", call, names)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    if calls:
        sent["tool_calls"] = calls
    native = native_of(message, path, call)
    if native is not None:
        add_native(sent, content, native, path, call)
    elif content is not None and calls:
        _add_plan(sent, content, path, call)
    elif content is not None:
        sent["content"] = content
    if len(sent) > 1:
        return sent
    call.report.add("dropped", path, "the API refuses a message without content")
    return None


def _report_others(
    fields: Given, known: tuple[str, ...], path: str, call: ProviderCall, reason: str
) -> None:
    """Record what is left out; it may be a response's own, which nobody asked to be sent."""
    for key, value in fields.items():
        if key not in known and value is not None:
            call.report.add("dropped", f"{path}.{key}", reason, given=value)


def _with_refusal(content: Any, refusal: str) -> Any:
    if content is None:
        return refusal
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*parts, {"type": "text", "text": refusal}]


def _add_plan(sent: dict[str, Any], content: Any, path: str, call: ProviderCall) -> None:
    """Add the text beside tool calls, which is their plan in Cohere's format."""
    thoughts = [] if isinstance(content, str) else [p for p in content if p["type"] != "text"]
    plan = joined_text(content)
    if thoughts:
        sent["content"] = thoughts
    if plan:
        sent["tool_plan"] = plan
        reason = "text beside tool calls is sent as tool_plan"
        call.report.add("renamed", f"{path}.content", reason, sent=plan)


def _tool_call(item: Given, path: str, call: ProviderCall, names: NameMap) -> dict[str, Any]:
    if item["type"] != "function":
        raise UnsupportedError(f"{path}: Cohere supports functions only", parameter=path)
    function: Given = item["function"]
    reason = "a tool call has no such field"
    _report_others(item, ("id", "type", "function"), path, call, reason)
    _report_others(function, ("name", "arguments"), f"{path}.function", call, reason)
    name = names.sent(function["name"], f"{path}.function.name", call)
    where, arguments = f"{path}.function.arguments", function["arguments"]
    fitted = arguments_object(arguments, where, call)
    if where in call.report or not arguments.strip():
        arguments = encode_json(fitted).decode()
    return {
        "id": item["id"],
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
