"""What is known of models: provider, abilities, limits, tokens and prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import llmgate_litellm as litellm
from tests.sdk import SdkServer

Ask = Callable[..., Any]
PRICES = {"openai/gpt-4o": {"input_cost_per_token": 0.01, "output_cost_per_token": 0.02}}


def test_the_provider_of_a_model() -> None:
    """From the name, with or without a prefix."""
    assert litellm.get_llm_provider("openai/x/y") == ("x/y", "openai", None, None)
    assert litellm.get_llm_provider("gpt-4o", api_key="k")[:3] == ("gpt-4o", "openai", "k")
    with pytest.raises(litellm.BadRequestError):
        litellm.get_llm_provider("nobody-knows-it")
    for name in ("us.anthropic.claude-opus-5-v1:0", "amazon.nova-lite-v1:0", "arn:aws:bedrock:x/y"):
        assert litellm.get_llm_provider(name)[:2] == (name, "bedrock")


BEDROCK = (
    b'{"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},'
    b' "stopReason": "end_turn"}'
)


@pytest.mark.parametrize(
    "model",
    ["bedrock/us.m-v1:0", "bedrock/converse/us.m-v1:0", "bedrock_converse/us.m-v1:0"],
)
def test_bedrock(model: str) -> None:
    """Its names, and its settings, none of which is sent in the body."""
    given = {
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "secret-4711",
        "aws_region_name": "eu-west-1",
    }
    messages = [{"role": "user", "content": "Hi"}]
    with SdkServer(BEDROCK) as server:
        answer: Any = litellm.completion(
            model, messages, aws_bedrock_runtime_endpoint=server.url, **given
        )
    (asked,) = server.asked
    assert answer.choices[0].message.content == "Hi"
    assert asked.path == "/model/us.m-v1%3A0/converse"
    assert asked.json == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert "/eu-west-1/bedrock/aws4_request" in asked.headers["authorization"]


def test_the_settings_of_vertex_are_not_sent() -> None:
    """They name the project and the place; the body has none of them."""
    given: dict[str, Any] = {"vertex_project": "p-1", "vertex_location": "europe-west1"}
    body = (
        b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]},'
        b' "finishReason": "STOP"}]}'
    )
    with SdkServer(body) as server:
        litellm.completion(
            "vertex_ai/gemini-2.5-flash",
            [{"role": "user", "content": "Hi"}],
            api_base=server.url,
            vertex_credentials=None,
            api_key="k",
            **given,
        )
    (asked,) = server.asked
    assert ["contents"] == [*asked.json]


def test_more_abilities() -> None:
    """Those that a provider declares, that prices show, and that somebody registered."""
    assert litellm.supports_parallel_function_calling("gpt-4o")
    assert litellm.supports_tool_choice("openai/gpt-4o")
    assert litellm.supports_system_messages("anthropic/claude-opus-4-5")
    assert litellm.supports_prompt_caching("gpt-4o")
    asked = [
        *(litellm.supports_audio_output, litellm.supports_parallel_function_calling),
        *(litellm.supports_pdf_input, litellm.supports_prompt_caching),
        *(litellm.supports_system_messages, litellm.supports_tool_choice),
        litellm.supports_web_search,
    ]
    assert [False] * 7 == [ask("nobody-knows-it") for ask in asked]
    known = {ask.__name__: True for ask in asked}
    litellm.register_model({"openai/mine": known})
    assert [True] * 7 == [ask("openai/mine") for ask in asked]


def test_abilities() -> None:
    """Of an unknown model, or of an unknown provider, nothing is known."""
    assert litellm.supports_function_calling("gpt-4o")
    assert litellm.supports_response_schema("openai/gpt-4o")
    assert not litellm.supports_function_calling("nobody-knows-it")
    assert not litellm.supports_vision("nobody/x")
    assert (litellm.supports_reasoning("o3"), litellm.supports_reasoning("gpt-4o")) == (True, False)
    litellm.register_model({"openai/ear": {"supports_audio_input": True}})
    assert litellm.supports_audio_input("openai/ear")
    assert not litellm.supports_audio_input("nobody/x")
    litellm.register_model({"openai/mine": {"supports_vision": True}})
    assert litellm.supports_vision("openai/mine")
    parameters = litellm.get_supported_openai_params("gpt-4o")
    assert parameters is not None
    assert {"tools", "temperature", "stream"} <= {*parameters}
    assert litellm.get_supported_openai_params("nobody-knows-it") is None


def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are missing."""
    assert litellm.validate_environment("gpt-4o") == {
        "keys_in_environment": False,
        "missing_keys": ["OPENAI_API_KEY"],
    }
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert litellm.validate_environment("gpt-4o")["keys_in_environment"]
    assert not litellm.validate_environment("nobody-knows-it")["keys_in_environment"]


def test_tokens() -> None:
    """They are estimated; texts come back whole."""
    assert litellm.token_counter("any", text="hello world") == 2
    assert litellm.token_counter("any", messages=[{"role": "user", "content": "Hello"}]) == 8
    text = "Grüße, 日本! \n\t x_1 🙂"
    assert litellm.decode("any", litellm.encode("any", text)) == text
    with pytest.raises(ValueError, match="encode"):
        litellm.decode("any", [7])
    with pytest.raises(ValueError, match="both be None"):
        litellm.token_counter("any")


def test_prices(ask: Ask) -> None:
    """Registered ones are what a call costs; an unknown one is an error that names the model."""
    with pytest.raises(Exception, match="nobody-knows-it"):
        litellm.completion_cost(model="nobody-knows-it", prompt="x")
    litellm.register_model(PRICES)
    assert litellm.cost_per_token("openai/gpt-4o", 1, 1) == (0.01, 0.02)
    response = ask()
    assert response._hidden_params["response_cost"] == pytest.approx(5 * 0.01 + 7 * 0.02)
    assert litellm.completion_cost(response, model="gpt-4o") == pytest.approx(0.19)
    litellm.model_cost.clear()
    assert litellm.completion_cost(ask()) == pytest.approx(3 * 2.5e-6 + 2 * 1.25e-6 + 7 * 10e-6)
    assert litellm.get_model_info("openai/gpt-4o")["cache_read_input_token_cost"] == 1.25e-6
    assert litellm.get_model_info("openai/gpt-4o")["max_output_tokens"] == 16384
    assert litellm.cost_per_token("openai/gpt-4o", 10, 1, None, 4) == (2e-05, 1e-05)
    with pytest.raises(Exception, match="nobody-knows-it"):
        litellm.cost_per_token("openai/nobody-knows-it", 1, 1)
    with pytest.raises(Exception, match="embedding"):
        litellm.cost_per_token("openai/text-embedding-3-small", 1, 1)
    litellm.register_model(PRICES)
    info = litellm.get_model_info("openai/gpt-4o")
    assert info["input_cost_per_token"] == 0.01
    assert info["litellm_provider"] == "openai"
    litellm.register_model({"openai/gpt-4o": {"max_output_tokens": 9}})
    assert litellm.get_max_tokens("openai/gpt-4o") == 9
    with pytest.raises(Exception, match="nobody-knows-it"):
        litellm.get_model_info("nobody-knows-it")


def test_the_table_of_models() -> None:
    """It is asked by name; a loop over it meets what was registered."""
    assert litellm.model_cost["gpt-4o"]["input_cost_per_token"] == 2.5e-06
    assert "openai/gpt-4o" in litellm.model_cost
    assert "nobody-knows-it" not in litellm.model_cost
    assert litellm.model_cost.get("nobody-knows-it", {}) == {}
    with pytest.raises(KeyError, match="nobody-knows-it"):
        litellm.model_cost["nobody-knows-it"]
    assert [*litellm.model_cost] == []
    assert [*litellm.register_model(PRICES)] == ["openai/gpt-4o"]
    assert litellm.model_cost["openai/gpt-4o"] == PRICES["openai/gpt-4o"]
