"""Errors: statuses and codes as classes, and whether to try again."""

from __future__ import annotations

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
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
from llmgate.provider.http import HttpResponse, encode_json
from llmgate_cohere import chat_error

STATUSES: list[tuple[int, type[ProviderError], bool | None]] = [
    (400, BadRequestError, False),
    (401, AuthenticationError, False),
    (402, QuotaExceededError, False),
    (403, PermissionDeniedError, False),
    (404, NotFoundError, False),
    (408, RequestTimeoutError, True),
    (409, ConflictError, True),
    (422, BadRequestError, False),
    (429, RateLimitError, None),
    (498, AuthenticationError, False),
    (499, BadRequestError, True),
    (500, ServerError, None),
    (501, ServerError, False),
    (503, OverloadedError, None),
    (504, ServerError, None),
]


@pytest.mark.parametrize(("status", "kind", "retryable"), STATUSES)
@pytest.mark.parametrize("body", [b'{"message": "no", "id": "r1"}', b"<html>", b"", b"[]"])
def test_statuses(status: int, kind: type[ProviderError], retryable: object, body: bytes) -> None:
    """The status decides, with a body in Cohere's form or without."""
    error = chat_error(HttpResponse(status, {}, body))
    assert kind is type(error)
    assert retryable is error.retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ContextWindowError),
        (413, ContextWindowError),
        (422, ContextWindowError),
        (401, AuthenticationError),
        (500, ServerError),
    ],
)
def test_a_prompt_that_is_too_long_has_a_code(status: int, kind: type[ProviderError]) -> None:
    """``TOO_MANY_TOKENS`` is told by its code, where the status does not contradict it."""
    body = encode_json({"message": "m", "id": "r1", "error_type": "TOO_MANY_TOKENS"})
    error = chat_error(HttpResponse(status, {}, body))
    assert kind is type(error)
    assert ("m", "TOO_MANY_TOKENS", "r1") == (error.message, error.code, error.request_id)


def test_words_decide_nothing() -> None:
    """The same words without the code are a plain refusal."""
    body = b'{"message": "too many tokens: size limit exceeded by 25836 tokens"}'
    assert BadRequestError is type(chat_error(HttpResponse(400, {}, body)))


def test_half_a_character_hides_no_code() -> None:
    """A text that was cut within one."""
    body = b'{"message": "cut \\ud83d", "error_type": "TOO_MANY_TOKENS"}'
    error = chat_error(HttpResponse(400, {}, body))
    assert (ContextWindowError, "cut \ufffd") == (type(error), error.message)


def test_text_forges_no_line() -> None:
    """Control characters of a message are escaped."""
    error = chat_error(HttpResponse(400, {}, b'{"message": "a\\nb\\u001b[31m"}'))
    assert error.message.isprintable()
