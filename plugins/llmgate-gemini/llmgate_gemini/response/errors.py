"""What Google's error bodies mean; it raises nothing.

The class follows from the status and from structured codes, never from a message's text.
Source: https://ai.google.dev/gemini-api/docs/troubleshooting; https://google.aip.dev/193
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    DecodeError,
    ProviderError,
    QuotaExceededError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import read_json

__all__ = ["content_error", "error_from_payload", "vertex_error"]

_REASONS: Mapping[str, type[ProviderError]] = {
    "API_KEY_INVALID": AuthenticationError,  # with status 400
    "API_KEY_EXPIRED": AuthenticationError,
    "BILLING_DISABLED": QuotaExceededError,  # with status 403
    "BILLING_NOT_ENABLED": QuotaExceededError,
}
_STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_SECONDS = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)s")
_LONG_PERIOD = re.compile(r"per_?(?:day|month)", re.IGNORECASE)


def content_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 300 or more stands for."""
    try:
        fields = _fields_of(read_json(response.body))
    except DecodeError:
        fields = None
    if fields is not None:
        return _error(fields, response.status)
    return status_error(response)


def vertex_error(response: HttpResponse) -> ProviderError:
    """The same for Vertex AI, whose models of Anthropic's have errors of Anthropic's."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        payload = None
    if is_object(payload) and payload.get("type") == "error":
        from llmgate_anthropic import messages_error  # noqa: PLC0415 - only for those models

        return messages_error(response)
    return content_error(response)


def error_from_payload(payload: Any) -> ProviderError | None:
    """The error that a response or an event is in place of a completion, if it is one.

    It may be the only element of an array. Its status is the one that its code names.
    """
    fields = _fields_of(payload)
    if fields is None:
        return None
    code = fields.get("code")
    is_status = type(code) is int and 400 <= code < 600
    return _error(fields, code if is_status else _STATUSES.get(str(fields.get("status"))))


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object; a text in its place is its message. Proxies have further forms of it."""
    given: Any = payload[0] if is_array(payload) and payload else payload
    if not is_object(given):
        return None
    error = given.get("error") or given.get("errors")
    if is_array(error) and error:
        error = error[0]
    if is_object(error) and error:
        return error
    if isinstance(error, str) and error:  # OAuth's: RFC 6749, 5.2
        return {"status": error, "message": given.get("error_description") or error}
    text = given.get("message") or given.get("detail")
    is_answer = "candidates" in given or "promptFeedback" in given
    if error or (isinstance(text, str) and text and not is_answer):
        return {**given, "message": text}
    return None


def _error(fields: Mapping[str, Any], status: int | None) -> ProviderError:
    details = [*_details(fields)]
    message = excerpt(str(fields.get("message") or "").strip() or "no text", 2000)
    reasons = (str(each.get("reason")) for each in details)
    named = next((_REASONS[reason] for reason in reasons if reason in _REASONS), None)
    code = fields.get("status") or fields.get("code")
    by_status = ProviderError if status is None else error_class(status)
    if status == 429 and any(map(_is_long_period, details)):
        named = QuotaExceededError
    is_refusal = status is None or 400 <= status < 500
    kind = named if named is not None and is_refusal else by_status
    return kind(
        message,
        status=status,
        code=None if code is None else str(code),
        retry_after=None if kind is QuotaExceededError else _retry_after(details),
    )


def _details(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    given = fields.get("details")
    yield from filter(is_object, given if is_array(given) else ())


def _is_long_period(detail: Mapping[str, Any]) -> bool:
    """Whether a quota is exhausted for a day or longer, or is nothing at all: no wait helps."""
    violations = detail.get("violations")
    for violation in violations if is_array(violations) else ():
        if not is_object(violation):
            continue
        names = (str(violation.get(name)) for name in ("quotaId", "quotaMetric", "subject"))
        if violation.get("quotaValue") in ("0", 0) or any(map(_LONG_PERIOD.search, names)):
            return True
    return False


def _retry_after(details: list[Mapping[str, Any]]) -> float | None:
    """The seconds to wait that a ``RetryInfo`` names."""
    for detail in details:
        delay = detail.get("retryDelay")
        found = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None and 0 < (seconds := float(found[1])) < math.inf:
            return seconds
    return None
