"""What Replicate's refusals and failed predictions mean.

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
    QuotaExceededError,
    ServerError,
    error_class,
    excerpt,
)
from llmgate.provider import status_error
from llmgate.provider.http import HttpResponse, is_array, is_object

__all__ = ["prediction_error", "replicate_error"]


def replicate_error(reply: HttpResponse) -> ProviderError:
    """The error that a reply with a status of 400 or more stands for."""
    try:
        payload = reply.json()
    except DecodeError:
        payload = None
    fields: Mapping[str, Any] = payload if is_object(payload) else {}
    said = next((text for key in _SAYING if (text := _text(fields.get(key)))), None)
    kind = QuotaExceededError if reply.status == 402 else error_class(reply.status)
    if said is None:
        return kind(status_error(reply).message, status=reply.status)
    error = kind(excerpt(said, 2000), status=reply.status, code=_code(fields))
    if "retry-after" not in reply.headers and reply.status == 429:
        error.retry_after = _seconds_in(said)
    return error


_SAYING = ("detail", "title", "error", "message")


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _code(payload: Mapping[str, Any]) -> str | None:
    """The problem's type, or the first of the fields that are wrong, by what is wrong with it."""
    fields: Any = payload.get("invalid_fields")
    first: Any = fields[0] if is_array(fields) and fields else None
    return _text(payload.get("type")) or (_text(first.get("type")) if is_object(first) else None)


def _seconds_in(text: str) -> float | None:
    """The wait that a throttled reply names ("resets in ~30s"), where no header does."""
    found = re.search(r"resets? in ~?(\d{1,5})\s?s", text)
    return float(found[1]) if found else None


# --- predictions that came to nothing -----------------------------------------------------

_CODE = re.compile(r"\b(E\d{3,4})\b")
_BY_CODE: Mapping[str, type[ProviderError]] = {
    "E003": OverloadedError,
    "E004": OverloadedError,
    "E005": ContentFilterError,  # input or output was flagged
}
_WORTH_ANOTHER_TRY = frozenset({"E003", "E004", "E1000", "E6716", "E8367", "E8765", "E9243"})


def prediction_error(state: str, text: str | None) -> ProviderError:
    """The error of a prediction that ended without an answer; it comes with status 200.

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
        retryable=code in _WORTH_ANOTHER_TRY and not is_stopped,
    )


_ENDED: Mapping[str, str] = {
    "failed": "failed",
    "canceled": "was canceled",
    "aborted": "was aborted before it began",
}
