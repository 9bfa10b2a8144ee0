"""Refusals and failed predictions: their classes, codes and waits."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentFilterError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.http import HttpResponse, encode_json
from llmgate_replicate.response.errors import prediction_error, replicate_error

REFUSALS: list[tuple[int, Any, type[ProviderError], str | None, str]] = [
    (401, {"title": "Unauthenticated", "detail": "No."}, AuthenticationError, None, "No."),
    (402, {"title": "Insufficient credit", "detail": "Pay."}, QuotaExceededError, None, "Pay."),
    (403, {"detail": "No."}, PermissionDeniedError, None, "No."),
    (404, {"detail": "Not found."}, NotFoundError, None, "Not found."),
    (409, {"detail": "Twice."}, ConflictError, None, "Twice."),
    (
        422,
        {
            "title": "Input validation failed",
            "detail": "- input: prompt is required\n",
            "status": 422,
            "invalid_fields": [{"type": "required", "field": "input"}],
        },
        BadRequestError,
        "required",
        "- input: prompt is required",
    ),
    (
        422,
        {"type": "https://example.com/bad", "title": "Bad"},
        BadRequestError,
        "https://example.com/bad",
        "Bad",
    ),
    (429, {"detail": "Request was throttled."}, RateLimitError, None, "Request was throttled."),
    (500, {"detail": 5, "title": [], "type": {}}, ServerError, None, "the provider answered"),
    (502, None, ServerError, None, "the provider answered"),
    (503, {"invalid_fields": [7], "detail": "Busy"}, OverloadedError, None, "Busy"),
]


@pytest.mark.parametrize(("status", "payload", "kind", "code", "text"), REFUSALS)
def test_refusals(
    status: int, payload: Any, kind: type[ProviderError], code: str | None, text: str
) -> None:
    """The class follows from the status; the problem's type is the code."""
    error = replicate_error(HttpResponse(status, {}, encode_json(payload)))
    assert kind is type(error)
    assert code == error.code
    assert error.status in (status, None)  # the core fills in what is None
    assert error.message.startswith(text)


def test_half_a_character_in_an_error_hides_nothing() -> None:
    """A text that was cut within one."""
    error = replicate_error(HttpResponse(422, {}, b'{"type": "t", "detail": "cut \\ud83d"}'))
    assert ("t", "cut \ufffd") == (error.code, error.message)


def test_a_page_of_a_proxy_is_an_error_by_its_status() -> None:
    """What is no JSON still has a status."""
    error = replicate_error(HttpResponse(502, {}, b"<html>Bad gateway</html>"))
    assert ServerError is type(error)
    assert "Bad gateway" in error.message


@pytest.mark.parametrize(
    ("headers", "text", "expected"),
    [
        ({}, "Request was throttled. Your rate limit resets in ~30s.", 30.0),
        ({"retry-after": "5"}, "Your rate limit resets in ~30s.", None),
        ({}, "Request was throttled.", None),
    ],
)
def test_the_wait_is_read_where_no_header_names_it(
    headers: dict[str, str], text: str, expected: float | None
) -> None:
    """A throttled reply names the wait in words; the header, which the core reads, wins."""
    error = replicate_error(HttpResponse(429, headers, encode_json({"detail": text})))
    assert expected == error.retry_after


FAILURES: list[tuple[str, str | None, type[ProviderError], str, bool]] = [
    ("failed", "Out of memory", ServerError, "failed", False),
    ("failed", None, ServerError, "failed", False),
    ("failed", "It was flagged. (E005) (a1b2)", ContentFilterError, "E005", False),
    ("failed", "High demand. (E003)", OverloadedError, "E003", True),
    ("failed", "Director: timeout starting prediction (E6716)", ServerError, "E6716", True),
    ("failed", "Model out of memory (E1001)", ServerError, "E1001", False),
    ("failed", "flagged as sensitive, rate limit, quota", ServerError, "failed", False),
    ("canceled", None, ProviderError, "canceled", False),
    ("aborted", None, ProviderError, "aborted", False),
    ("exploded", "Boom", ServerError, "exploded", False),
]


@pytest.mark.parametrize(("state", "text", "kind", "code", "retryable"), FAILURES)
def test_failures(
    state: str, text: str | None, kind: type[ProviderError], code: str, retryable: bool
) -> None:
    """The class follows from the state and from Replicate's codes, never from words."""
    error = prediction_error(state, text)
    assert kind is type(error)
    assert (code, retryable, True) == (error.code, error.retryable, error.in_stream)
    assert (text or "prediction") in error.message
