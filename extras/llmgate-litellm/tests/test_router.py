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
