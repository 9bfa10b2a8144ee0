"""Errors of OpenAI and its imitators, and what is expected of them."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.values import ASK
from tests.testing.mutation.writing import refused

__all__ = ["ERRORS"]


def failed(
    status: int, kind: type[errors.LLMGateError], code: Any, told: str | None = None, **more: Any
) -> RecordedExchange:
    """A refusal with OpenAI's error object."""
    fields = {"message": "It is so.", "type": told, "param": None, "code": code}
    said = {"code": code or told, "message": "It is so.", **more}
    return refused(ASK, status, {"error": fields}, kind, **said)


SPENT = (
    "billing_not_active",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "project_spend_limit_exceeded",
)
ERRORS = [
    failed(401, errors.AuthenticationError, "invalid_api_key", retryable=False),
    failed(429, errors.RateLimitError, "rate_limit_exceeded", "tokens"),
    failed(429, errors.QuotaExceededError, "insufficient_quota", retryable=False),
    failed(429, errors.QuotaExceededError, "billing_hard_limit_reached"),
    failed(429, errors.RateLimitError, "slow", "insufficient_quota"),
    failed(400, errors.ContextWindowError, "context_length_exceeded"),
    failed(400, errors.ContextWindowError, None, "exceed_context_size_error"),
    failed(400, errors.ContentFilterError, "content_policy_violation"),
    failed(400, errors.ContentFilterError, "content_filter"),
    failed(400, errors.BadRequestError, None, "invalid_request_error"),
    failed(402, errors.QuotaExceededError, None, "payment"),
    *[failed(429, errors.QuotaExceededError, code) for code in SPENT],
    failed(400, errors.ContentFilterError, "moderation_blocked"),
    failed(404, errors.NotFoundError, "model_not_found"),
    failed(409, errors.ProviderError, "conflict", retryable=True),
    failed(500, errors.ServerError, "server_error"),
    failed(503, errors.OverloadedError, "overloaded_error"),
    refused(
        ASK,
        403,
        {"error": {"message": "no", "metadata": {"reasons": ["violence"]}}},
        errors.ContentFilterError,
    ),
    refused(
        ASK,
        400,
        {"detail": "no", "code": "content_filter"},
        errors.ContentFilterError,
        code="content_filter",
        message="no",
    ),
    *[
        refused(ASK, 422, payload, errors.BadRequestError, message="No.", code=code)
        for code, payload in [
            ("odd", {"code": "odd", "error": "No."}),
            ("odd", {"code": "odd", "title": "No."}),
            ("odd", {"code": "odd", "detail": [{"message": "No."}]}),
            ("odd", {"error": [{"code": "odd", "message": "No."}]}),
            ("odd", {"code": "odd", "error": "Not this.", "message": "No."}),
            ("odd", {"code": "odd", "message": "No."}),
            ("odd", {"code": "odd", "msg": "No."}),
            ("odd", [{"error": {"code": "odd", "message": "No."}}]),
            ("odd", {"errors": [{"code": "odd", "message": "No."}]}),
            (None, {"detail": [{"loc": ["body", "x"], "msg": "No."}]}),
            (None, "No."),
            ("1004", {"base_resp": {"status_code": 1004, "status_msg": "No."}}),
        ]
    ],
    refused(
        ASK,
        500,
        {"error": {"message": "no", "metadata": {"reasons": ["violence"]}}},
        errors.ServerError,
    ),
    failed(500, errors.ServerError, "insufficient_quota"),
    failed(429, errors.RateLimitError, "tokens", "insufficient_quota"),
    failed(429, errors.QuotaExceededError, None, "insufficient_quota"),
    refused(ASK, 402, [], errors.QuotaExceededError),
    refused(ASK, 408, [], errors.ProviderError, retryable=True),
]
