"""Chat calls: what is sent, and what comes back."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_litellm as litellm
from llmgate_litellm.caching.caching import Cache

Ask = Callable[..., Any]


class City(BaseModel):
    """What a model is asked for."""

    name: str


def test_a_response_reads_as_litellms(ask: Ask) -> None:
    """By attribute, by key, with ``get``, and in its dump."""
    response = ask()
    assert issubclass(type(response), litellm.ModelResponse)
    assert response.choices[0].message.content == "Good day."
    assert response["choices"][0]["message"]["content"] == "Good day."
    assert response.get("usage").prompt_tokens == 5
    assert response.usage.cache_read_input_tokens == 2
    assert response.model == "gpt-4o-2024-08-06"
    assert response.json()["choices"][0]["message"]["content"] == "Good day."
    assert response.model_extra["usage"].total_tokens == 12
    assert response._hidden_params["custom_llm_provider"] == "openai"
    assert response._response_ms > 0
    assert "_hidden_params" not in response.model_dump()


def test_a_response_can_be_changed_copied_and_pickled(ask: Ask) -> None:
    """As frameworks do."""
    response = ask()
    again = pickle.loads(pickle.dumps(response))  # noqa: S301 - its own bytes
    assert again == response == copy.deepcopy(response)
    response.choices[0].message.content = "x"
    response.choices[0].message["role"] = "y"
    response.usage = {}
    response.mark = 1
    assert response.choices[0].message.content == "x"
    assert response.model_dump()["usage"] == {}
    assert response["mark"] == 1


def test_optional_fields_without_a_value_are_absent(ask: Ask) -> None:
    """``getattr`` with a default reads them; by key they are an AttributeError, too."""
    message = ask().choices[0].message
    assert getattr(message, "reasoning_content", None) is None
    assert message.get("refusal") is None
    with pytest.raises(AttributeError):
        _ = message.reasoning_content
    with pytest.raises(AttributeError):
        _ = message["audio"]
    assert message.tool_calls is None


def test_reasoning_and_calls(ask: Ask, server: Any) -> None:
    """What a model thought, and what it calls."""
    whole = server.answer(None, [("weather", {"city": "Oslo"})])
    whole["choices"][0]["message"]["reasoning_content"] = "Hm."
    server(whole)
    response = ask(tools=[{"type": "function", "function": {"name": "weather"}}])
    choice = response.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.reasoning_content == "Hm."
    call = choice.message.tool_calls[0]
    assert (call.id, call.function.name, call["function"]["arguments"]) == (
        "call_0",
        "weather",
        '{"city": "Oslo"}',
    )
    assert isinstance(call, litellm.ChatCompletionMessageToolCall)


@pytest.mark.parametrize("form", ["object", "dump"])
def test_a_message_goes_back(ask: Ask, server: Any, form: str) -> None:
    """As an object and as its dump; fields that are None are not sent."""
    server(server.answer(None, [("weather", {"city": "Oslo"})]))
    tools = [{"type": "function", "function": {"name": "weather"}}]
    message = ask(tools=tools).choices[0].message
    back = message if form == "object" else message.model_dump()
    result = {"role": "tool", "tool_call_id": "call_0", "content": "sunny"}
    ask(messages=[{"role": "user", "content": "Hi"}, back, result], tools=tools)
    sent = server.body["messages"][1]
    assert sent["tool_calls"][0]["function"]["name"] == "weather"
    assert {"refusal", "function_call", "provider_specific_fields"}.isdisjoint(sent)


def test_what_is_sent(ask: Ask, server: Any) -> None:
    """Parameters of OpenAI's as they are, unknown ones too; the façade's own not at all."""
    ask(
        temperature=0.5,
        top_k=5,
        seed=None,
        metadata={"user": "x"},
        num_retries=1,
        drop_params=True,
        fallbacks=None,
        caching=True,
        custom_llm_provider=None,
        headers={"X-One": "1"},
        extra_headers={"X-Two": "2"},
        extra_body={"deep": {"er": 1}},
        request_timeout=5,
        api_version="2026-01-01",
        _skip_mcp_handler=True,
    )
    assert server.body == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "top_k": 5,
        "deep": {"er": 1},
    }
    assert server.headers[-1]["x-one"] == "1"
    assert server.headers[-1]["x-two"] == "2"
    assert server.headers[-1]["authorization"] == "Bearer k"


def test_a_provider_beside_the_model(ask: Ask, server: Any) -> None:
    """``custom_llm_provider`` is the prefix."""
    ask(model="some/model", custom_llm_provider="openai")
    assert server.body["model"] == "some/model"


def test_azure_has_versions(ask: Ask, server: Any) -> None:
    """Its address has the version, which others are not sent."""
    azure = server.address.removesuffix("/v1")
    ask(model="azure/deployed", api_base=azure, api_version="2024-10-21")
    assert server.paths[-1].endswith("/deployed/chat/completions?api-version=2024-10-21")


@pytest.mark.parametrize("prefix", ["hosted_vllm", "together_ai", "lm_studio", "groq"])
def test_a_compatible_host_at_an_address(ask: Ask, server: Any, prefix: str) -> None:
    """It is reached also where no plugin has its name."""
    assert ask(model=f"{prefix}/org/model").choices[0].message.content == "Good day."
    assert server.body["model"] == "org/model"


def test_a_class_as_response_format(ask: Ask, server: Any) -> None:
    """It is sent as a schema."""
    server(server.answer('{"name": "Oslo"}'))
    response = ask(response_format=City)
    assert response.choices[0].message.content == '{"name": "Oslo"}'
    assert server.body["response_format"]["json_schema"]["schema"]["required"] == ["name"]
    server(server.answer('{"town": "Oslo"}'))  # whether it fits is the caller's to find out
    assert ask(response_format=City).choices[0].message.content == '{"town": "Oslo"}'


def test_settings_of_the_module(ask: Ask, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold where a call says nothing."""
    monkeypatch.setattr(litellm, "api_key", "module's")
    monkeypatch.setattr(litellm, "api_base", server.address)
    ask(api_key=None, api_base=None)
    assert server.headers[-1]["authorization"] == "Bearer module's"


@pytest.mark.parametrize(
    ("arguments", "requests"), [({}, 3), ({"num_retries": 0}, 1), ({"max_retries": 1}, 2)]
)
def test_retries(ask: Ask, server: Any, arguments: dict[str, Any], requests: int) -> None:
    """Two where nothing is said; as many as are asked for."""
    server((500, {"error": {"message": "no"}}))
    with pytest.raises(litellm.InternalServerError):
        ask(**arguments)
    assert len(server.bodies) == requests


def test_retries_of_the_module(ask: Ask, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``litellm.num_retries`` holds where a call says nothing."""
    monkeypatch.setattr(litellm, "num_retries", 0)
    server((500, {"error": {"message": "no"}}))
    with pytest.raises(litellm.InternalServerError):
        ask()
    assert len(server.bodies) == 1


def test_fallbacks(ask: Ask, server: Any) -> None:
    """The next model is asked after the first's error; when all fail, the first's is raised."""
    server((404, {"error": {"message": "no"}}), server.answer())
    assert ask(fallbacks=["openai/other"]).choices[0].message.content == "Good day."
    assert [body["model"] for body in server.bodies] == ["gpt-4o", "other"]
    server((404, {"error": {"message": "first"}}), (429, {"error": {"message": "second"}}))
    with pytest.raises(litellm.NotFoundError, match="first"):
        ask(fallbacks=[{"model": "openai/other"}], num_retries=0)


@pytest.mark.parametrize("timeout", [0.2, "0.2"])
def test_a_time_limit(server: Any, timeout: Any) -> None:
    """A number, or a text, as frameworks hand on what the environment says."""
    server.pause = 1.0
    with pytest.raises(litellm.Timeout) as raised:
        litellm.completion(
            "openai/x",
            [{"role": "user", "content": "Hi"}],
            api_key="k",
            api_base=server.address,
            timeout=timeout,
        )
    assert raised.value.status_code == 408


def test_a_cache(ask: Ask, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal calls are made once; each hit is a response of its own."""
    monkeypatch.setattr(litellm, "cache", Cache())
    first, second = ask(), ask()
    assert len(server.bodies) == 1
    assert first.model_dump() == second.model_dump()
    assert first is not second
    assert second._hidden_params["cache_hit"]
    ask(cache={"no-cache": True})
    ask(temperature=0.1)
    assert len(server.bodies) == 3
    with pytest.raises(NotImplementedError, match="redis"):
        Cache(type="redis")


def test_batch_completion(server: Any) -> None:
    """In order; a failed one is its exception."""
    conversations: list[Any] = [
        [{"role": "user", "content": "Hi"}],
        [{"role": "nobody", "content": 1}],
    ]
    good, bad = litellm.batch_completion(
        "openai/x", conversations, api_key="k", api_base=server.address
    )
    assert good.choices[0].message.content == "Good day."
    assert isinstance(bad, litellm.BadRequestError)


async def test_async(server: Any) -> None:
    """The same, awaited."""
    response: Any = await litellm.acompletion(
        model="openai/x",
        messages=[{"role": "user", "content": "Hi"}],
        api_key="k",
        base_url=server.address,
    )
    assert response.choices[0].message.content == "Good day."


def test_embedding(server: Any) -> None:
    """Vectors are plain dictionaries."""
    vector = {"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}
    server(
        {
            "object": "list",
            "data": [vector],
            "model": "e",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        }
    )
    answer = litellm.embedding("openai/e", "Hi", api_key="k", api_base=server.address, dimensions=2)
    assert answer.data == [{"embedding": [0.5, 1.0], "index": 0, "object": "embedding"}]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3
    assert server.body["dimensions"] == 2

    again = asyncio.run(
        litellm.aembedding("openai/e", ["Hi"], api_key="k", api_base=server.address)
    )
    assert again.data == answer.data
    assert server.body["input"] == ["Hi"]


def test_rerank(server: Any) -> None:
    """Results are plain dictionaries with their documents, and the usage has Cohere's names."""
    results = [{"index": 0, "relevance_score": 0.25}, {"index": 1, "relevance_score": 0.5}]
    server({"id": "r", "results": results, "usage": {"total_tokens": 3}})
    host: Any = {"api_key": "k", "api_base": server.address}
    answer = litellm.rerank("hosted_vllm/r", "q", ["a", "b"], top_n=1, x_option=5, **host)
    assert answer.results == [
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
    ]
    assert answer.meta == {"billed_units": {"total_tokens": 3}, "tokens": {"input_tokens": 3}}
    assert server.body == {
        "model": "r",
        "query": "q",
        "documents": ["a", "b"],
        "top_n": 1,
        "x_option": 5,
    }
    server({"results": results})
    plain = asyncio.run(
        litellm.arerank("hosted_vllm/r", "q", ["a", "b"], return_documents=False, **host)
    )
    assert plain.results == results[::-1]
    assert plain.meta is None
    with pytest.raises(litellm.BadRequestError):
        litellm.rerank("hosted_vllm/r", "q", [], **host)
    with pytest.raises(litellm.BadRequestError):
        asyncio.run(litellm.arerank("hosted_vllm/r", "q", [], **host))


def test_text_completion(server: Any) -> None:
    """It goes to the other route."""
    server(
        {
            "id": "cmpl-1",
            "choices": [{"text": " day", "index": 0, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    )
    answer = litellm.text_completion(
        "Good", "openai/x", api_key="k", api_base=server.address, max_tokens=3
    )
    assert answer.choices[0].text == " day"
    assert server.paths == ["/v1/completions"]
    assert server.body == {"model": "x", "prompt": "Good", "max_tokens": 3}

    again = asyncio.run(
        litellm.atext_completion("Good", "openai/x", api_key="k", api_base=server.address)
    )
    assert again.choices[0].text == " day"
    host: dict[str, Any] = {"api_key": "k", "api_base": server.address}
    with pytest.raises(litellm.BadRequestError, match="has no /completions"):
        litellm.text_completion("Good", "anthropic/x", max_tokens=3, **host)
    with pytest.raises(NotImplementedError, match="stream=True"):
        litellm.text_completion("Good", "openai/x", stream=True, **host)
    assert len(server.bodies) == 2


def test_responses(server: Any) -> None:
    """The Responses API's shape, made from a chat call."""
    server(server.answer("Hi.", [("weather", {})]))
    answer = litellm.responses(
        [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "openai/x",
        instructions="Be brief.",
        max_output_tokens=9,
        tools=[{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
        api_key="k",
        api_base=server.address,
    )
    assert answer.output_text == "Hi."
    assert answer.output[0].content[0].text == "Hi."
    assert answer.output[1].name == "weather"
    assert (answer.status, answer.usage.input_tokens) == ("completed", 5)
    assert [message["role"] for message in server.body["messages"]] == ["system", "user"]
    with pytest.raises(NotImplementedError, match="previous_response_id"):
        litellm.responses("Hi", "openai/x", previous_response_id="r")


def test_what_cannot_be_had_says_so() -> None:
    """And a name that is nobody's is missing."""
    with pytest.raises(NotImplementedError, match="transcription"):
        litellm.transcription()  # type: ignore[attr-defined] # pyright: ignore
    assert not hasattr(litellm, "no_such_name")
