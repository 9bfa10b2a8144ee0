"""Parts of a response in OpenAI's own form, whichever of its imitators wrote them.

What a response says (text, tool calls) is read strictly. An odd value beside that is converted or
None, is recorded in the report, and stays in ``extra``. No value is invented.
Source: https://platform.openai.com/docs/api-reference/chat/object; recorded responses of the hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import encode_json, is_array, is_object
from llmgate.provider.kit import Fields, SideFields, finish_reason
from llmgate.report import Report
from llmgate_openai.response.usage import read_usage

__all__ = [
    "CONTENTS",
    "HEAD_FIELDS",
    "arguments_text",
    "complete_arguments",
    "finish_reasons",
    "head_fields",
    "is_plain_head",
    "kind_of",
    "message_fields",
    "seconds_of",
    "text_or_none",
    "tool_call",
]


HEAD_FIELDS = frozenset(
    {"id", "created", "model", "object", "system_fingerprint", "service_tier", "usage"}
)
"""What a completion or chunk says beside its choices, and has fields for."""


CONTENTS = (
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "reasoning_content",
    "reasoning",
    "images",
)
"""The fields of a message that can be what the model gave."""


def head_fields(
    payload: Mapping[str, Any], extra: dict[str, Any], report: Report
) -> dict[str, Any]:
    """What a completion or chunk says beside its choices, as the arguments of its class.

    Args:
        payload: The response, or its head.
        extra: Takes what could not be read as such.
        report: Where that is recorded.
    """
    side = SideFields(payload, report)
    head = {
        "id": side.text("id") or "",
        "created": _seconds(side) or 0,
        "model": side.text("model") or "",
        "system_fingerprint": side.text("system_fingerprint"),
        "service_tier": side.text("service_tier"),
        "usage": read_usage(payload.get("usage"), extra, report),
    }
    kind = side.text("object")
    extra |= side.odd
    return head if kind is None else {**head, "object": kind}


def is_plain_head(
    identifier: Any, created: Any, model: Any, kind: Any, fingerprint: Any, tier: Any
) -> bool:
    """Whether the fields beside an event's choices have OpenAI's types."""
    return (
        type(identifier) is str
        and type(created) is int
        and abs(created) < _MOST
        and type(model) is str
        and type(kind) is str
        and (fingerprint is None or type(fingerprint) is str)
        and (tier is None or type(tier) is str)
    )


_MOST = 2**63


def _seconds(side: SideFields) -> int | None:
    """A time of creation in whole seconds; some hosts send fractions, or a date."""
    created = seconds_of(side.payload.get("created"))
    if type(created) is int and abs(created) < _MOST:
        return created
    if isinstance(created, str) and not created.isdecimal():
        try:
            moment = datetime.fromisoformat(created)
            seconds = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
        except (ValueError, OverflowError):
            pass
        else:
            side.convert("created", "seconds", seconds)
            return seconds
    return side.integer("created")


def seconds_of(created: Any) -> Any:
    """A time of creation in whole seconds; some hosts send fractions."""
    if isinstance(created, float) and abs(created) < 2**53:
        return int(created)
    return created


def finish_reasons(
    choice: Mapping[str, Any],
    extra: dict[str, Any],
    report: Report,
    *,
    has_calls: bool,
    has_function_call: bool,
) -> dict[str, Any]:
    """A choice's finish reason in OpenAI's word and in the host's own.

    A response that calls says so, though OpenAI itself gives ``stop`` for a call that was forced.
    """
    side = SideFields(choice, report, "choices")
    native = side.text("finish_reason")
    own = side.text("native_finish_reason")  # OpenRouter: the reason of the host behind it
    extra |= side.odd
    reason = finish_reason(native, {}, has_calls=has_calls)
    if reason == "function_call" or (reason in ("stop", "other") and has_function_call):
        reason = "function_call" if has_function_call else "tool_calls" if has_calls else "stop"
    return {"finish_reason": reason, "native_finish_reason": own or native or None}


def message_fields(
    message: Mapping[str, Any], path: str = "message", report: Report | None = None
) -> dict[str, Any]:
    """The fields of a message or delta, which are arguments of its class: its content as text, its
    reasoning under one name, and everything that has no field in ``extra``.

    ``tool_calls`` is a list of what the host sent, ``function_call`` an object; or None.

    Raises:
        DecodeError: when its content is no text, or its calls are none.
    """
    side = SideFields(message, report, path)
    fields: dict[str, Any] = {
        "content": None,
        "role": side.text("role"),
        "refusal": side.text("refusal"),
        "reasoning_content": side.text("reasoning_content"),
        "tool_calls": _calls_in(side, path),
        "function_call": _function_call_in(side),
        "annotations": _annotations_in(side),
        "audio": side.object("audio").payload or None,
        "provider_data": side.object("provider_data").payload or None,
    }
    extra = {key: value for key, value in message.items() if key not in fields} | side.odd
    content, reasoning = message.get("content"), message.get("reasoning")
    if is_array(content):
        extra["content_parts"] = content
        fields["content"], thinking = _texts_in(content)
        fields["reasoning_content"] = fields["reasoning_content"] or thinking
    else:
        fields["content"] = text_or_none(content, path, "content")
    if not fields["reasoning_content"] and isinstance(reasoning, str):
        fields["reasoning_content"] = reasoning
    return {**fields, "extra": extra}


def text_or_none(value: Any, path: str, key: str) -> str | None:
    """A text that is the response itself.

    Raises:
        DecodeError: when it is something else.
    """
    return Fields({key: value}, path).optional_text(key)


def _annotations_in(side: SideFields) -> list[dict[str, Any]] | None:
    annotations = side.objects("annotations")
    return annotations if annotations is side.payload.get("annotations") else None


def _calls_in(side: SideFields, path: str) -> list[Any] | None:
    calls = side.payload.get("tool_calls")
    if not calls:
        side.array("tool_calls")  # such as an empty object, which is recorded
        return None
    if is_object(calls) and is_object(calls.get("function")):  # a single one
        side.convert("tool_calls", "an array", [calls])
        return [calls]
    return Fields({"tool_calls": calls}, path).array("tool_calls")


def _function_call_in(side: SideFields) -> dict[str, Any] | None:
    called = dict(side.object("function_call").payload)
    if not (called.get("name") or called.get("arguments")):
        return None  # an empty one, as some hosts write beside each text
    if called.get("arguments") is not None:
        called["arguments"] = arguments_text(called["arguments"])
    return called


def _texts_in(parts: list[Any]) -> tuple[str, str | None]:
    """The text of content in parts (Mistral), and the reasoning in it."""
    thinking = [
        _text_of(part["thinking"]) if is_array(part.get("thinking")) else _text(part, "thinking")
        for part in parts
        if is_object(part) and part.get("type") == "thinking"
    ]
    return _text_of(parts), "".join(thinking) if thinking else None


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


def tool_call(call: Any, fallback_id: str, path: str, report: Report) -> dict[str, Any]:
    """A whole call with an id, a type and JSON text for arguments, which some hosts leave out.

    Raises:
        DecodeError: when it does not say what is called.
    """
    fields = Fields(call, path).payload
    side = SideFields(fields, report, path)
    kind = kind_of(side) or ("custom" if fields.get("custom") else "function")
    whole = {**fields, "id": side.text("id") or fallback_id, "type": kind}
    function, custom = fields.get("function"), fields.get("custom")
    if is_object(function) and function.get("name"):
        arguments = complete_arguments(function.get("arguments"))
        whole["function"] = {**function, "arguments": arguments}
    elif kind in ("function", "custom") and not (is_object(custom) and custom.get("name")):
        raise DecodeError(f"{path} names no function")
    return whole


def kind_of(side: SideFields) -> str | None:
    """The type of a call, or of a fragment of one."""
    kind = side.payload.get("type")
    if kind is None or isinstance(kind, str):
        return kind
    side.drop("type", "a string")
    return None


def complete_arguments(arguments: Any) -> str:
    """The arguments of a whole call: where it has none, the empty object."""
    text = arguments_text(arguments)
    return text if text.strip() else "{}"


def arguments_text(arguments: Any) -> str:
    """Arguments as JSON text; some hosts send them as an object."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return encode_json(arguments).decode()
