"""What Ollama's errors mean; it raises nothing.

The class follows from the status, never from a message's text: there are no codes.
Source: https://docs.ollama.com/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError, ProviderError, error_class, excerpt
from llmgate.provider import status_error
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import read_json

__all__ = ["error_in", "ollama_error"]


def ollama_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 300 or more stands for."""
    try:
        message = _message_in(read_json(response.body))
    except DecodeError:
        message = None
    if message is None or response.status < 400:
        return status_error(response)
    return _error(message, response.status)


def error_in(payload: Any) -> ProviderError | None:
    """The error that a line or a response with status 200 holds in place of a message, if any.

    Where it names no status, it is what the server gives 500 for, had nothing been sent before.
    """
    message = _message_in(payload)
    if message is None:
        return None
    error = _error(message, _status_in(payload))
    error.in_stream = True
    return error


def _error(message: str, status: int) -> ProviderError:
    named = error_class(status)
    return named(excerpt(message, 2000), status=status)


def _message_in(payload: Any) -> str | None:
    """The text of an error: it is a string, or what a proxy put in its place."""
    error = payload.get("error") if is_object(payload) else None
    if is_object(error):
        error = error.get("message") or (str(error) if error else None)
    return (str(error).strip() or "an error without a text") if error else None


def _status_in(payload: Mapping[str, Any]) -> int:
    for name in ("status", "status_code", "StatusCode"):
        value = payload.get(name)
        if type(value) is int and 400 <= value < 600:
            return value
    return 500
