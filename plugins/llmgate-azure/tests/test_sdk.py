"""OpenAI's own package, pointed at a loopback server, sends what this plugin sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import AzureOpenAI as TheirClient
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from llmgate import completion
from tests.sdk import LEGACY_CALLS, OPENAI_ANSWER, OPENAI_CALLS, SdkServer

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
KEY = "key-1234567890"
VERSION = "2024-10-21"
CALLS = OPENAI_CALLS | LEGACY_CALLS


@pytest.fixture
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(OPENAI_ANSWER) as made:
        yield made


@pytest.mark.parametrize("name", CALLS)
def test_both_send_the_same(name: str, server: SdkServer) -> None:
    """The address, the key's header and the body are those of the vendor's own client."""
    arguments: dict[str, Any] = {"messages": HELLO, **CALLS[name]}
    messages = arguments.pop("messages")
    settings: dict[str, Any] = {"api_key": KEY, "api_version": VERSION, "max_retries": 0}
    answer = completion(
        "azure/my-gpt", messages, stream=False, base_url=server.url, **settings, **arguments
    )
    with TheirClient(azure_endpoint=server.url, **settings) as client:
        client.chat.completions.create(model="my-gpt", messages=messages, **arguments)
    ours, theirs = server.asked
    assert (theirs.path, theirs.json) == (ours.path, ours.json)
    assert theirs.headers["api-key"] == ours.headers["api-key"]
    assert [] == list(answer.report)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(ours.json)


def test_azure_true_sends_there(server: SdkServer) -> None:
    """A model of OpenAI's with azure=True goes to Azure, as in the early form of this API."""
    options: dict[str, Any] = {"azure": True, "api_key": KEY, "api_base": server.url}
    answer = completion("gpt-4o", HELLO, stream=False, **options)
    assert "azure" == answer.provider
    (asked,) = server.asked
    assert "/openai/v1/chat/completions" == asked.path
    assert (KEY, "gpt-4o") == (asked.headers["api-key"], asked.json["model"])
