"""What Bedrock's errors mean: with a status, and as exceptions inside a stream; it raises nothing.

The class follows from the status and from structured codes, never from a message's text.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html, and the errors of
each operation there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    DecodeError,
    ProviderError,
    QuotaExceededError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import read_json

__all__ = ["bedrock_error", "error_in", "error_in_frame"]

_STATUSES: Mapping[str, int] = {
    **dict.fromkeys(("validation", "servicequotaexceeded"), 400),
    **dict.fromkeys(("unrecognizedclient", "accessdenied"), 403),
    "resourcenotfound": 404,
    "modeltimeout": 408,
    "conflict": 409,
    **dict.fromkeys(("model", "modelstream"), 424),
    **dict.fromkeys(("throttling", "modelnotready"), 429),
    **dict.fromkeys(("internal", "internalserver", "internalfailure"), 500),
    "serviceunavailable": 503,
}
"""By the code in small letters, without its ending: streams write it with a small first letter."""
_ABOUT_TIME = frozenset(
    {"invalidsignature", "requestexpired", "requesttimetooskewed", "signaturedoesnotmatch"}
)
"""Codes of a signature whose date, or whose secret, is wrong."""
_CREDENTIALS = _ABOUT_TIME | {
    *("expiredtoken", "incompletesignature", "invalidclienttokenid"),
    *("missingauthenticationtoken", "unrecognizedclient"),
}
"""Codes that are about who asks, and not about what they may do."""


def bedrock_error(
    response: HttpResponse, *, is_skewed: bool = False, is_renewed: bool = False
) -> ProviderError:
    """The error that a response with a status of 300 or more stands for.

    What is about credentials is worth no retry, unless the signature's date was wrong
    (``is_skewed``), which the response corrects, or an expired token ``is_renewed``.
    """
    error = _refusal(response)
    name = _name_of(error.code)
    if (is_skewed and name in _ABOUT_TIME) or (is_renewed and name == "expiredtoken"):
        error.retryable = True
    return error


def _refusal(response: HttpResponse) -> ProviderError:
    try:
        fields = _fields_of(read_json(response.body))
    except DecodeError:
        fields = None
    headers = {name.lower(): value for name, value in response.headers.items()}
    code = headers.get("x-amzn-errortype")
    if fields is None and code is None:
        return status_error(response)
    return _error(fields or {}, code, response.status)


def error_in_frame(frame: Frame) -> ProviderError | None:
    """The error that a message of an event stream is by its headers."""
    kind, fields = frame.headers.get(":message-type"), dict[str, Any]()
    if kind not in ("exception", "error"):
        return None
    try:
        fields = _fields_of(read_json(frame.data)) or fields
    except DecodeError:
        fields["message"] = frame.headers.get(":error-message") or excerpt(frame.data)
    code = frame.headers.get(":exception-type") or frame.headers.get(":error-code")
    return _in_stream(fields, code)


def error_in(payload: Any) -> ProviderError | None:
    """The error that was sent in place of a response with status 200, if it is one."""
    is_response = is_object(payload) and "output" in payload
    fields = None if is_response else _fields_of(payload)
    return None if fields is None else _in_stream(fields, None)


def _in_stream(fields: Mapping[str, Any], code: str | None) -> ProviderError:
    error = _error(fields, code, None)
    error.in_stream = True
    return error


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object, in whichever of the shapes in use, also those of proxies."""
    if is_array(payload):
        return _fields_of(payload[0]) if payload else None
    if not is_object(payload):
        return None
    error = payload.get("error") or payload.get("errors")
    if error and not isinstance(error, str):
        return _fields_of(error) or (error if is_object(error) else None)
    names = ("message", "Message", "detail", "originalMessage")
    text = next((payload[name] for name in names if payload.get(name)), error)
    return {**payload, "message": text} if text or _text(payload.get("__type")) else None


def _error(fields: Mapping[str, Any], code: str | None, status: int | None) -> ProviderError:
    code = code or _text(fields.get("__type")) or _text(fields.get("code"))
    # "com.amazon.coral#ThrottlingException", "ThrottlingException:http://…"
    code = None if code is None else code.partition(":")[0].rpartition("#")[2] or None
    name, original = _name_of(code), fields.get("originalStatusCode")
    if status is None:
        status = _STATUSES.get(name) or _status_in(fields)
    kind = ProviderError if status is None else error_class(status)
    is_refusal = status is not None and 400 <= status < 500
    if is_refusal and name == "servicequotaexceeded":
        kind = QuotaExceededError
    elif is_refusal and name in _CREDENTIALS:
        kind = AuthenticationError
    retryable = None
    if status == 424:  # the model failed: by itself, or at what it was asked
        retryable = original >= 500 if type(original) is int else name == "modelstream"
        is_of_the_call = name not in ("model", "modelstream") or (
            type(original) is int and original < 500
        )
        kind = kind if is_of_the_call else ServerError
    message = str(fields.get("message") or "").strip() or code or "no text"
    return kind(excerpt(message, 2000), status=status, code=code, retryable=retryable)


def _name_of(code: str | None) -> str:
    return (code or "").lower().removesuffix("exception").removesuffix("error")


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 names."""
    values = (str(fields.get(key)) for key in ("status", "code", "originalStatusCode"))
    return next((int(text) for text in values if re.fullmatch("[45][0-9][0-9]", text)), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
