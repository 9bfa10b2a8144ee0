"""What OpenAI's error bodies mean, and those of the hosts that imitate them.

The class follows from the status and from structured codes, never from a message's text.
Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import in_stream_error, read_json

__all__ = [
    "chat_error",
    "error_from_event",
    "error_from_payload",
    "error_without_choices",
    "refuse_missing_choices",
]

_CLASSES: Mapping[str, type[ProviderError]] = {
    "authentication_error": AuthenticationError,
    "invalid_api_key": AuthenticationError,
    "billing_hard_limit_reached": QuotaExceededError,
    "billing_not_active": QuotaExceededError,
    "credit_balance_exhausted": QuotaExceededError,
    "insufficient_quota": QuotaExceededError,
    "organization_spend_limit_exceeded": QuotaExceededError,
    "organization_usage_limit_exceeded": QuotaExceededError,
    "project_spend_limit_exceeded": QuotaExceededError,
    "bio_policy": ContentFilterError,  # this and the next three are of the Responses API
    "misalignment_policy_violation": ContentFilterError,
    "invalid_prompt": BadRequestError,
    "vector_store_timeout": ServerError,
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
"""Classes that are more specific than the status, and so take precedence."""

_STATUSES: Mapping[type[ProviderError], int] = {
    AuthenticationError: 401,
    PermissionDeniedError: 403,
    NotFoundError: 404,
    RateLimitError: 429,
    QuotaExceededError: 429,
    ServerError: 500,
    OverloadedError: 503,
}
"""The status that OpenAI gives these errors where it can still give one; the rest have 400."""

_TRANSIENT = frozenset({408, 409, 425})
"""Client errors that are worth a retry: a timeout, a lock held for a moment, too early."""


def chat_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 400 or more stands for."""
    error = _described_error(response) or status_error(response)
    if response.status in _TRANSIENT:
        error.retryable = True
    return error


def _described_error(response: HttpResponse) -> ProviderError | None:
    try:
        fields = _fields_of(read_json(response.body))
    except DecodeError:
        return None
    return None if fields is None else _error(fields, response.status)


def error_from_payload(payload: Any) -> ProviderError | None:
    """The error that a response, an event or a choice holds in place of its content, if it does.

    Its status is the one that the error names, or with which its code is otherwise sent.
    """
    if is_array(payload) and payload:  # Google wraps it
        payload = payload[0]
    if not is_object(payload):
        return None
    error = payload.get("error")
    if not error and payload.get("object") != "error":
        return None
    fields = _fields_of(payload)
    return _error_without_status({"message": _text(error)} if fields is None else fields)


def error_without_choices(payload: Mapping[str, Any]) -> ProviderError | None:
    """The error that a response or event without choices stands for, if it holds one: such as a
    proxy's, which has a message and no error object."""
    error = payload.get("error", payload.get("errors"))
    fields = _fields_of(payload) or (None if error is None else {"message": _text(error)})
    if fields is None and payload.get("success") is False:
        fields = {**payload, "message": "the host says that it had no success"}
    return None if fields is None else _error_without_status(fields)


def refuse_missing_choices(payload: Mapping[str, Any], choices: Any) -> None:
    """Raise what an event means whose choices are no array, unless it just has none.

    Raises:
        ProviderError: for an error that a proxy put in their place.
        DecodeError: for another value in their place.
    """
    if choices is not None:
        raise DecodeError("choices must be an array")
    error = error_from_payload(payload) or error_without_choices(payload)
    if error is not None:
        raise error


def error_from_event(frame: Frame) -> ProviderError | None:
    """The error that an event stands for by its name, or by being text where JSON should be.

    An error object in an event without a name is :func:`error_from_payload`'s.
    """
    return in_stream_error(frame, _error_in)


def _error_in(payload: Any) -> ProviderError | None:
    fields = _fields_of(payload)
    return None if fields is None else _error_without_status(fields)


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object, in whichever of the shapes in use: nested, flat, listed, or a bare text."""
    if is_array(payload) and payload:  # Google wraps it; others list all that is wrong
        payload = payload[0]
    if isinstance(payload, str):
        return {"message": payload}
    if not is_object(payload):
        return None
    error = payload.get("error")
    if is_array(error) and error:
        error = error[0]
    if is_object(error) and error:
        return error
    if isinstance(error, str) and error:
        return {**payload, "message": payload.get("message") or error}
    result = payload.get("base_resp")  # MiniMax: 0 is success
    if is_object(result) and result.get("status_code"):
        code, message = result["status_code"], result.get("status_msg")
        return {**result, "code": code, "message": message or f"the host's status is {code}"}
    message = payload.get("message") or payload.get("msg")
    if isinstance(message, str):
        return {**payload, "message": message}
    if payload.get("errors"):
        return _fields_of(payload["errors"])
    detail = payload.get("detail") or payload.get("title")  # FastAPI; RFC 9457
    return {**payload, "message": _detail(detail)} if detail else None


def _detail(detail: Any) -> str | None:
    """What is wrong, of FastAPI's list of it as well."""
    items: list[Any] = detail if is_array(detail) else [detail]
    texts = (item.get("msg") or item.get("message") if is_object(item) else item for item in items)
    return "; ".join(str(text) for text in texts if text) or _text(detail)


def _error_without_status(fields: Mapping[str, Any]) -> ProviderError:
    """An error that came with status 200."""
    error = _error(fields, _status_in(fields))
    error.in_stream = True
    if error.status is None and type(error) is not ProviderError:
        error.status = _STATUSES.get(type(error), 400)
    return error


def _error(fields: Mapping[str, Any], status: int | None) -> ProviderError:
    code, kind = _text(fields.get("code")), _text(fields.get("type"))
    message = excerpt(_text(fields.get("message")) or _text(dict(fields)) or "no text", 2000)
    named = _class_of(status, code, kind)
    if status is not None and 400 <= status < 500 and _is_moderation(fields):
        named = ContentFilterError
    return named(message, status=status, code=code or kind)


def _class_of(status: int | None, code: str | None, kind: str | None) -> type[ProviderError]:
    named = _CLASSES.get(code or "") or _CLASSES.get(kind or "")
    if kind == "insufficient_quota" and code not in (None, kind) and code not in _CLASSES:
        named = None  # the type alone is too coarse: the code says what it is
    if status is None:
        return named or ProviderError
    by_status = error_class(status)
    refines = named is not None and issubclass(named, _REFINEMENTS) and 400 <= status < 500
    return named if refines and named is not None else by_status


def _is_moderation(fields: Mapping[str, Any]) -> bool:
    """Whether a filter gave its reasons, as OpenRouter's does with status 403."""
    metadata = fields.get("metadata")
    return is_object(metadata) and is_array(metadata.get("reasons"))


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 gives as its code or beside it."""
    for name in ("status", "status_code", "code"):
        value = fields.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _text(value: Any) -> str | None:
    """A field as text; None where it is empty."""
    return None if value is None else str(value).strip() or None
