"""What Azure's errors mean where they say more than OpenAI's; it raises nothing.

Source: https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import ContentFilterError, DecodeError, NotFoundError, ProviderError
from llmgate.provider.http import HttpResponse, is_object
from llmgate_openai import chat_error

__all__ = ["azure_error", "filter_findings"]


def azure_error(reply: HttpResponse) -> ProviderError:
    """The error that a reply with a status of 400 or more stands for.

    A prompt that the content filter blocked is a :class:`ContentFilterError` whose ``details`` is
    Azure's inner error: which category was found, and how severe.
    """
    error = chat_error(reply)
    findings = filter_findings(reply) or {}
    is_blocked = error.code == "content_filter" or findings.get("code") == _VIOLATION
    if is_blocked and reply.status == 400:
        return ContentFilterError(
            error.message, status=reply.status, code=error.code, details=findings
        )
    if isinstance(error, NotFoundError) and error.code == "404":
        error.args = (f"{error.message} (is the endpoint's path or its api_version right?)",)
        error.message = error.args[0]
    return error


_VIOLATION = "ResponsibleAIPolicyViolation"


def filter_findings(reply: HttpResponse) -> Mapping[str, Any] | None:
    """What the content filter says that it found: the inner error, or else the error itself."""
    fields, payload = _fields_of(reply)
    return _inner_error(fields) or _inner_error(payload) or fields or None


def _fields_of(reply: HttpResponse) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The error object, and the payload around it."""
    try:
        payload = reply.json()
    except DecodeError:
        return {}, {}
    if not is_object(payload):
        return {}, {}
    fields = payload.get("error")
    return (fields if is_object(fields) else {}), payload


def _inner_error(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Azure spells it in two ways, and some versions put it outside of ``error``."""
    for name in ("innererror", "inner_error"):
        inner = fields.get(name)
        if is_object(inner):
            return inner
    return None
