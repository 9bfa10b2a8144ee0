"""What Cohere's error bodies mean; it raises nothing.

The class follows from the status and from the structured code, never from a message's text.
Source: https://docs.cohere.com/reference/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    ContextWindowError,
    DecodeError,
    ProviderError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import in_stream_error, read_json

__all__ = ["chat_error", "error_from_event", "error_in", "failure_of"]

_CLASSES: Mapping[int, type[ProviderError]] = {
    498: AuthenticationError,  # "invalid token"
}
_TOO_LONG = "TOO_MANY_TOKENS"
_TRANSIENT = frozenset({408, 409, 499})
"""Client errors that are worth a retry: a timeout, a conflict, a request that was cancelled."""


def chat_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 400 or more stands for."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        payload = None
    error = _described_error(payload, response.status) or _status_error(response)
    if response.status in _TRANSIENT:
        error.retryable = True
    elif response.status == 501:  # the model lacks the ability, and will lack it on a retry
        error.retryable = False
    return error


def _status_error(response: HttpResponse) -> ProviderError:
    """The error of a response whose body describes none."""
    error, named = status_error(response), _CLASSES.get(response.status)
    return error if named is None else named(error.message, status=response.status)


def error_in(payload: Any) -> ProviderError | None:
    """The error that a response or an event holds in place of its content, if it does.

    Cohere's own has a message alone; the other forms are those of proxies in front of it.
    """
    if is_array(payload) and payload:
        payload = payload[0]
    if not is_object(payload) or "finish_reason" in payload:
        return None
    nested = _nested_error(payload)
    if nested is not None or payload.get("type") == "error":
        fields = _flat(payload, nested)
        return _described_error(fields, _status_in(fields)) or ProviderError(
            excerpt(repr(payload)), in_stream=True
        )
    if "type" in payload or not _text(payload.get("message") or payload.get("detail")):
        return None
    fields = _flat(payload, None)
    return _described_error(fields, _status_in(fields))


def _nested_error(payload: Mapping[str, Any]) -> Any:
    """The error object, text or list, under one of the keys in use; None where there is none."""
    nested = payload.get("error") or payload.get("errors")
    if is_array(nested):
        nested = next(iter(nested), None)
    status = payload.get("base_resp")
    if nested is None and is_object(status) and status.get("status_code"):
        return {"message": status.get("status_msg"), "code": status["status_code"]}
    return nested or None


def _flat(payload: Mapping[str, Any], nested: Any) -> dict[str, Any]:
    """An error's fields where Cohere has them."""
    fields: Mapping[str, Any] = nested if is_object(nested) else payload
    message = fields.get("message") or (nested if isinstance(nested, str) else fields.get("detail"))
    return {"error_type": fields.get("type"), **fields, "message": message}


def _status_in(fields: Mapping[str, Any]) -> int | None:
    """The status that an error inside a 200 names."""
    for name in ("status", "status_code", "code"):
        value = fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) == 3:
            value = int(value)
        if type(value) is int and 400 <= value < 600:
            return value
    return None


def error_from_event(frame: Frame) -> ProviderError | None:
    """The error that an event is by its name, or by being text where JSON should be.

    An error object in an event without a name is :func:`error_in`'s.
    """
    return in_stream_error(frame, error_in)


_FAILURES: Mapping[str, int] = {"ERROR": 500, "TIMEOUT": 504}
"""Finish reasons of a generation that failed, and the status that means the same."""


def failure_of(native: str | None, described: Any) -> ProviderError | None:
    """The error with which a response ends, by its finish reason or by its ``error``."""
    if native not in _FAILURES and not described:
        return None
    text = described if isinstance(described, str) else repr(described)
    message = excerpt(text.strip(), 2000) if described else ""
    return ServerError(
        message or f"the generation failed, with finish reason {native}",
        status=_FAILURES.get(native or "", 500),
        code=native,
        in_stream=True,
    )


def _described_error(payload: Any, status: int | None) -> ProviderError | None:
    """The error of a body in Cohere's form: a message, and perhaps a code and an id."""
    message = _text(payload.get("message")) if is_object(payload) else None
    if message is None:
        return None
    code = _text(payload.get("error_type"))
    error = _class_of(status, code)(excerpt(message, 2000), status=status, code=code)
    error.request_id = _text(payload.get("id"))
    return error


def _class_of(status: int | None, code: str | None) -> type[ProviderError]:
    if code == _TOO_LONG and status in (None, 400, 413, 422):
        return ContextWindowError
    if status is None:
        return ProviderError
    return _CLASSES.get(status) or error_class(status)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
