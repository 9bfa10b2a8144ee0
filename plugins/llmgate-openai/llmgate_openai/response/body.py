"""Completions from OpenAI's whole responses, and from those of its imitators; pure, no I/O.

It invents no content: a missing id is made from the call's id, a finish reason never.
Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError, ProviderError
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import Fields, add_frame, read_json
from llmgate.types import Completion
from llmgate_openai.response.errors import error_from_payload
from llmgate_openai.response.parts import (
    complete_arguments,
    finish_reasons,
    message_fields,
    seconds_of,
    tool_call,
    usage_in,
)

__all__ = ["completion_of", "decode"]


def decode(response: HttpResponse, call_id: str) -> Completion:
    """The completion of a whole response.

    Args:
        response: The response.
        call_id: What missing ids of tool calls are made from.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response is not a chat completion; ``frame`` is its body.
    """
    payload = read_json(response.body)
    try:
        if _prepare_plain(payload):
            return Completion.model_validate(payload)
        return completion_of(payload, call_id)
    except ProviderError as error:
        error.in_stream = False
        raise
    except DecodeError as error:
        add_frame(error, "the response is not a chat completion", response.body)
        raise


def completion_of(payload: Any, call_id: str) -> Completion:
    """The completion that a JSON value stands for.

    Raises:
        ProviderError: when it is an error, or one of its choices is.
        DecodeError: when it is something else.
    """
    error = error_from_payload(payload)
    if error is not None:
        raise error
    fields = Fields(payload)
    choices = fields.objects("choices")
    if not choices:
        raise DecodeError("it has no choices")
    return Completion.model_validate(
        {
            **fields.payload,
            "choices": [_choice(choice, place, call_id) for place, choice in enumerate(choices)],
            "created": seconds_of(payload.get("created")),
            "usage": usage_in(payload),
        }
    )


def _prepare_plain(payload: Any) -> bool:
    """Whether it is one choice of text with every field, as nearly all are.

    It is then changed into what :func:`completion_of` would make of it.
    """
    if not is_object(payload) or not payload.keys() >= _PLAIN_PAYLOAD or "error" in payload:
        return False
    choices, usage = payload["choices"], payload["usage"]
    if not is_array(choices) or len(choices) != 1 or type(payload["created"]) is not int:
        return False
    if payload["object"] != "chat.completion":
        return False
    choice = choices[0]
    if not is_object(choice) or not choice.keys() <= _PLAIN_CHOICE:
        return False
    message, reason = choice.get("message"), choice.get("finish_reason")
    if not is_object(message) or not message.keys() <= _PLAIN_MESSAGE:
        return False
    has_text = type(message.get("content")) is str and message.get("role") == "assistant"
    has_reason = type(reason) is str and reason in ("stop", "length", "content_filter")
    has_usage = is_object(usage) and usage.keys() >= _PLAIN_USAGE
    if not (has_text and has_reason and has_usage and type(choice.get("index")) is int):
        return False
    choice["native_finish_reason"] = reason
    return True


_PLAIN_PAYLOAD = frozenset({"id", "object", "created", "model", "choices", "usage"})
_PLAIN_CHOICE = frozenset({"index", "message", "finish_reason", "logprobs"})
_PLAIN_MESSAGE = frozenset({"role", "content", "refusal", "annotations"})
_PLAIN_USAGE = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
)


def _choice(fields: Fields, place: int, call_id: str) -> dict[str, Any]:
    choice = fields.payload
    error = error_from_payload(choice)  # OpenRouter, when one of several choices fails
    if error is not None:
        raise error
    message = _message(fields)
    index = choice.get("index")
    if index is None:
        index = place
    if message["tool_calls"]:
        message["tool_calls"] = [
            tool_call(
                call, f"call_{call_id}_{index}_{number}", f"{fields.name}.tool_calls[{number}]"
            )
            for number, call in enumerate(message["tool_calls"])
        ]
    reasons = finish_reasons(
        choice,
        has_calls=bool(message["tool_calls"]),
        has_function_call=bool(message.get("function_call")),
    )
    return {**choice, "index": index, "message": message, **reasons}


def _message(choice: Fields) -> dict[str, Any]:
    """The choice's message; a filter may have left nothing of it but the reason.

    Raises:
        DecodeError: when none of its fields can be a response.
    """
    message, reason = choice.payload.get("message"), choice.payload.get("finish_reason")
    if message is None and reason == "content_filter":  # Azure
        message = {"content": None}
    if not is_object(message):
        raise DecodeError(f"{choice.name} has no message")
    fields = message_fields(message)
    is_complete = message.get("role") and reason
    if not is_complete and not any(name in fields for name in _CONTENTS):
        raise DecodeError(f"{choice.name}.message holds no content")
    fields["tool_calls"] = Fields(fields, f"{choice.name}.message").array("tool_calls") or None
    if is_object(called := fields.get("function_call")):
        arguments = complete_arguments(called.get("arguments"))
        fields["function_call"] = {**called, "arguments": arguments}
    return fields


_CONTENTS = (
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "reasoning_content",
    "images",
)
