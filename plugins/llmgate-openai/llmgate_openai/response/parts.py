"""Parts of a reply in OpenAI's own form, whichever of its imitators wrote them.

It invents no value, and checks none that the reply types check themselves.
Source: https://platform.openai.com/docs/api-reference/chat/object; recorded replies of the hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.types import FinishReason

__all__ = [
    "arguments_text",
    "finish_reason",
    "finish_reasons",
    "said_by",
    "seconds_of",
    "tool_call",
    "usage_in",
    "whole_arguments",
]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "function_call",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
}


def finish_reason(
    native: str | None, *, has_calls: bool, has_function_call: bool = False
) -> FinishReason | None:
    """OpenAI's word for a reason.

    An answer that calls says so, though OpenAI itself gives ``stop`` for a call that was forced.
    """
    if not native:
        return None
    reason = _FINISH_REASONS.get(native, "other")
    if reason == "stop" and has_calls:
        return "tool_calls"
    return "function_call" if reason == "stop" and has_function_call else reason


def finish_reasons(
    choice: Mapping[str, Any], *, has_calls: bool, has_function_call: bool
) -> dict[str, Any]:
    """A choice's finish reason in OpenAI's word and in the host's own.

    Raises:
        DecodeError: when it is no text.
    """
    native = choice.get("finish_reason")
    if native is not None and not isinstance(native, str):
        raise DecodeError(f"finish_reason: expected text, got {native!r:.60}")
    own = choice.get("native_finish_reason")  # OpenRouter: the reason of the host behind it
    reason = finish_reason(native, has_calls=has_calls, has_function_call=has_function_call)
    return {"finish_reason": reason, "native_finish_reason": own or native or None}


def said_by(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message or delta with text for content, and its reasoning under one name."""
    said = dict(message)
    if is_array(said.get("content")):
        said |= _joined_parts(said["content"])
    reasoning = said.get("reasoning")
    if not said.get("reasoning_content") and isinstance(reasoning, str):
        said["reasoning_content"] = reasoning
    if is_object(called := said.get("function_call")) and called.get("arguments") is not None:
        arguments = arguments_text(called["arguments"])
        said["function_call"] = {**called, "arguments": arguments}
    return said


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
        elif not is_object(part):
            raise DecodeError("a part of the content is no object")
        elif part.get("type", "text") == "text":
            texts.append(_text(part, "text"))
    return "".join(texts)


def _text(part: Mapping[str, Any], key: str) -> str:
    text = part.get(key)
    if text is not None and not isinstance(text, str):
        raise DecodeError(f"{key} of a part of the content is no text")
    return text or ""


def tool_call(call: Any, spare_id: str, path: str) -> dict[str, Any]:
    """A whole call with an id, a type and JSON text for arguments, which some hosts leave out.

    Raises:
        DecodeError: when it does not say what is called.
    """
    if not is_object(call):
        raise DecodeError(f"{path} is no object")
    kind = call.get("type") or ("custom" if call.get("custom") else "function")
    whole = {**call, "id": call.get("id") or spare_id, "type": kind}
    function, custom = call.get("function"), call.get("custom")
    if is_object(function) and function.get("name"):
        whole["function"] = {**function, "arguments": whole_arguments(function.get("arguments"))}
    elif kind in ("function", "custom") and not (is_object(custom) and custom.get("name")):
        raise DecodeError(f"{path} names no function")
    return whole


def whole_arguments(arguments: Any) -> str:
    """The arguments of a whole call, which has the empty object where it has none."""
    text = arguments_text(arguments)
    return text if text.strip() else "{}"


def arguments_text(arguments: Any) -> str:
    """Arguments as JSON text; some hosts send them as an object."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return encode_json(arguments).decode()


def usage_in(payload: Mapping[str, Any]) -> Any:
    """The usage of a reply or a chunk, in OpenAI's shape; None where it has none."""
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
