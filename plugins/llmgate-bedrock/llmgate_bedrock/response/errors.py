"""What Bedrock's errors mean: with a status, and as exceptions inside a stream; it raises nothing.

The class follows from the status and from structured codes, never from a message's text.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html, and the errors of
each operation there.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import read_json

__all__ = ["bedrock_error", "error_in", "error_in_frame"]

_STATUSES: Mapping[str, int] = {
    "validation": 400,
    "servicequotaexceeded": 400,
    "unrecognizedclient": 403,
    "accessdenied": 403,
    "resourcenotfound": 404,
    "modeltimeout": 408,
    "conflict": 409,
    "modelerror": 424,
    "modelstreamerror": 424,
    "throttling": 429,
    "modelnotready": 429,
    "internalserver": 500,
    "internalfailure": 500,
    "serviceunavailable": 503,
}
"""By the code in small letters, without its ending: streams write it with a small first letter."""

_CREDENTIALS = frozenset(
    {
        *("unrecognizedclient", "invalidsignature", "expiredtoken", "incompletesignature"),
        *("missingauthenticationtoken", "invalidclienttokenid", "signaturedoesnotmatch"),
        *("requestexpired", "requesttimetooskewed"),
    }
)
"""Codes of a 403 that is about who asks, and not about what they may do."""
_SIGNED_ANEW = frozenset(
    {"expiredtoken", "invalidsignature", "requestexpired", "requesttimetooskewed"}
)
"""Codes that other credentials may mend, or the time of the response: another attempt has both."""


def bedrock_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 300 or more stands for."""
    try:
        fields = _fields_of(read_json(response.body))
    except DecodeError:
        fields = None
    headers = {name.lower(): value for name, value in response.headers.items()}
    code = headers.get("x-amzn-errortype")
    if fields is None and code is None:
        error = status_error(response)
        return QuotaExceededError(error.message, status=402) if response.status == 402 else error
    return _error(fields or {}, code, response.status)


def error_in_frame(frame: Frame) -> ProviderError | None:
    """The error that a message of an event stream is by its headers."""
    kind = frame.headers.get(":message-type")
    if kind == "exception":
        try:
            fields = _fields_of(read_json(frame.data)) or {}
        except DecodeError:
            fields = {"message": excerpt(frame.data)}
        return _in_stream(fields, frame.headers.get(":exception-type"))
    if kind == "error":
        fields = {"message": frame.headers.get(":error-message")}
        return _in_stream(fields, frame.headers.get(":error-code"))
    return None


def error_in(payload: Any) -> ProviderError | None:
    """The error that was sent in place of a response with status 200, if it is one."""
    if is_object(payload) and "output" in payload:
        return None
    fields = _fields_of(payload)
    return None if fields is None else _in_stream(fields, None)


def _in_stream(fields: Mapping[str, Any], code: str | None) -> ProviderError:
    error = _error(fields, code, None)
    error.in_stream = True
    return error


def _fields_of(payload: Any) -> dict[str, Any] | None:
    """The error object, in whichever of the shapes in use, also those of proxies."""
    given: Any = payload[0] if is_array(payload) and payload else payload
    if not is_object(given):
        return None
    for key in ("error", "errors", "Error"):
        error = given.get(key)
        if is_array(error) and error:
            error = error[0]
        if is_object(error) and error:
            return error
        if isinstance(error, str) and error:
            return {**given, "message": given.get("message") or error}
    names = ("message", "Message", "detail", "originalMessage")
    text = next((given[name] for name in names if given.get(name)), None)
    if text is None and not _text(given.get("__type")):
        return None
    return {**given, "message": text}


def _error(fields: Mapping[str, Any], code: str | None, status: int | None) -> ProviderError:
    code = code or _text(fields.get("__type")) or _text(fields.get("code"))
    # "com.amazon.coral#ThrottlingException", "ThrottlingException:http://…"
    code = None if code is None else code.partition(":")[0].rpartition("#")[2] or None
    plain = "" if code is None else code.lower().removesuffix("exception").removesuffix("error")
    name = next((each for each in (plain, f"{plain}error") if each in _STATUSES), plain)
    if status is None:
        status = _STATUSES.get(name) or _status_in(fields)
    message = excerpt(str(fields.get("message") or code or "no text"), 2000)
    kind = ProviderError if status is None else error_class(status)
    if status is not None and 400 <= status < 500:
        if name == "servicequotaexceeded" or status == 402:
            kind = QuotaExceededError
        elif name in _CREDENTIALS:
            kind = AuthenticationError
    return kind(message, status=status, code=code, retryable=_is_retryable(name, status, fields))


def _is_retryable(name: str, status: int | None, fields: Mapping[str, Any]) -> bool | None:
    """What the code says of another attempt; None leaves it to the status."""
    if name in _SIGNED_ANEW and status in (400, 401, 403):
        return True
    original = fields.get("originalStatusCode")
    if name in ("modelerror", "modelstreamerror") and type(original) is int:
        return original >= 500
    return True if name == "modelstreamerror" else None


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 names."""
    for key in ("status", "code", "originalStatusCode"):
        value = fields.get(key)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) == 3:
            value = int(value)
        if type(value) is int and 400 <= value < 600:
            return value
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
