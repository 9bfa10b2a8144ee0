"""Codes in the bodies of errors that say more than their statuses do."""

from __future__ import annotations

import json
from typing import Any

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextWindowError,
    LLMGateError,
    NotFoundError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from tests.faults.raw import Rows, in_turn
from tests.faults.server import reply
from tests.faults.table import (
    Case,
    Scene,
    raises,
)

__all__ = ["CODES"]


def coded(status: int, kind: type[LLMGateError], body: Any, *providers: str, **more: Any) -> Case:
    """A line for a code that says more than the status."""
    check = raises(kind, status=status, **more)
    return Case(
        f"{status} {json.dumps(body)}"[:60],
        check,
        unary=lambda _: [reply(status, body=body)],
        stream=lambda _: [reply(status, body=body)],
        providers=providers,
    )


def openai(code: str | None, kind: str | None = None) -> dict[str, Any]:
    """An error of OpenAI's."""
    return {"error": {"message": "no", "type": kind, "code": code, "param": None}}


def anthropic(kind: str, **more: Any) -> dict[str, Any]:
    """An error of Anthropic's."""
    return {"type": "error", "error": {"type": kind, "message": "no", **more}, "request_id": "r-2"}


def cohere(kind: str | None = None) -> dict[str, Any]:
    """An error of Cohere's."""
    return {"id": "e-1", "message": "no", "error_type": kind}


def by_provider(name: str, *cases: Case) -> Scene:
    """The lines of some providers."""
    return in_turn(name, *cases, providers=cases[0].providers)


CODES: Rows = (
    by_provider(
        "codes of OpenAI's and Azure's",
        *(
            coded(status, kind, openai(code, word), "openai", "azure", code=code or word)
            for status, kind, code, word in (
                (400, ContextWindowError, "context_length_exceeded", "invalid_request_error"),
                (400, ContentFilterError, "content_policy_violation", None),
                (429, QuotaExceededError, "insufficient_quota", "insufficient_quota"),
                (429, QuotaExceededError, "billing_hard_limit_reached", None),
                (429, RateLimitError, "rate_limit_exceeded", "tokens"),
                (403, QuotaExceededError, "insufficient_quota", None),
                (404, NotFoundError, "model_not_found", "invalid_request_error"),
                (401, AuthenticationError, "invalid_api_key", "invalid_request_error"),
                (500, ServerError, "insufficient_quota", None),
                (503, OverloadedError, "context_length_exceeded", None),
                (500, ServerError, None, "server_error"),
            )
        ),
    ),
    by_provider(
        "codes of Anthropic's",
        *(
            coded(status, kind, anthropic(word), "anthropic", code=word, request_id="r-2")
            for status, kind, word in (
                (400, BadRequestError, "invalid_request_error"),
                (400, QuotaExceededError, "billing_error"),
                (402, QuotaExceededError, "billing_error"),
                (413, BadRequestError, "request_too_large"),
                (429, RateLimitError, "rate_limit_error"),
                (500, ServerError, "api_error"),
                (529, OverloadedError, "overloaded_error"),
            )
        ),
    ),
    by_provider(
        "codes of Cohere's",
        coded(
            400,
            ContextWindowError,
            cohere("TOO_MANY_TOKENS"),
            "cohere",
            code="TOO_MANY_TOKENS",
            request_id="e-1",
        ),
        coded(500, ServerError, cohere("TOO_MANY_TOKENS"), "cohere"),
        coded(429, RateLimitError, cohere(), "cohere", code=None),
        coded(498, AuthenticationError, cohere(), "cohere"),
    ),
    by_provider(
        "codes of Replicate's",
        coded(402, QuotaExceededError, {"title": "no", "detail": "no", "status": 402}, "replicate"),
        coded(
            422,
            BadRequestError,
            {"detail": "no", "invalid_fields": [{"type": "missing"}]},
            "replicate",
            code="missing",
        ),
        coded(429, RateLimitError, {"detail": "no: resets in ~30s"}, "replicate", retry_after=30.0),
    ),
)
