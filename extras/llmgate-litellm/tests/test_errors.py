"""Exceptions: which one, what it says, and what it descends from."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import openai
import pytest

import llmgate_litellm as litellm

Ask = Callable[..., Any]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (422, "BadRequestError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (502, "BadGatewayError"),
        (503, "ServiceUnavailableError"),
        (504, "Timeout"),
    ],
)
def test_a_status_has_its_exception(ask: Ask, server: Any, status: int, kind: str) -> None:
    """With litellm's attributes, and a parent of openai's."""
    server((status, {"error": {"message": "it says no"}}))
    with pytest.raises(openai.OpenAIError, match="it says no") as raised:
        ask(num_retries=0)
    error: Any = raised.value
    assert type(error) is getattr(litellm.exceptions, kind)
    assert error.status_code == (408 if status == 504 else status)
    assert (error.llm_provider, error.model) == ("openai", "gpt-4o")
    assert str(error).startswith(f"litellm.{kind}: ")
    assert error.response.status_code == status
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes
    assert str(again) == str(error)


def test_a_prompt_that_is_too_long(ask: Ask, server: Any) -> None:
    """It is a bad request of its own kind."""
    code = "context_length_exceeded"
    server((400, {"error": {"message": "too long", "code": code}}))
    with pytest.raises(litellm.ContextWindowExceededError) as raised:
        ask()
    assert isinstance(raised.value, litellm.BadRequestError)


def test_content_that_is_not_allowed(ask: Ask, server: Any) -> None:
    """It is a bad request of its own kind as well."""
    server((400, {"error": {"message": "no", "code": "content_policy_violation"}}))
    with pytest.raises(litellm.ContentPolicyViolationError) as raised:
        ask()
    assert isinstance(raised.value, litellm.BadRequestError)


WITHOUT_OPENAI = """
import sys
sys.modules["openai"] = None
import llmgate, llmgate_litellm as litellm
for name in ("RateLimitError", "BadRequestError", "Timeout", "APIError", "OpenAIError"):
    assert issubclass(getattr(litellm, name), llmgate.LLMGateError), name
try:
    litellm.completion("openai/x", [{"role": "user", "content": "Hi"}], api_key="k",
                       mock_response="litellm.RateLimitError")
except litellm.RateLimitError as error:
    assert error.status_code == 429
else:
    raise AssertionError
"""


def test_without_openais_package() -> None:
    """They descend from llmgate's error."""
    subprocess.run([sys.executable, "-c", WITHOUT_OPENAI], check=True, timeout=60)


def test_nobody_listens() -> None:
    """A refused connection is an InternalServerError."""
    with pytest.raises(litellm.InternalServerError) as raised:
        litellm.completion(
            "openai/x",
            [{"role": "user", "content": "Hi"}],
            api_key="k",
            api_base="http://127.0.0.1:9/v1",
            num_retries=0,
        )
    assert raised.value.status_code == 500


def test_a_key_is_missing() -> None:
    """It says what to pass."""
    with pytest.raises(litellm.AuthenticationError, match=r"api_key="):
        litellm.completion("openai/x", [{"role": "user", "content": "Hi"}])


def test_a_provider_that_is_not_known() -> None:
    """Without one in the name, or with one that nobody provides."""
    with pytest.raises(litellm.BadRequestError, match="LLM Provider NOT provided"):
        litellm.completion("nobody-knows-it", [])
    with pytest.raises(litellm.BadRequestError, match="api_base="):
        litellm.completion("custom/x", [], custom_llm_provider="custom")


def test_a_parameter_that_the_model_refuses(ask: Ask, server: Any) -> None:
    """It is refused, or dropped where that was asked for."""
    with pytest.raises(litellm.UnsupportedParamsError):
        litellm.completion(
            "openai/o3-mini", [{"role": "user", "content": "Hi"}], api_key="k", temperature=0.3
        )
    given = {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 9, "frequency_penalty": 0.3}
    with pytest.raises(litellm.UnsupportedParamsError, match="frequency_penalty"):
        ask(**given)
    assert server.bodies == []
    said = {"type": "text", "text": "Good day."}
    server({"type": "message", "id": "m", "content": [said], "stop_reason": "end_turn"})
    assert ask(**given, drop_params=True).choices[0].message.content == "Good day."
    litellm.drop_params = True
    assert ask(**given).choices[0].message.content == "Good day."
    assert len(server.bodies) == 2
    assert not any("frequency_penalty" in body for body in server.bodies)


def test_exceptions_are_made_by_position_and_by_name() -> None:
    """In litellm's order."""
    bad = litellm.BadRequestError("no", "m", "p")
    assert (bad.message, bad.model, bad.llm_provider, bad.status_code) == ("no", "m", "p", 400)
    limited = litellm.RateLimitError("no", "p", "m")
    assert (limited.model, limited.llm_provider) == ("m", "p")
    assert litellm.APIError(501, "no", "p", "m").status_code == 501
    assert not hasattr(litellm.APIConnectionError(message="no", llm_provider="p", model="m"), "x")
    assert "1.5" in str(litellm.BudgetExceededError(1.5, 1.0))
