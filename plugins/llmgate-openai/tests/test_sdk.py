"""OpenAI's own package, pointed at a loopback server, sends what this plugin sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI as TheirClient
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from llmgate import completion
from tests.sdk import OPENAI_ANSWER, OPENAI_CALLS, SdkServer


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback."""
    with SdkServer(OPENAI_ANSWER) as made:
        yield made


@pytest.mark.parametrize("name", OPENAI_CALLS)
def test_both_send_the_same(name: str, server: SdkServer) -> None:
    """The address, the key's header and the body are those of the vendor's own client."""
    arguments: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Hello"}],
        **OPENAI_CALLS[name],
    }
    messages = arguments.pop("messages")
    settings: dict[str, Any] = {"api_key": "key-1234567890", "base_url": f"{server.url}/v1"}
    server.asked.clear()
    answer = completion("openai/gpt-4o", messages, stream=False, **settings, **arguments)
    with TheirClient(**settings, max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o", messages=messages, **arguments)
    ours, theirs = server.asked
    assert (theirs.path, theirs.json) == (ours.path, ours.json)
    assert theirs.headers["authorization"] == ours.headers["authorization"]
    assert [] == list(answer.report)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(ours.json)
