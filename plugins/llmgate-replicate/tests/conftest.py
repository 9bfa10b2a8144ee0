"""What all tests of this plugin share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_replicate import Replicate

SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas.json").read_text())
MODELS = {f"acme/{name}": schema for name, schema in SCHEMAS.items()} | {
    "meta/meta-llama-3-8b-instruct": SCHEMAS["llama3"],
    "meta/meta-llama-3.1-405b-instruct": SCHEMAS["llama31"],
    "meta/llama-2-7b-chat": SCHEMAS["plain"],
    "mistralai/mistral-7b-instruct-v0.2": SCHEMAS["verbatim"],
    "google-deepmind/gemma-7b-it": SCHEMAS["plain"],
    "meta/llama-2-7b": SCHEMAS["plain"],
}
HI = [{"role": "user", "content": "Hi"}]

Sent = Callable[..., tuple[dict[str, Any], ProviderCall]]


@pytest.fixture
def schemas() -> dict[str, Any]:
    """Models' schemas as they publish them, by the name of their kind."""
    return SCHEMAS


@pytest.fixture
def asked() -> Sent:
    """The body that is sent for a call, and the call with its report."""

    def body_of(
        model: str, messages: Any = HI, **options: Any
    ) -> tuple[dict[str, Any], ProviderCall]:
        provider = Replicate(api_key="r8_test", schemas=MODELS)
        call = call_of(provider, {"model": model, "messages": messages, **options})
        return decode_json(first_request(provider.complete(call)).body), call

    return body_of


@pytest.fixture
def sent(asked: Sent) -> Sent:
    """The inputs that are sent for a call, and the call with its report."""

    def inputs_of(*arguments: Any, **options: Any) -> tuple[dict[str, Any], ProviderCall]:
        body, call = asked(*arguments, **options)
        return body["input"], call

    return inputs_of
