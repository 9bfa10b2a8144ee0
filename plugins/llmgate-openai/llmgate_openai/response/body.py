"""OpenAI's whole replies into completions, with the departures of its imitators; pure, no I/O.

It invents no content: an id that is missing is made from the call's, a finish reason never.
Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError, ProviderError, excerpt
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.types import Completion
from llmgate_openai.response.errors import error_from_payload
from llmgate_openai.response.parts import (
    finish_reasons,
    said_by,
    seconds_of,
    tool_call,
    usage_in,
    whole_arguments,
)
from llmgate_openai.response.surrogates import read_json

__all__ = ["completion_of", "decode"]


def decode(reply: HttpResponse, call_id: str) -> Completion:
    """The completion of a whole reply. ``call_id`` is what missing tool-call ids are made from.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the reply is no chat completion; ``frame`` is its body.
    """
    payload = read_json(reply.body)
    try:
        if _make_plain(payload):
            return Completion.model_validate(payload)
        return completion_of(payload, call_id)
    except ProviderError as error:
        error.in_stream = False
        raise
    except DecodeError as failure:
        reason = failure.message
    raise DecodeError(
        f"the reply is no chat completion ({reason}): {excerpt(reply.body)}", frame=reply.body
    )


def completion_of(payload: Any, call_id: str) -> Completion:
    """The completion that a JSON value stands for.

    Raises:
        ProviderError: when it is an error, or a choice of it is.
        DecodeError: when it is none.
    """
    error = error_from_payload(payload)
    if error is not None:
        raise error
    if not is_object(payload):
        raise DecodeError("it is no object")
    choices = payload.get("choices")
    if not is_array(choices) or not choices:
        raise DecodeError("it has no choices")
    return Completion.model_validate(
        {
            **payload,
            "choices": [_choice(choice, place, call_id) for place, choice in enumerate(choices)],
            "created": seconds_of(payload.get("created")),
            "usage": usage_in(payload),
        }
    )


def _make_plain(payload: Any) -> bool:
    """Whether it is one answer of text that says all that is wanted, as nearly every one does.

    It is then what :func:`completion_of` would make of it, without looking for what it lacks.
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
    said = type(message.get("content")) is str and message.get("role") == "assistant"
    ended = type(reason) is str and reason in ("stop", "length", "content_filter")
    counted = is_object(usage) and usage.keys() >= _PLAIN_USAGE
    if not (said and ended and counted and type(choice.get("index")) is int):
        return False
    choice["native_finish_reason"] = reason
    return True


_PLAIN_PAYLOAD = frozenset({"id", "object", "created", "model", "choices", "usage"})
_PLAIN_CHOICE = frozenset({"index", "message", "finish_reason", "logprobs"})
_PLAIN_MESSAGE = frozenset({"role", "content", "refusal", "annotations"})
_PLAIN_USAGE = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
)


def _choice(choice: Any, place: int, call_id: str) -> dict[str, Any]:
    path = f"choices[{place}]"
    if not is_object(choice):
        raise DecodeError(f"{path} is no object")
    error = error_from_payload(choice)  # OpenRouter, when one of several answers fails
    if error is not None:
        raise error
    message = _message(choice, path)
    index = choice.get("index")
    if index is None:
        index = place
    if message["tool_calls"]:
        message["tool_calls"] = [
            tool_call(call, f"call_{call_id}_{index}_{number}", f"{path}.tool_calls[{number}]")
            for number, call in enumerate(message["tool_calls"])
        ]
    reasons = finish_reasons(
        choice,
        has_calls=bool(message["tool_calls"]),
        has_function_call=bool(message.get("function_call")),
    )
    return {**choice, "index": index, "message": message, **reasons}


def _message(choice: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The choice's message; a filter may have left nothing of it but the reason.

    Raises:
        DecodeError: when it holds no field that could be an answer.
    """
    message = choice.get("message")
    if message is None and choice.get("finish_reason") == "content_filter":  # Azure
        message = {"content": None}
    if not is_object(message):
        raise DecodeError(f"{path} has no message")
    ended = message.get("role") and choice.get("finish_reason")
    said = said_by(message)
    if not ended and not any(name in said for name in _ANSWERS):
        raise DecodeError(f"{path}.message holds no answer")
    calls = said.get("tool_calls")
    if calls is not None and not is_array(calls):
        raise DecodeError(f"{path}.message.tool_calls is no list")
    said["tool_calls"] = calls or None
    if is_object(called := said.get("function_call")):
        arguments = whole_arguments(called.get("arguments"))
        said["function_call"] = {**called, "arguments": arguments}
    return said


_ANSWERS = (
    "content",
    "refusal",
    "tool_calls",
    "function_call",
    "audio",
    "reasoning_content",
    "images",
)
