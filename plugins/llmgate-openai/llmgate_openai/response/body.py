"""Completions from OpenAI's whole responses, and from those of its imitators; pure, no I/O.

It invents no content: a missing id is made from the call's id, a finish reason never.
Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError, ProviderError
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import (
    Fields,
    SideFields,
    add_frame,
    completion_of_events,
    is_event_stream,
    read_json,
    without_terminator,
)
from llmgate.report import Report
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_openai.response.errors import error_from_payload, error_without_choices
from llmgate_openai.response.parts import (
    CONTENTS,
    HEAD_FIELDS,
    complete_arguments,
    finish_reasons,
    head_fields,
    message_fields,
    tool_call,
)
from llmgate_openai.response.plain import plain_completion
from llmgate_openai.response.stream import ChatDecoder

__all__ = ["any_completion", "completion_of", "decode"]


def decode(response: HttpResponse, call_id: str, report: Report | None = None) -> Completion:
    """The completion of a whole response, or of a stream that came in its place.

    Args:
        response: The response.
        call_id: What missing ids of tool calls are made from.
        report: Where it is recorded what departs from the format; by default nowhere.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response is not a chat completion; ``frame`` is its body.
        StreamTruncatedError: when it is a stream without its end.
    """
    body, report = response.body, Report() if report is None else report
    if is_event_stream(body):
        report.add("converted", "response", "it came as a stream of events")
        return completion_of_events(body, ChatDecoder(call_id, report=report))
    payload = _read(body, report)
    try:
        return completion_of(payload, call_id, report)
    except ProviderError as error:
        error.in_stream = False
        raise
    except DecodeError as error:
        add_frame(error, "the response is not a chat completion", body)
        raise


def _read(body: bytes, report: Report) -> Any:
    try:
        return read_json(body)
    except DecodeError:
        whole = without_terminator(body)
        if whole == body:
            raise
    payload = read_json(whole)
    report.add("converted", "response", "a terminator of streams came behind it")
    return payload


def completion_of(payload: Any, call_id: str, report: Report | None = None) -> Completion:
    """The completion that a JSON value stands for.

    Raises:
        ProviderError: when it is an error, or one of its choices is.
        DecodeError: when it is something else.
    """
    plain = plain_completion(payload)
    if plain is not None:
        return plain
    return any_completion(payload, call_id, Report() if report is None else report)


def any_completion(payload: Any, call_id: str, report: Report) -> Completion:
    """The same, field by field, which is the definition of what each means."""
    error = error_from_payload(payload)
    if error is not None:
        raise error
    choices = Fields(payload).objects("choices")
    if not choices:
        error = error_without_choices(payload)
        raise DecodeError("it has no choices") if error is None else error
    extra = {key: value for key, value in payload.items() if key not in _HEAD}
    head = head_fields(payload, extra, report)
    read = [_choice(choice, place, call_id, report) for place, choice in enumerate(choices)]
    return Completion(read, extra=extra, **head)


_HEAD = HEAD_FIELDS | {"choices"}


def _choice(fields: Fields, place: int, call_id: str, report: Report) -> Choice:
    choice, name = fields.payload, fields.name
    error = error_from_payload(choice)  # OpenRouter, when one of several choices fails
    if error is not None:
        raise error
    side = SideFields(choice, report, name)
    index = side.integer("index")
    index = place if index is None else index
    message = _message(fields, report)
    calls = message["tool_calls"] or ()
    message["tool_calls"] = [
        _tool_call(call, f"call_{call_id}_{index}_{number}", f"{name}.tool_calls[{number}]", report)
        for number, call in enumerate(calls)
    ] or None
    called = message["function_call"]
    if called is not None:
        message["function_call"] = Function.model_validate(
            {**called, "arguments": complete_arguments(called.get("arguments"))},
            path=f"{name}.function_call",
        )
    logprobs = side.object("logprobs").payload or None
    extra = side.others(*_CHOICE_FIELDS)
    reasons = finish_reasons(
        choice, extra, report, has_calls=bool(calls), has_function_call=called is not None
    )
    return Choice(Message(**message), index, logprobs=logprobs, extra=extra, **reasons)


_CHOICE_FIELDS = ("message", "index", "finish_reason", "logprobs", "native_finish_reason")


def _tool_call(call: Any, fallback_id: str, path: str, report: Report) -> ToolCall:
    return ToolCall.model_validate(tool_call(call, fallback_id, path, report), path=path)


def _message(choice: Fields, report: Report) -> dict[str, Any]:
    """The choice's message; a filter may have left nothing of it but the reason.

    Raises:
        DecodeError: when none of its fields can be a response.
    """
    message, reason = choice.payload.get("message"), choice.payload.get("finish_reason")
    if message is None and reason == "content_filter":  # Azure
        message = {"content": None}
    if not is_object(message):
        raise DecodeError(f"{choice.name} has no message")
    is_complete = message.get("role") and reason
    if not is_complete and not any(name in message for name in CONTENTS):
        raise DecodeError(f"{choice.name}.message holds no content")
    fields = message_fields(message, f"{choice.name}.message", report)
    return {**fields, "role": fields["role"] or "assistant"}
