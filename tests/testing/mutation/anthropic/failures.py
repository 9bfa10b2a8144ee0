"""Errors of Anthropic, and what is expected of them."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.anthropic.values import ASK
from tests.testing.mutation.writing import refused

__all__ = ["ERRORS"]


def failed(
    status: int, kind: type[errors.LLMGateError], told: str, detail: Any = None, **more: Any
) -> RecordedExchange:
    """A refusal with Anthropic's error object."""
    fields = {"type": told, "message": "It is so.", "details": {"error_code": detail}}
    payload = {"type": "error", "error": fields, "request_id": "req_1"}
    return refused(ASK, status, payload, kind, code=detail or told, message="It is so.", **more)


ERRORS = [
    failed(400, errors.BadRequestError, "invalid_request_error"),
    failed(400, errors.QuotaExceededError, "billing_error"),
    failed(400, errors.QuotaExceededError, "invalid_request_error", "enforced_spend_limit_reached"),
    failed(401, errors.AuthenticationError, "authentication_error"),
    failed(402, errors.QuotaExceededError, "payment"),
    failed(403, errors.PermissionDeniedError, "permission_error"),
    failed(400, errors.QuotaExceededError, "invalid_request_error", "contract_spend_limit_reached"),
    *[
        failed(
            400, errors.QuotaExceededError, "invalid_request_error", f"linked_organization_{why}"
        )
        for why in ("spend_limit_reached", "billing_unavailable")
    ],
    failed(404, errors.NotFoundError, "not_found_error"),
    failed(409, errors.ProviderError, "conflict_error", retryable=True),
    failed(429, errors.RateLimitError, "rate_limit_error"),
    failed(500, errors.ServerError, "api_error"),
    failed(529, errors.OverloadedError, "overloaded_error"),
    refused(ASK, 402, [], errors.QuotaExceededError),
    refused(ASK, 408, [], errors.ProviderError, retryable=True),
    refused(ASK, 429, {"error": "slow"}, errors.RateLimitError, message="slow"),
    *[
        refused(ASK, 400, payload, errors.BadRequestError, code=code, message="No.")
        for code, payload in [
            ("odd_error", {"type": "odd_error", "error": "No."}),
            ("odd_error", {"type": "odd_error", "detail": "No."}),
            ("odd_error", {"type": "odd_error", "title": "No."}),
            ("odd_error", {"type": "odd_error", "message": "No.", "error": None}),
            ("odd_error", {"errors": [{"type": "odd_error", "message": "No."}]}),
            ("77", {"error": {"code": 77, "message": "No."}}),
            ("c", {"error": {"code": "c", "message": "No."}}),
            (None, {"error": "No.", "message": "No."}),
            ("odd_error", [{"error": {"type": "odd_error", "message": "No."}}]),
            ("1004", {"base_resp": {"status_code": 1004, "status_msg": "No."}}),
        ]
    ],
]
