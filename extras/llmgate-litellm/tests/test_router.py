"""The router: names, entries, fallbacks."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

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


def test_other_names_and_names_that_stand_for_many(server: Any) -> None:
    """An alias, plain or as a dictionary; a star takes what stands in its place."""
    entries = [entry("main", "openai/a", server), entry("team/*", "openai/*", server)]
    router = litellm.Router(
        entries, model_group_alias={"gpt-4": "main", "hidden": {"model": "main"}}, num_retries=0
    )
    for name in ("gpt-4", "hidden", "team/b"):
        router.completion(name, MESSAGES)
    assert ["a", "a", "b"] == [body["model"] for body in server.bodies]
    assert ["main", "team/*", "gpt-4", "hidden"] == router.get_model_names()
    with pytest.raises(litellm.BadRequestError, match="hidden"):
        router.completion("other", MESSAGES)


def test_entries_come_and_go(server: Any) -> None:
    """Lists are set anew, and one entry is added, as a dictionary or an object."""
    router = litellm.Router(num_retries=0)
    router.set_model_list([entry("main", "openai/a", server)])
    router.add_deployment(entry("more", "openai/b", server))
    router.add_deployment(Deployment(**entry("object", "openai/c", server)))
    for name in ("main", "more", "object"):
        router.completion(name, MESSAGES)
    assert ["a", "b", "c"] == [body["model"] for body in server.bodies]


class Params(BaseModel):
    """As litellm's own class for the parameters of an entry."""

    model: str
    api_key: str | None = None
    api_base: str | None = None


class Deployment(BaseModel):
    """Likewise, for an entry."""

    model_name: str
    litellm_params: Params


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"litellm_params": {"model": "openai/a"}}, r"model_list\[0\] has no model_name"),
        ({"model_name": "main"}, r"model_list\[0\] has no litellm_params"),
        ({"model_name": "main", "litellm_params": {}}, r"model_list\[0\] has no litellm_params"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(wrong: Any, reason: str) -> None:
    """When the router is made, and with its place."""
    with pytest.raises(ValueError, match=reason):
        litellm.Router([wrong])
    typed = {"model_name": "main", "litellm_params": Params(model="openai/a")}
    assert "openai/a" == litellm.Router([typed]).model_list[0]["litellm_params"]["model"]


async def test_responses_and_reranking(server: Any) -> None:
    """Spread in the same way."""
    router = litellm.Router([entry("main", "openai/a", server)], num_retries=0)
    assert "Good day." == router.responses("main", input="Hi").output_text
    assert "Good day." == (await router.aresponses("main", input="Hi")).output_text
    router = litellm.Router([entry("main", "vllm/a", server)], num_retries=0)
    server({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}]})
    assert 0 == router.rerank("main", "q", ["d"]).results[0]["index"]
    assert 0 == (await router.arerank("main", "q", ["d"])).results[0]["index"]
