"""Parts of a response in OpenAI's shape, the same in a whole response and in a line of a stream.

It invents nothing but the ids of calls, which older servers do not give.
Source: https://docs.ollama.com/api/chat; https://docs.ollama.com/api/usage
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import encode_json, is_object
from llmgate.provider.kit import Fields, SideFields, finish_reason
from llmgate.report import Report
from llmgate.types import FinishReason

__all__ = ["created_at", "ending", "envelope", "message_fields", "tool_calls"]

_REASONS: Mapping[str, FinishReason] = {"load": "stop", "unload": "stop"}
"""A model was loaded or unloaded, and nothing was asked of it."""
_KNOWN = (
    "model",
    "message",
    "logprobs",
    "done",
    "done_reason",
    "prompt_eval_count",
    "eval_count",
    "usage",
    "id",
    "choices",
)


def envelope(side: SideFields, call_id: str) -> dict[str, Any]:
    """What a completion, or a chunk, has beside its choice: durations are among the rest."""
    read = {
        "id": call_id,
        "model": side.text("model") or "",
        "created": created_at(side.payload.get("created_at")) or 0,
        "usage": _usage(side) if side.payload.get("done") else None,
    }
    return {**side.others(*_KNOWN), **read}


def created_at(given: Any) -> int | None:
    """A time in seconds since the epoch; None where it is not one, or not known."""
    if not isinstance(given, str):
        return None
    try:
        moment = datetime.fromisoformat(given)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) or None
    except (ValueError, OverflowError, OSError):
        return None


def _usage(side: SideFields) -> dict[str, int] | None:
    """The counts; of a prompt that it remembers, an older server gives none."""
    prompt, completion = side.integer("prompt_eval_count"), side.integer("eval_count")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def ending(side: SideFields, *, has_calls: bool) -> dict[str, Any]:
    """Why the response ended, in OpenAI's word and in Ollama's; log probabilities, if there are."""
    native = side.text("done_reason")
    reason = finish_reason(native, _REASONS, has_calls=has_calls)
    logprobs = side.objects("logprobs")
    return {
        "finish_reason": reason,
        "native_finish_reason": native,
        "logprobs": {"content": logprobs} if logprobs else None,
    }


def message_fields(message: Fields, report: Report) -> dict[str, Any]:
    """A message or a part of one, but for its calls."""
    side = SideFields(message.payload, report, message.name)
    role, images = side.text("role"), side.array("images")
    return {
        **side.others(*_MESSAGE),
        "role": role or "assistant",
        "content": message.optional_text("content") or None,
        "reasoning_content": message.optional_text("thinking") or None,
        "provider_data": {"ollama": {"images": images}} if images else None,
    }


_MESSAGE = ("role", "content", "thinking", "tool_calls", "images")


def tool_calls(
    message: Fields, call_id: str, report: Report, begun: int = 0
) -> list[dict[str, Any]]:
    """The calls in a message, with ids, and arguments as text; ``begun`` came before them.

    Raises:
        DecodeError: when one does not say what is called.
    """
    calls = list[dict[str, Any]]()
    for number, item in enumerate(message.objects("tool_calls"), begun):
        function, side = item.object("function"), SideFields(item.payload, report, item.name)
        if not function.optional_text("name"):
            raise DecodeError(f"{item.name} names no function")
        arguments = _arguments(function.payload.get("arguments"), function.name)
        identifier, kind = side.text("id"), side.text("type")
        calls.append(
            {
                **side.others("id", "type"),
                "id": identifier or f"call_{call_id}_{number}",
                "type": kind or "function",
                "function": {**function.payload, "arguments": arguments},
            }
        )
    return calls


def _arguments(given: Any, name: str) -> str:
    """Arguments as JSON text; they come as an object."""
    if given is None or given == "":
        return "{}"
    if not (is_object(given) or isinstance(given, str)):
        raise DecodeError(f"{name}.arguments must be an object")
    return given if isinstance(given, str) else encode_json(given).decode()
