"""What OpenAI's error bodies mean, and those of the hosts that imitate them.

The class follows from the status and from structured codes, never from a message's text.
Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextWindowError,
    DecodeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.wire import HttpReply

__all__ = ["chat_error", "error_from_payload"]

_CLASSES: Mapping[str, type[ProviderError]] = {
    "authentication_error": AuthenticationError,
    "invalid_api_key": AuthenticationError,
    "billing_hard_limit_reached": QuotaExceededError,
    "credit_balance_exhausted": QuotaExceededError,
    "insufficient_quota": QuotaExceededError,
    "organization_spend_limit_exceeded": QuotaExceededError,
    "organization_usage_limit_exceeded": QuotaExceededError,
    "project_spend_limit_exceeded": QuotaExceededError,
    "content_filter": ContentFilterError,
    "content_policy_violation": ContentFilterError,
    "moderation_blocked": ContentFilterError,
    "context_length_exceeded": ContextWindowError,
    "exceed_context_size_error": ContextWindowError,  # llama.cpp
    "invalid_request_error": BadRequestError,
    "model_not_found": NotFoundError,
    "not_found_error": NotFoundError,
    "permission_error": PermissionDeniedError,
    "rate_limit_error": RateLimitError,
    "rate_limit_exceeded": RateLimitError,
    "requests": RateLimitError,
    "tokens": RateLimitError,
    "engine_overloaded": OverloadedError,
    "overloaded_error": OverloadedError,
    "server_is_overloaded": OverloadedError,
    "slow_down": OverloadedError,
    "unavailable_error": OverloadedError,  # llama.cpp, while it loads
    "server_error": ServerError,
    "internal_error": ServerError,
}

_REFINEMENTS = (ContentFilterError, ContextWindowError, QuotaExceededError)
"""Classes that say more than the status does, and so win over it."""


def chat_error(reply: HttpReply) -> ProviderError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        payload = reply.json()
    except DecodeError:
        return status_error(reply)
    fields = _fields_of(payload)
    if fields is None:
        return status_error(reply)
    error = _error(fields, reply.status, in_stream=False)
    if reply.status == 409:
        error.retryable = True  # OpenAI: a lock that is held for a moment
    return error


def error_from_payload(payload: Any) -> ProviderError | None:
    """The error that a reply or an event with status 200 holds instead of an answer, if it does."""
    if not isinstance(payload, dict):
        return None
    answer = cast("dict[str, Any]", payload)
    is_error = answer.get("error") or answer.get("object") == "error"
    fields = _fields_of(answer) if is_error else None
    if fields is None:
        return None
    return _error(fields, _status_in(fields), in_stream=True)


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object, in whichever of the shapes in use: nested, flat, or a bare text."""
    match payload:
        case {"error": dict(fields)}:
            return cast("dict[str, Any]", fields)
        case {"error": str(text)}:
            return {**cast("dict[str, Any]", payload), "message": payload.get("message", text)}
        case {"message": str()}:
            return cast("dict[str, Any]", payload)
        case {"detail": detail}:
            return {"message": detail if isinstance(detail, str) else repr(detail)}
        case str(text):
            return {"message": text}
        case _:
            return None


def _error(fields: dict[str, Any], status: int | None, *, in_stream: bool) -> ProviderError:
    code, kind = _text(fields.get("code")), _text(fields.get("type"))
    message = excerpt(_text(fields.get("message")) or repr(fields), 2000)
    made = _class_of(status, code, kind)(message, status=status, code=code or kind)
    made.in_stream = in_stream
    if status == 402:
        made.retryable = False
    return made


def _class_of(status: int | None, code: str | None, kind: str | None) -> type[ProviderError]:
    named = next((_CLASSES[name] for name in (code, kind) if name in _CLASSES), None)
    if kind == "insufficient_quota" and code not in (None, kind) and code not in _CLASSES:
        named = None  # the type alone is too coarse: the code says what it is
    if status is None:
        return named or ProviderError
    by_status = QuotaExceededError if status == 402 else error_class(status)
    refines = named is not None and issubclass(named, _REFINEMENTS) and 400 <= status < 500
    return named if refines and named is not None else by_status


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 gives as its code or beside it."""
    for name in ("status", "status_code", "code"):
        value = fields.get(name)
        number = (
            int(value)
            if isinstance(value, str) and value.isdecimal() and len(value) == 3
            else value
        )
        if isinstance(number, int) and 400 <= number < 600:
            return number
    return None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
