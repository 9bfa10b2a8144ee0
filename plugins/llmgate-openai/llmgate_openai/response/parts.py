"""Parts of a response in OpenAI's own form, whichever of its imitators wrote them.

It invents no value, and checks none that the response types check themselves.
Source: https://platform.openai.com/docs/api-reference/chat/object; recorded responses of the hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.provider.kit import Fields, finish_reason

__all__ = [
    "arguments_text",
    "complete_arguments",
    "finish_reasons",
    "message_fields",
    "seconds_of",
    "tool_call",
    "usage_in",
]


def finish_reasons(
    choice: Mapping[str, Any], *, has_calls: bool, has_function_call: bool
) -> dict[str, Any]:
    """A choice's finish reason in OpenAI's word and in the host's own.

    A response that calls says so, though OpenAI itself gives ``stop`` for a call that was forced.

    Raises:
        DecodeError: when it is not a string.
    """
    native = Fields(choice).optional_text("finish_reason")
    own = choice.get("native_finish_reason")  # OpenRouter: the reason of the host behind it
    reason = finish_reason(native, {}, has_calls=has_calls)
    if reason == "function_call" or (reason in ("stop", "other") and has_function_call):
        reason = "function_call" if has_function_call else "tool_calls" if has_calls else "stop"
    return {"finish_reason": reason, "native_finish_reason": own or native or None}


def message_fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message or delta: its content as text, its reasoning under one name."""
    fields = dict(message)
    if is_array(fields.get("content")):
        fields |= _joined_parts(fields["content"])
    reasoning = fields.get("reasoning")
    if not fields.get("reasoning_content") and isinstance(reasoning, str):
        fields["reasoning_content"] = reasoning
    called = fields.get("function_call")
    if is_object(called) and not (called.get("name") or called.get("arguments")):
        del fields["function_call"]  # an empty one, as some hosts write beside each text
    elif is_object(called) and called.get("arguments") is not None:
        arguments = arguments_text(called["arguments"])
        fields["function_call"] = {**called, "arguments": arguments}
    return fields


def _joined_parts(parts: list[Any]) -> dict[str, Any]:
    """Content in parts (Mistral) as text and reasoning; the parts themselves stay in ``extra``."""
    joined: dict[str, Any] = {"content": _text_of(parts), "content_parts": parts}
    thinking = [
        _text_of(part["thinking"]) if is_array(part.get("thinking")) else _text(part, "thinking")
        for part in parts
        if is_object(part) and part.get("type") == "thinking"
    ]
    if thinking:
        joined["reasoning_content"] = "".join(thinking)
    return joined


def _text_of(parts: Iterable[Any]) -> str:
    """The text of the text parts; other kinds have none."""
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif Fields(part, _PART).payload.get("type", "text") == "text":
            texts.append(_text(part, "text"))
    return "".join(texts)


def _text(part: dict[str, Any], key: str) -> str:
    return Fields(part, _PART).optional_text(key) or ""


_PART = "a part of the content"


def tool_call(call: Any, fallback_id: str, path: str) -> dict[str, Any]:
    """A whole call with an id, a type and JSON text for arguments, which some hosts leave out.

    Raises:
        DecodeError: when it does not say what is called.
    """
    fields = Fields(call, path).payload
    kind = fields.get("type") or ("custom" if fields.get("custom") else "function")
    whole = {**fields, "id": fields.get("id") or fallback_id, "type": kind}
    function, custom = fields.get("function"), fields.get("custom")
    if is_object(function) and function.get("name"):
        arguments = complete_arguments(function.get("arguments"))
        whole["function"] = {**function, "arguments": arguments}
    elif kind in ("function", "custom") and not (is_object(custom) and custom.get("name")):
        raise DecodeError(f"{path} names no function")
    return whole


def complete_arguments(arguments: Any) -> str:
    """The arguments of a whole call: where it has none, the empty object."""
    text = arguments_text(arguments)
    return text if text.strip() else "{}"


def arguments_text(arguments: Any) -> str:
    """Arguments as JSON text; some hosts send them as an object."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return encode_json(arguments).decode()


def usage_in(payload: Mapping[str, Any]) -> Any:
    """The usage of a response or a chunk, in OpenAI's shape; None where it has none."""
    usage = payload.get("usage")
    if usage is None and is_object(groq := payload.get("x_groq")):
        usage = groq.get("usage")
    if not is_object(usage):
        return usage
    if not usage:
        return None
    shaped = dict(usage)
    cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek
    if usage.get("prompt_tokens_details") is None and isinstance(cached, int):
        shaped["prompt_tokens_details"] = {"cached_tokens": cached}
    parts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    counts = [part for part in parts if isinstance(part, int) and abs(part) < _MOST]
    if usage.get("total_tokens") is None and len(counts) == len(parts):
        shaped["total_tokens"] = sum(counts)
    return shaped


_MOST = 2**63
"""Sums of what is larger can grow beyond what Python turns into text."""


def seconds_of(created: Any) -> Any:
    """A time of creation in whole seconds; some hosts send fractions."""
    if isinstance(created, float) and abs(created) < 2**53:
        return int(created)
    return created
