"""The router: names, entries, fallbacks."""

from __future__ import annotations

from typing import Any

import pytest

import llmgate_litellm as litellm

MESSAGES = [{"role": "user", "content": "Hi"}]


def entry(name: str, model: str, server: Any, **more: Any) -> dict[str, Any]:
    """One entry of a list of models."""
    parameters = {"model": model, "api_key": "k", "api_base": server.address, **more}
    return {"model_name": name, "litellm_params": parameters}


def test_entries_of_a_name_share_its_calls(server: Any) -> None:
    """A failed one is left for the other."""
    entries = [entry("main", "openai/a", server), entry("main", "openai/b", server)]
    router = litellm.Router(entries, num_retries=0)
    for _ in range(20):
        router.completion("main", MESSAGES, api_key=None)
    assert {body["model"] for body in server.bodies} == {"a", "b"}
    server((500, {"error": {"message": "no"}}), server.answer())
    assert router.completion("main", MESSAGES).choices[0].message.content == "Good day."


async def test_every_kind_of_call(server: Any) -> None:
    """Embeddings and texts that go on are spread in the same way."""
    router = litellm.Router([entry("main", "openai/a", server)], num_retries=0)
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    server({"object": "list", "data": [vector], "model": "a"})
    assert (await router.aembedding("main", "Hi")).data[0]["embedding"] == [0.5]
    assert router.embedding("main", ["Hi"]).data[0]["embedding"] == [0.5]
    server({"id": "c", "choices": [{"text": " day", "index": 0, "finish_reason": "stop"}]})
    assert router.text_completion("main", "Good").choices[0].text == " day"
    assert (await router.atext_completion("main", "Good")).choices[0].text == " day"
    assert server.paths == ["/v1/embeddings"] * 2 + ["/v1/completions"] * 2


async def test_fallbacks(server: Any) -> None:
    """Names that follow others."""
    entries = [entry("main", "openai/a", server), entry("spare", "openai/b", server)]
    router = litellm.Router(entries, fallbacks=[{"main": ["spare"]}], num_retries=0)
    server((500, {"error": {"message": "no"}}), server.answer())
    response = await router.acompletion("main", MESSAGES)
    assert response.choices[0].message.content == "Good day."
    assert [body["model"] for body in server.bodies] == ["a", "b"]


def test_a_name_that_is_not_listed(server: Any) -> None:
    """It says which are."""
    with pytest.raises(litellm.BadRequestError, match="there are main"):
        litellm.Router([entry("main", "openai/a", server)]).completion("other", MESSAGES)
