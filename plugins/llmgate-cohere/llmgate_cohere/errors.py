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
    QuotaExceededError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, decode_json, is_object

__all__ = ["chat_error", "error_from_event", "error_in", "failure_of"]

_CLASSES: Mapping[int, type[ProviderError]] = {
    402: QuotaExceededError,
    498: AuthenticationError,  # "invalid token"
}
_TOO_LONG = "TOO_MANY_TOKENS"
_PASSING = frozenset({408, 409, 499})
"""Statuses of the client's own kind that pass: a timeout, a conflict, a request cancelled."""


def chat_error(reply: HttpResponse) -> ProviderError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        payload = decode_json(reply.body)
    except DecodeError:
        payload = None
    error = _told(payload, reply.status) or _untold(reply)
    if reply.status in _PASSING:
        error.retryable = True
    elif reply.status == 501:  # the model has no such ability, and will have none on another try
        error.retryable = False
    return error


def error_in(payload: Any) -> ProviderError | None:
    """The error that a reply or an event with status 200 holds instead of an answer, if it does.

    An error object is no form of Cohere's own, but of proxies in front of it.
    """
    if not is_object(payload) or "finish_reason" in payload:
        return None
    told = payload.get("error")
    if told or payload.get("type") == "error":
        return _told(_flat(payload, told), None) or _untold_in_stream(repr(payload))
    return None if "type" in payload else _told(_flat(payload, None), None)


def _flat(payload: Mapping[str, Any], told: Any) -> dict[str, Any]:
    """An error's fields where Cohere has them."""
    fields: Mapping[str, Any] = told if is_object(told) else payload
    message = fields.get("message") or (told if isinstance(told, str) else fields.get("detail"))
    return {"error_type": fields.get("type"), **fields, "message": message}


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
        return _untold_in_stream(text)
    if isinstance(payload, str):
        return _untold_in_stream(payload)
    return (error_in(payload) or _untold_in_stream(text)) if is_named else None


def _untold_in_stream(text: bytes | str) -> ProviderError:
    """The error of an event that tells nothing which can be read."""
    return ProviderError(excerpt(text) or "the provider sent an error", in_stream=True)


_FAILURES: Mapping[str, int] = {"ERROR": 500, "TIMEOUT": 504}
"""Finish reasons of a generation that failed, and the status that says the same."""


def failure_of(native: str | None, said: Any) -> ProviderError | None:
    """The error that an answer ends with, by its finish reason or by what it says of an error."""
    if native not in _FAILURES and not said:
        return None
    message = excerpt(said if isinstance(said, str) else repr(said), 2000) if said else ""
    return ServerError(
        message or f"the generation failed, with finish reason {native}",
        status=_FAILURES.get(native or "", 500),
        code=native,
        in_stream=True,
    )


def _told(payload: Any, status: int | None) -> ProviderError | None:
    """The error of a body in Cohere's form: a message, and perhaps a code and an id."""
    message = _text(payload.get("message")) if is_object(payload) else None
    if message is None:
        return None
    code = _text(payload.get("error_type"))
    error = _class_of(status, code)(
        excerpt(message, 2000), status=status, code=code, in_stream=status is None
    )
    error.request_id = _text(payload.get("id"))
    return error


def _untold(reply: HttpResponse) -> ProviderError:
    """The error of a body that tells nothing that can be read."""
    error, kind = status_error(reply), _CLASSES.get(reply.status)
    return error if kind is None else kind(error.message, status=reply.status)


def _class_of(status: int | None, code: str | None) -> type[ProviderError]:
    if code == _TOO_LONG and status in (None, 400, 413, 422):
        return ContextWindowError
    if status is None:
        return ProviderError
    return _CLASSES.get(status) or error_class(status)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
