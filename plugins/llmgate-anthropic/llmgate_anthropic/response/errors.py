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
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import in_stream_error, read_json

__all__ = ["error_from_event", "error_in", "messages_error"]

_STATUSES: Mapping[str, int] = {
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

_TRANSIENT = frozenset({408, 409})
"""Statuses that are worth a retry though their class is not: a slow upload, a held lock."""


def messages_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 400 or more stands for."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        payload = None
    fields = _fields_of(payload)
    if fields is not None:
        return _error(fields, response.status, payload)
    error = status_error(response)
    if response.status in _TRANSIENT:
        error.retryable = True
    return error


def error_in(payload: Any, content: str) -> ProviderError | None:
    """The error that a response or an event with status 200 holds in place of its content, if any.

    Args:
        payload: The response or the event.
        content: The key that each response, or each event, has. Without it, also what proxies and
            other hosts send is an error: a message, a detail, a list of errors.
    """
    is_odd = is_array(payload) or (is_object(payload) and content not in payload)
    is_error = is_object(payload) and (payload.get("type") == "error" or payload.get("error"))
    fields = _fields_of(payload) if is_odd or is_error else None
    if fields is None:
        return _without_status({"message": repr(payload)}, payload) if is_error else None
    return _without_status(fields, payload)


def error_from_event(frame: Frame) -> ProviderError | None:
    """The error that an event stands for by its name, or by being text where JSON should be.

    An error object in an event without a name is :func:`error_in`'s.
    """
    return in_stream_error(frame, lambda payload: error_in(payload, "type") or _any_error(payload))


def _any_error(payload: Any) -> ProviderError | None:
    fields = _fields_of(payload)
    return None if fields is None else _without_status(fields, payload)


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object, in whichever of the shapes in use; None where none is found."""
    if is_array(payload):
        return _fields_of(payload[0]) if payload else None
    if not is_object(payload):
        return None
    for key in ("error", "errors", "base_resp"):
        error = payload.get(key)
        if is_array(error) and error:
            error = error[0]
        if isinstance(error, str) and error:
            return {**payload, "message": payload.get("message") or error}
        if is_object(error) and error and error.get("status_code") != 0:
            return {"code": error.get("status_code"), "message": error.get("status_msg"), **error}
    said = payload.get("message") or payload.get("detail") or payload.get("title")
    if not said or is_object(payload.get("message")):
        return None
    return {**payload, "message": said if isinstance(said, str) else repr(said)}


def _without_status(fields: Mapping[str, Any], payload: Any) -> ProviderError:
    """An error that came with status 200."""
    kind = fields.get("type")
    status = _STATUSES.get(kind) if isinstance(kind, str) else None
    error = _error(fields, status or _status_in(fields), payload)
    error.in_stream = True
    return error


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 names."""
    for name in ("status", "code"):
        value = fields.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _error(fields: Mapping[str, Any], status: int | None, payload: Any) -> ProviderError:
    kind, code = _text(fields.get("type")), _code_in(fields)
    message = excerpt(_text(fields.get("message")) or repr(dict(fields)), 2000)
    error = _class_of(status, kind, code)(message, status=status, code=code or kind)
    if status in _TRANSIENT:
        error.retryable = True
    error.request_id = _text(payload.get("request_id")) if is_object(payload) else None
    return error


def _class_of(status: int | None, kind: str | None, code: str | None) -> type[ProviderError]:
    is_spent = code in _SPENT or kind == "billing_error"
    if is_spent and (status is None or 400 <= status < 500):
        return QuotaExceededError
    return ProviderError if status is None else error_class(status)


def _code_in(fields: Mapping[str, Any]) -> str | None:
    details, code = fields.get("details"), fields.get("code")
    if is_object(details) and _text(details.get("error_code")):
        return _text(details["error_code"])
    return str(code) if type(code) is int else _text(code)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
