"""What a host's own codes of errors mean, as its row says; everything else is OpenAI's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextWindowError,
    DecodeError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import read_json

__all__ = ["CLASSES", "named_error"]

CLASSES: Mapping[str, type[ProviderError]] = {
    "authentication": AuthenticationError,
    "bad_request": BadRequestError,
    "content_filter": ContentFilterError,
    "context_window": ContextWindowError,
    "overloaded": OverloadedError,
    "quota_exceeded": QuotaExceededError,
    "rate_limit": RateLimitError,
    "server": ServerError,
}
"""The classes of errors, as rows call them."""


def named_error(
    error: ProviderError, classes: Mapping[str, str], response: HttpResponse | None = None
) -> ProviderError:
    """The error, of the class that the host's code stands for where the row names that code."""
    codes = (error.code, *(_codes_in(response) if response is not None else ()))
    code = next((code for code in codes if code in classes), None)
    if code is None:
        return error
    named = CLASSES[classes[code]]
    return named(error.message, status=error.status, code=code, in_stream=error.in_stream)


def _codes_in(response: HttpResponse) -> tuple[str | None, ...]:
    """The code and the type of an error's body, which may have both."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        return ()
    fields: Any = payload.get("error") if is_object(payload) else None
    return tuple(str(fields.get(name)) for name in ("code", "type")) if is_object(fields) else ()
