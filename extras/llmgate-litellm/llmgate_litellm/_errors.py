"""llmgate's errors as litellm's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import llmgate
from llmgate_litellm import exceptions as theirs

__all__ = ["translated"]

_BY_STATUS: dict[int, type[Any]] = {
    401: theirs.AuthenticationError,
    403: theirs.PermissionDeniedError,
    404: theirs.NotFoundError,
    408: theirs.Timeout,
    429: theirs.RateLimitError,
    500: theirs.InternalServerError,
    502: theirs.BadGatewayError,
    503: theirs.ServiceUnavailableError,
    504: theirs.Timeout,
    529: theirs.ServiceUnavailableError,
}
_BY_KIND: tuple[tuple[type[llmgate.LLMGateError], type[Any]], ...] = (
    (llmgate.ContextWindowError, theirs.ContextWindowExceededError),
    (llmgate.ContentFilterError, theirs.ContentPolicyViolationError),
    (llmgate.MissingKeyError, theirs.AuthenticationError),
    (llmgate.UnsupportedError, theirs.UnsupportedParamsError),
    (llmgate.RequestError, theirs.BadRequestError),
    (llmgate.DeadlineExceededError, theirs.Timeout),
    (llmgate.ConnectError, theirs.InternalServerError),
    (llmgate.DecodeError, theirs.APIError),
)


def translated(error: llmgate.LLMGateError, model: str, provider: str) -> Exception:
    """litellm's exception for an error of llmgate's, which is its cause."""
    if hasattr(error, "llm_provider"):  # without openai's package, litellm's descend from llmgate's
        return error
    kind = _kind_of(error)
    message = str(error)
    if isinstance(error, llmgate.MissingKeyError) and "api_key=" not in message:
        message += " (pass api_key=)"
    made = kind(
        message=f"litellm.{kind.__name__}: {message}",
        llm_provider=error.provider or provider,
        model=model,
        status_code=_status_of(error, kind),
        response=_response_of(error),
        body=_body_of(error),
        code=error.code,
    )
    made.request_id = error.request_id
    made.__cause__ = error
    return made  # type: ignore[no-any-return] # the classes above are chosen while it runs


def _kind_of(error: llmgate.LLMGateError) -> type[Any]:
    for ours, kind in _BY_KIND:
        if isinstance(error, ours):
            return kind
    if isinstance(error, llmgate.ProviderError):
        if error.status in _BY_STATUS:
            return _BY_STATUS[error.status]
        for ours, kind in _BY_CLASS:
            if isinstance(error, ours):
                return kind
        return theirs.APIError
    return theirs.APIConnectionError


_BY_CLASS: tuple[tuple[type[llmgate.ProviderError], type[Any]], ...] = (
    (llmgate.RateLimitError, theirs.RateLimitError),
    (llmgate.AuthenticationError, theirs.AuthenticationError),
    (llmgate.PermissionDeniedError, theirs.PermissionDeniedError),
    (llmgate.NotFoundError, theirs.NotFoundError),
    (llmgate.OverloadedError, theirs.ServiceUnavailableError),
    (llmgate.ServerError, theirs.InternalServerError),
    (llmgate.BadRequestError, theirs.BadRequestError),
)


def _status_of(error: llmgate.LLMGateError, kind: type[Any]) -> int | None:
    if error.status is None or error.status < 400:
        return None
    if kind is theirs.Timeout:
        return 408
    return error.status


def _body_of(error: llmgate.LLMGateError) -> Any:
    if error.body is None:
        return None
    import json  # noqa: PLC0415 - only on the way to an error

    try:
        return json.loads(error.body)
    except ValueError:
        return error.body.decode("utf-8", "replace")


def _response_of(error: llmgate.LLMGateError) -> Any:
    """An ``httpx.Response`` where httpx is installed, else an object with its attributes."""
    if error.status is None or error.headers is None:
        return None
    body = error.body or b""
    headers = {
        name: value
        for name, value in error.headers.items()
        if name not in {"content-encoding", "content-length", "transfer-encoding"}
    }
    try:
        import httpx  # noqa: PLC0415 - only on the way to an error
    except ImportError:
        text = body.decode("utf-8", "replace")
        return SimpleNamespace(status_code=error.status, headers=headers, text=text, content=body)
    request = httpx.Request("POST", "https://llmgate.invalid")
    return httpx.Response(error.status, headers=headers, content=body, request=request)
