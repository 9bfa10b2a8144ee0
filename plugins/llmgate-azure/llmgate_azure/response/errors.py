"""What Azure's errors mean where they hold more than OpenAI's; it raises nothing.

Source: https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import ContentFilterError, DecodeError, NotFoundError, ProviderError
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import read_json
from llmgate_openai import chat_error

__all__ = ["azure_error", "filter_findings"]


def azure_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 400 or more stands for.

    A prompt that the content filter blocked is a :class:`ContentFilterError` whose ``details`` is
    Azure's inner error: which category was found, and how severe.
    """
    error = chat_error(response)
    findings = filter_findings(response) or {}
    is_blocked = error.code == "content_filter" or findings.get("code") == _VIOLATION
    if is_blocked and response.status == 400:
        return ContentFilterError(
            error.message, status=response.status, code=error.code, details=findings
        )
    if isinstance(error, NotFoundError) and error.code == "404":
        error.message = f"{error.message} (is the endpoint's path or its api_version right?)"
        error.args = (error.message,)
    return error


_VIOLATION = "ResponsibleAIPolicyViolation"


def filter_findings(response: HttpResponse) -> Mapping[str, Any] | None:
    """What the content filter found: the inner error, or else the error itself."""
    fields, payload = _fields_of(response)
    return _inner_error(fields) or _inner_error(payload) or fields or None


def _fields_of(response: HttpResponse) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The error object, and the payload around it."""
    try:
        payload = read_json(response.body)
    except DecodeError:
        return {}, {}
    if not is_object(payload):
        return {}, {}
    fields = payload.get("error")
    return (fields if is_object(fields) else {}), payload


def _inner_error(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Azure spells it in two ways, and some versions put it beside ``error``."""
    for name in ("innererror", "inner_error"):
        inner = fields.get(name)
        if is_object(inner):
            return inner
    return None
