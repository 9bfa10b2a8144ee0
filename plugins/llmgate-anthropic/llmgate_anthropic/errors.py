"""What Anthropic's error bodies mean, with a status and inside a stream that began with 200.

The class follows from the status and from structured codes, never from a message's text.
Source: https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import (
    DecodeError,
    ProviderError,
    QuotaExceededError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, decode_json, is_object

__all__ = ["error_from_event", "error_in", "error_without_type", "messages_error"]

_STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_SPENT = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
    }
)
"""Codes of an account that has nothing left to spend: waiting does not help."""

_PASSING = frozenset({408, 409})
"""Statuses that are worth another try though their class is not: a slow upload, a held lock."""


def messages_error(reply: HttpResponse) -> ProviderError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        payload = decode_json(reply.body)
    except DecodeError:
        payload = None
    fields = _fields_of(payload)
    if fields is None:
        error = status_error(reply)
        if reply.status == 402:
            return QuotaExceededError(error.message, status=402)
        if reply.status in _PASSING:
            error.retryable = True
        return error
    return _error(fields, reply.status, payload)


def error_in(payload: Any) -> ProviderError | None:
    """The error that a reply or an event with status 200 holds instead of an answer, if it does."""
    if not is_object(payload) or (payload.get("type") != "error" and not payload.get("error")):
        return None
    fields = _fields_of(payload) or {"message": repr(payload)}
    kind = fields.get("type")
    status = _STATUS_OF_TYPE.get(kind) if isinstance(kind, str) else None
    error = _error(fields, status, payload)
    error.in_stream = True
    return error


def error_from_event(frame: Frame) -> ProviderError | None:
    """The error that an event stands for by its name, or by being text where JSON should be.

    An error object in an event without a name is :func:`error_in`'s.
    """
    is_named = frame.event == "error"
    text = frame.data.strip()
    if not is_named and (not text or text[:1] in (b"{", b"[")):
        return None
    try:
        payload = decode_json(text)
    except DecodeError:
        return _told_in_stream({"message": excerpt(text) or "the provider sent an error"})
    if isinstance(payload, str):
        return _told_in_stream({"message": payload})
    if not is_named:
        return None
    error = error_in(payload) or (error_without_type(payload) if is_object(payload) else None)
    return error or _told_in_stream({"message": excerpt(text)})


def error_without_type(payload: Mapping[str, Any]) -> ProviderError | None:
    """The error that an event without a type stands for, if it says anything: such as a proxy's,
    which has a message or a detail and no error object."""
    said = payload.get("message") or payload.get("detail") or payload.get("title")
    return _told_in_stream({**payload, "message": said}) if isinstance(said, str) else None


def _told_in_stream(fields: Mapping[str, Any]) -> ProviderError:
    error = _error(fields, None, {})
    error.in_stream = True
    return error


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object; some proxies send a bare text in its place."""
    if not is_object(payload):
        return None
    error = payload.get("error")
    if is_object(error):
        return error
    text = error if isinstance(error, str) else payload.get("message")
    return {"message": text} if isinstance(text, str) else None


def _error(fields: Mapping[str, Any], status: int | None, payload: Any) -> ProviderError:
    kind, code = _text(fields.get("type")), _error_code(fields)
    message = excerpt(_text(fields.get("message")) or repr(fields), 2000)
    error = _class_of(status, kind, code)(message, status=status, code=code or kind)
    if status in _PASSING:
        error.retryable = True
    error.request_id = _text(payload.get("request_id"))
    return error


def _class_of(status: int | None, kind: str | None, code: str | None) -> type[ProviderError]:
    is_spent = code in _SPENT or kind == "billing_error" or status == 402
    if is_spent and (status is None or 400 <= status < 500):
        return QuotaExceededError
    return ProviderError if status is None else error_class(status)


def _error_code(fields: Mapping[str, Any]) -> str | None:
    details = fields.get("details")
    return _text(details.get("error_code")) if is_object(details) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
