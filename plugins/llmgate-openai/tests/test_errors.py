"""Errors: the class follows from the status and from structured codes, never from a text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentFilterError,
    ContextWindowError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)
from llmgate.provider.http import HttpResponse
from llmgate_openai import chat_error, error_from_payload

_BY_STATUS: list[tuple[int, type[ProviderError]]] = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (402, QuotaExceededError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (405, BadRequestError),
    (408, RequestTimeoutError),
    (409, ConflictError),
    (413, BadRequestError),
    (418, BadRequestError),
    (422, BadRequestError),
    (425, BadRequestError),
    (429, RateLimitError),
    (451, BadRequestError),
    (498, BadRequestError),
    (500, ServerError),
    (502, ServerError),
    (503, OverloadedError),
    (504, ServerError),
    (520, ServerError),
    (529, OverloadedError),
    (599, ServerError),
]

_BODIES: list[tuple[bytes, str]] = [
    (b'{"error":{"message":"said","type":"t","param":null,"code":null}}', "said"),
    (b'{"error":{"message":"said","code":400}}', "said"),
    (b'{"error":"said"}', "said"),
    (b'{"error":"kind","message":"said"}', "said"),
    (b'{"message":"said","type":"t","param":"p","code":"c"}', "said"),
    (b'{"object":"error","message":"said","code":400}', "said"),
    (b'{"detail":"said"}', "said"),
    (b'{"detail":[{"loc":["body"],"msg":"said"}]}', "said"),
    (b'{"title":"said","status":400}', "said"),
    (b'"said"', "said"),
    (b'{"error":{"code":"said"}}', "said"),
    (b'{"error":{"message":["said"]}}', "said"),
    (b'{"error":{"message":{"a":"said"}}}', "said"),
    (b"said", "said"),
    (b"<html>said</html>", "said"),
    (b'{"error":{"message":"said"', "said"),
    (b"\xff\xfesaid", "said"),
    (b'{"errors":["said"]}', "said"),
    (b'["said"]', "said"),
    (b'{"error":{}}', "error"),
    (b'{"error":null}', "error"),
    (b'{"error":[]}', "error"),
    (b"null", "null"),
    (b"5", "5"),
    (b"", "no text"),
    (b"{}", "{}"),
    (b'{"error":' * 100_000, "error"),
]


@pytest.mark.parametrize(("status", "kind"), _BY_STATUS)
def test_the_class_follows_from_the_status(status: int, kind: type[ProviderError]) -> None:
    """Every status with every shape of body; what was said is in the message, and fits a line."""
    for body, said in _BODIES:
        error = chat_error(HttpResponse(status, {}, body))
        assert (kind, False) == (type(error), error.in_stream), body
        assert said in error.message
        assert len(error.message) < 2100


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": "context_length_exceeded"}, ContextWindowError),
        (400, {"type": "exceed_context_size_error", "code": 400}, ContextWindowError),
        (413, {"code": "context_length_exceeded"}, ContextWindowError),
        (400, {"code": "content_filter"}, ContentFilterError),
        (400, {"code": "content_policy_violation"}, ContentFilterError),
        (400, {"code": "moderation_blocked"}, ContentFilterError),
        (403, {"code": 403, "metadata": {"reasons": ["violence"]}}, ContentFilterError),
        (403, {"code": 403, "metadata": {"provider_name": "x"}}, PermissionDeniedError),
        (429, {"code": "rate_limit_exceeded", "type": "tokens"}, RateLimitError),
        (429, {"code": "slow_down"}, RateLimitError),
        (429, {"type": "insufficient_quota"}, QuotaExceededError),
        (429, {"type": "insufficient_quota", "code": "insufficient_quota"}, QuotaExceededError),
        (
            429,
            {"type": "insufficient_quota", "code": "credit_balance_exhausted"},
            QuotaExceededError,
        ),
        (429, {"type": "insufficient_quota", "code": "rate_limit_exceeded"}, RateLimitError),
        (429, {"type": "insufficient_quota", "code": "something_new"}, RateLimitError),
        (429, {"code": "project_spend_limit_exceeded"}, QuotaExceededError),
        (429, {"code": "billing_not_active"}, QuotaExceededError),
        (503, {"code": "slow_down"}, OverloadedError),
        (503, {"code": 503, "type": "unavailable_error"}, OverloadedError),
        (500, {"code": "context_length_exceeded"}, ServerError),
        (500, {"code": "insufficient_quota"}, ServerError),
        (500, {"code": "rate_limit_exceeded"}, ServerError),
        (401, {"code": "model_not_found"}, AuthenticationError),
        (404, {"code": "model_not_found"}, NotFoundError),
        (400, {"type": "authentication_error"}, BadRequestError),
        (400, {"code": ["content_filter"]}, BadRequestError),
        (400, {"code": {"a": 1}, "type": 5}, BadRequestError),
    ],
)
def test_codes_refine_the_class(
    status: int, error: dict[str, Any], kind: type[ProviderError]
) -> None:
    """A code may say more than the status, but never something else."""
    body = json.dumps({"error": {"message": "m", **error}}).encode()
    assert kind is type(chat_error(HttpResponse(status, {}, body)))


@pytest.mark.parametrize(("status", "kind"), _BY_STATUS)
def test_a_text_decides_nothing(status: int, kind: type[ProviderError]) -> None:
    """A 500 that speaks of a rate limit is a ServerError."""
    for text in (
        "Rate limit reached",
        "You exceeded your current quota",
        "This model's maximum context length is 8192 tokens",
        "content_filter",
        "invalid api key",
        "overloaded",
    ):
        body = json.dumps({"error": {"message": text, "type": None, "code": None}}).encode()
        assert kind is type(chat_error(HttpResponse(status, {}, body))), text


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, False),
        (401, False),
        (402, False),
        (404, False),
        (408, True),
        (409, True),
        (425, True),
        (429, None),
        (500, None),
        (503, None),
    ],
)
@pytest.mark.parametrize("body", [b'{"error":{"message":"m"}}', b"<html>"])
def test_what_may_be_tried_again(status: int, body: bytes, expected: bool | None) -> None:
    """A timeout, a lock and "too early" pass; None leaves it to the policy."""
    assert expected is chat_error(HttpResponse(status, {}, body)).retryable


@pytest.mark.parametrize("code", ["insufficient_quota", "organization_spend_limit_exceeded"])
def test_an_empty_account_is_not_tried_again(code: str) -> None:
    """Waiting does not fill it."""
    error = chat_error(HttpResponse(429, {}, json.dumps({"error": {"code": code}}).encode()))
    assert error.retryable is False


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "invalid_value", "type": "invalid_request_error"}, "invalid_value"),
        ({"code": None, "type": "invalid_request_error"}, "invalid_request_error"),
        ({"code": 400}, "400"),
        ({"message": "m"}, None),
    ],
)
def test_the_code_is_the_hosts_own(error: dict[str, Any], expected: str | None) -> None:
    """The code, or else the type."""
    assert expected == chat_error(HttpResponse(400, {}, json.dumps({"error": error}).encode())).code


@pytest.mark.parametrize("body", [b'" "', b'{"error":" "}', b'{"error":{"message":"\\n"}}'])
def test_an_error_says_something(body: bytes) -> None:
    """Where a body holds blank text only, what is known is said instead."""
    assert chat_error(HttpResponse(500, {}, body)).message.strip()


def test_an_errors_text_forges_no_line() -> None:
    """Line ends and escapes of a terminal are shown, not obeyed."""
    body = json.dumps({"error": {"message": "a\nINFO forged\x1b[2J"}}).encode()
    message = chat_error(HttpResponse(400, {}, body)).message
    assert message.isprintable()


@pytest.mark.parametrize("payload", [None, 5, "x", [], {}, {"error": None}, {"choices": []}])
def test_what_is_no_error_is_none(payload: Any) -> None:
    """An answer is not taken for an error."""
    assert error_from_payload(payload) is None
