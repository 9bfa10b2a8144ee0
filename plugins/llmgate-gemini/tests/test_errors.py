"""Errors: the class follows from the status and from structured codes, never from a text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.http import HttpResponse
from llmgate.testing.driving import call_of, drive, read_stream
from llmgate_gemini import Gemini, VertexAI
from llmgate_gemini.response.errors import error_from_payload

PROVIDER = Gemini(api_key="k")
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}


def reason(name: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name}


def quota(**violation: Any) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def body_of(code: int, status: str, *details: Any, message: str = "no") -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": details}}


def error(status: int, body: Any) -> ProviderError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROVIDER.error(HttpResponse(status, {}, data))


@pytest.mark.parametrize(
    ("code", "status", "details", "expected"),
    [
        (400, "INVALID_ARGUMENT", [], BadRequestError),
        (400, "INVALID_ARGUMENT", [reason("API_KEY_INVALID")], AuthenticationError),
        (400, "FAILED_PRECONDITION", [], BadRequestError),
        (401, "UNAUTHENTICATED", [reason("ACCESS_TOKEN_TYPE_UNSUPPORTED")], AuthenticationError),
        (403, "PERMISSION_DENIED", [], PermissionDeniedError),
        (403, "PERMISSION_DENIED", [reason("BILLING_DISABLED")], QuotaExceededError),
        (404, "NOT_FOUND", [], NotFoundError),
        (429, "RESOURCE_EXHAUSTED", ["x", quota(quotaId="PerMinute"), RETRY], RateLimitError),
        (500, "INTERNAL", [reason("API_KEY_INVALID")], ServerError),
        (503, "UNAVAILABLE", [], OverloadedError),
        (504, "DEADLINE_EXCEEDED", [], ServerError),
    ],
)
def test_classes(code: int, status: str, details: list[Any], expected: type[ProviderError]) -> None:
    """By the status and the reason."""
    found = error(code, body_of(code, status, *details))
    assert (expected, code, status) == (type(found), found.status, found.code)
    assert (37.5 if RETRY in details else None) == found.retry_after


@pytest.mark.parametrize(
    "violation",
    [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"},
        {"quotaMetric": "x/requests_per_day"},
        {"quotaId": "GenerateContentInputTokensPerMinute-FreeTier", "quotaValue": "0"},
    ],
)
def test_quotas_for_which_no_wait_helps(violation: dict[str, Any]) -> None:
    """Those of a day, and those of nothing at all, are not retried."""
    found = error(429, body_of(429, "RESOURCE_EXHAUSTED", RETRY, quota(**violation)))
    assert (QuotaExceededError, False, None) == (type(found), found.retryable, found.retry_after)


@pytest.mark.parametrize("violations", ["x", ["x"], [{}], None])
def test_violations_that_are_none(violations: Any) -> None:
    """They say nothing."""
    found = error(429, body_of(429, "RESOURCE_EXHAUSTED", {"violations": violations}))
    assert RateLimitError is type(found)


@pytest.mark.parametrize("delay", ["37", "-1s", "0s", "1e3s", 5, "9" * 400 + "s"])
def test_delays_that_are_none(delay: Any) -> None:
    """They say nothing."""
    assert error(429, body_of(429, "X", {"retryDelay": delay})).retry_after is None


def test_shapes() -> None:
    """An array of one error, OAuth's texts, and pages of proxies."""
    assert BadRequestError is type(error(400, [body_of(400, "INVALID_ARGUMENT")]))
    found = error(401, {"error": "invalid_grant", "error_description": "expired"})
    assert ("invalid_grant", "expired") == (found.code, found.message)
    assert OverloadedError is type(error(503, b"<html>busy</html>"))
    assert NotFoundError is type(error(404, {"error": {}}))
    assert QuotaExceededError is type(error(402, b""))
    assert QuotaExceededError is type(error(402, body_of(402, "X")))
    assert ServerError is type(error(500, {"error": {"details": 5}}))


@pytest.mark.parametrize(
    ("fields", "expected", "status"),
    [
        ({"code": 503, "status": "UNAVAILABLE"}, OverloadedError, 503),
        ({"status": "RESOURCE_EXHAUSTED"}, RateLimitError, 429),
        ({"code": 7, "message": "x"}, ProviderError, None),
        ({"code": "x", "details": [reason("API_KEY_INVALID")]}, AuthenticationError, None),
    ],
)
def test_errors_inside_a_stream(fields: Any, expected: type[ProviderError], status: Any) -> None:
    """They have the class of their code, in events and as an array in place of a stream."""
    payload = json.dumps({"error": fields}).encode()
    asked = {"model": "gemini-x", "messages": [{"role": "user", "content": "Hi"}]}
    for body in (
        b"data: %s\n\n" % payload,
        b"[%s]" % payload,
        b"event: error\ndata: %s\n\n" % payload,
    ):
        call = call_of(PROVIDER, {**asked, "stream": True})
        decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
        with pytest.raises(ProviderError) as caught:
            read_stream(decoder, [body])
        found = caught.value
        assert (expected, status, True) == (type(found), found.status, found.in_stream)
    call = call_of(PROVIDER, asked)
    with pytest.raises(ProviderError) as caught:
        drive(PROVIDER.complete(call), [HttpResponse(200, {}, payload)])
    assert (expected, False) == (type(caught.value), caught.value.in_stream)


def test_errors_of_claude_on_vertex_are_anthropics() -> None:
    """By their shape."""
    vertex = VertexAI(api_key="k")
    payload = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    found = vertex.error(HttpResponse(529, {}, json.dumps(payload).encode()))
    assert ("overloaded_error", OverloadedError) == (found.code, type(found))
    assert ServerError is type(vertex.error(HttpResponse(500, {}, b"x")))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"error": [{"message": "no", "code": 429}]}, "no"),
        ({"errors": [{"message": "no"}]}, "no"),
        ({"code": 1234, "message": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"error": True}, "no text"),
        ({"error": {"message": " "}}, "no text"),
    ],
)
def test_errors_that_a_proxy_writes(payload: Any, message: str) -> None:
    """Whole with status 200, and as the first event of a stream."""
    asked = {"model": "gemini-x", "messages": [{"role": "user", "content": "Hi"}]}
    body = json.dumps(payload).encode()
    with pytest.raises(ProviderError) as whole:
        drive(PROVIDER.complete(call_of(PROVIDER, asked)), [HttpResponse(200, {}, body)])
    call = call_of(PROVIDER, {**asked, "stream": True})
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    with pytest.raises(ProviderError) as streamed:
        read_stream(decoder, [b"data: %s\n\n" % body])
    assert message == whole.value.message == streamed.value.message


@pytest.mark.parametrize("payload", [{"error": []}, {"errors": []}, {"message": 5}, []])
def test_what_is_no_error(payload: Any) -> None:
    """It is no response either."""
    assert error_from_payload(payload) is None
