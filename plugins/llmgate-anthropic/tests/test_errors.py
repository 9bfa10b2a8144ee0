"""Errors: the class follows from the status and from structured codes."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from llmgate.provider.http import HttpResponse, encode_json
from llmgate_anthropic import messages_error


def body_of(kind: str, **more: Any) -> bytes:
    """An error of Anthropic's."""
    error = {"type": kind, "message": "Something happened."} | more
    return encode_json({"type": "error", "error": error, "request_id": "req_1"})


SPENT: Any = {"details": {"error_code": "enforced_spend_limit_reached"}}
RAMP: Any = {"details": {"error_code": "ramp_limit_exceeded"}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "retryable"),
    [
        (400, body_of("invalid_request_error"), BadRequestError, "invalid_request_error", False),
        (401, body_of("authentication_error"), AuthenticationError, "authentication_error", False),
        (402, body_of("billing_error"), QuotaExceededError, "billing_error", False),
        (402, b"pay", QuotaExceededError, None, False),
        (403, body_of("permission_error"), PermissionDeniedError, "permission_error", False),
        (404, body_of("not_found_error"), NotFoundError, "not_found_error", False),
        (408, body_of("timeout_error"), RequestTimeoutError, "timeout_error", True),
        (408, b"slow", RequestTimeoutError, None, True),
        (409, body_of("conflict_error"), ConflictError, "conflict_error", True),
        (413, body_of("request_too_large"), BadRequestError, "request_too_large", False),
        (429, body_of("rate_limit_error"), RateLimitError, "rate_limit_error", None),
        (
            429,
            body_of("rate_limit_error", **SPENT),
            QuotaExceededError,
            "enforced_spend_limit_reached",
            False,
        ),
        (429, body_of("rate_limit_error", **RAMP), RateLimitError, "ramp_limit_exceeded", None),
        (500, body_of("api_error"), ServerError, "api_error", None),
        (504, body_of("timeout_error"), ServerError, "timeout_error", None),
        (529, body_of("overloaded_error"), OverloadedError, "overloaded_error", None),
        (500, body_of("rate_limit_error"), ServerError, "rate_limit_error", None),
        (400, body_of("x", details=5), BadRequestError, "x", False),
        (400, b'{"error": "no"}', BadRequestError, None, False),
        (400, b'{"message": "no"}', BadRequestError, None, False),
        (502, b"<html>", ServerError, None, None),
    ],
)
def test_status_and_code_give_the_class(
    status: int, body: bytes, kind: Any, code: str | None, retryable: bool | None
) -> None:
    """Each status and type has its class, and says whether waiting helps."""
    error = messages_error(HttpResponse(status, {}, body))
    assert (kind, code, retryable) == (type(error), error.code, error.retryable)


def test_request_id_of_the_body_is_kept() -> None:
    """The id of the request is told even where no header tells it."""
    error = messages_error(HttpResponse(400, {}, body_of("invalid_request_error")))
    assert "req_1" == error.request_id
