"""Errors of Azure's hosts, and what their content filter found."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    ContentFilterError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing import drive
from llmgate_azure import AzureOpenAI
from tests.integration.azure_providers import HELLO, KEY, provider


def error_of(status: int, payload: Any, made: AzureOpenAI | None = None) -> ProviderError:
    return (made or provider()).error(HttpResponse(status, {}, encode_json(payload)))


FINDINGS: dict[str, Any] = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": {"hate": {}},
}


@pytest.mark.parametrize(
    "payload",
    [
        {"error": {"code": "content_filter", "message": "no", "innererror": FINDINGS}},
        {"error": {"code": "content_filter", "message": "no", "inner_error": FINDINGS}},
        {"error": {"code": "content_filter", "message": "no"}, "innererror": FINDINGS},
        {"error": {"code": "x", "message": "no", "innererror": FINDINGS}},
    ],
)
def test_a_blocked_prompt_is_a_content_filter_error(payload: Any) -> None:
    """The inner error says what the filter found, wherever Azure puts it."""
    error = error_of(400, payload)
    assert isinstance(error, ContentFilterError)
    assert FINDINGS == error.details
    assert False is error.retryable


def test_a_blocked_prompt_without_an_inner_error_keeps_what_there_is() -> None:
    """Without an inner error, the error itself is the details."""
    fields = {"code": "content_filter", "message": "no"}
    error = error_of(400, {"error": fields})
    assert isinstance(error, ContentFilterError)
    assert fields == error.details


@pytest.mark.parametrize(
    ("status", "payload", "kind"),
    [
        (401, {"error": {"code": "401", "message": "Access denied"}}, AuthenticationError),
        (401, {"statusCode": 401, "message": "Unauthorized"}, AuthenticationError),
        (404, {"error": {"code": "DeploymentNotFound", "message": "none"}}, NotFoundError),
        (404, {"error": {"code": "404", "message": "Resource not found"}}, NotFoundError),
        (429, {"error": {"code": "429", "message": "wait"}}, RateLimitError),
        (429, {"error": {"code": "RateLimitReached", "message": "wait"}}, RateLimitError),
        (500, {"error": {"code": "InternalServerError", "message": "rate limit"}}, ServerError),
        (500, None, ServerError),
    ],
)
def test_errors_by_status(status: int, payload: Any, kind: type[ProviderError]) -> None:
    """The class follows from the status, in each of Azure's shapes."""
    assert kind is type(error_of(status, payload))


def test_a_wrong_path_is_explained() -> None:
    """A 404 that is not about a deployment is about the path or the version."""
    assert "api_version" in str(error_of(404, {"error": {"code": "404", "message": "none"}}))


def test_a_401_with_a_token_provider_is_tried_again() -> None:
    """The token may have just expired, and the next attempt asks for another."""
    payload = {"error": {"code": "401", "message": "expired"}}
    assert True is error_of(401, payload, provider(token_provider=lambda: "t")).retryable
    assert False is error_of(401, payload, provider(api_key=KEY)).retryable


def test_the_answer_of_a_flow_keeps_what_the_filter_found() -> None:
    """The filter's findings stay with the prompt and the choice."""
    payload = {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi"},
                "finish_reason": "stop",
                "content_filter_results": {"hate": {"filtered": False}},
            }
        ],
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    driven = drive(
        provider().complete(ProviderCall("gpt", HELLO)),
        [HttpResponse(200, {}, encode_json(payload))],
    )
    answer = driven.result
    assert [{"prompt_index": 0}] == answer.extra["prompt_filter_results"]
    assert {"hate": {"filtered": False}} == answer.choices[0].extra["content_filter_results"]


def test_a_filter_error_with_status_200_keeps_its_findings() -> None:
    """An error in place of an answer is raised as one, with what the filter found."""
    fields: dict[str, Any] = {
        "code": "content_filter",
        "status": 400,
        "message": "no",
        "innererror": FINDINGS,
    }
    with pytest.raises(ContentFilterError) as caught:
        drive(
            provider().complete(ProviderCall("gpt", HELLO)),
            [HttpResponse(200, {}, encode_json({"error": fields}))],
        )
    assert FINDINGS == caught.value.details
