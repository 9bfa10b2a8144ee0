"""What Replicate's error bodies and failed predictions mean; it raises nothing.

The class follows from the status, from a prediction's state, and from the codes that Replicate puts
at the end of its texts (``(E005)``), never from the texts' words.
Source: https://replicate.com/docs/reference/error-codes and RFC 7807, which its refusals follow
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import (
    ContentFilterError,
    DecodeError,
    OverloadedError,
    ProviderError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import SideFields, read_json

__all__ = ["error_in", "prediction_error", "replicate_error"]


def replicate_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 400 or more stands for."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        payload = None
    error = _described_error(payload, response.status)
    if error is None:
        message = status_error(response).message
        return _class_of(response.status)(message, status=response.status)
    if "retry-after" not in response.headers and response.status == 429:
        error.retry_after = _seconds_in(error.message)
    return error


def error_in(payload: Any) -> ProviderError | None:
    """The error that a response with status 200 holds in place of a prediction, if it does."""
    if is_array(payload) and payload:
        payload = payload[0]
    nested = payload.get("error") if is_object(payload) else None
    fields = nested if is_object(nested) else payload
    if not is_object(fields):
        return None
    status = next((fields[key] for key in ("status", "code") if type(fields.get(key)) is int), 0)
    return _described_error(fields, status if 400 <= status < 600 else None)


def _described_error(payload: Any, status: int | None) -> ProviderError | None:
    fields = SideFields(payload)
    messages = (_text(fields.payload.get(key)) for key in ("detail", "title", "error", "message"))
    message = next(filter(None, messages), None)
    if message is None:
        return None
    return _class_of(status)(excerpt(message, 2000), status=status, code=_code(fields))


def _class_of(status: int | None) -> type[ProviderError]:
    if status is None:
        return ProviderError
    return error_class(status)


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _code(payload: SideFields) -> str | None:
    """The problem's type, or the first of the fields that are wrong, by what is wrong with it."""
    kinds = [payload.payload, *payload.objects("invalid_fields")[:1]]
    return next(filter(None, (_text(each.get("type")) for each in kinds)), None)


def _seconds_in(text: str) -> float | None:
    """The wait that a throttled response names ("resets in ~30s"), where no header does."""
    found = re.search(r"resets? in ~?(\d{1,5})\s?s", text)
    return float(found[1]) if found else None


# --- predictions that came to nothing -----------------------------------------------------

_CODE = re.compile(r"\b(E\d{3,4})\b")
_BY_CODE: Mapping[str, type[ProviderError]] = {
    "E003": OverloadedError,
    "E004": OverloadedError,
    "E005": ContentFilterError,  # input or output was flagged
}
_WORTH_A_RETRY = frozenset({"E003", "E004", "E1000", "E6716", "E8367", "E8765", "E9243"})


def prediction_error(state: str, text: str | None) -> ProviderError:
    """The error of a prediction that ended without output; it comes with status 200.

    One that was cancelled, by a person or because its deadline passed, has its state as its code.
    """
    found = _CODE.findall(text or "")
    code = found[-1] if found else state
    is_stopped = state in ("canceled", "aborted")
    kind = ProviderError if is_stopped else _BY_CODE.get(code, ServerError)
    said = f": {excerpt(text, 2000)}" if text else ""
    return kind(
        f"the prediction {_ENDED.get(state, f'ended as {excerpt(state, 80)}')}{said}",
        code=code,
        in_stream=True,
        retryable=code in _WORTH_A_RETRY and not is_stopped,
    )


_ENDED: Mapping[str, str] = {
    "failed": "failed",
    "canceled": "was canceled",
    "aborted": "was aborted before it began",
}
