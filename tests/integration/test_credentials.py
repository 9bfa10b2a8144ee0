"""Credentials that a caller gives for one call, at every provider."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import MissingKeyError
from llmgate.hooks import AttemptStarted
from llmgate.provider.http import HttpRequest
from llmgate.testing.signing import FixedSigning
from llmgate_anthropic import Anthropic
from llmgate_azure import AzureOpenAI
from llmgate_cohere import Cohere
from llmgate_openai import OpenAI
from llmgate_replicate import Replicate
from tests.faults.calls import HI, Recorder
from tests.faults.dialects import DIALECTS

CREDENTIALS = ("Authorization", "X-API-Key", "API-Key")


@pytest.mark.parametrize("name", sorted(DIALECTS))
async def test_a_credential_that_the_caller_gave(name: str) -> None:
    """Every provider leaves it as it is, in whatever case it was written."""
    dialect = DIALECTS[name]
    given = {header: f"the caller's {header}" for header in CREDENTIALS}
    recorder = Recorder()
    with dialect.serve(dialect.reply()) as server:
        client = Client(providers={name: dialect.make(server.url)}, hooks=[recorder])
        async with client:
            await client.acompletion(dialect.model, HI, extra_headers=given)
    assert server.requests
    for seen in [*server.requests, *server.asides]:
        assert given == {header: seen.headers[header.lower()] for header in CREDENTIALS}
    started = recorder.all(AttemptStarted)
    assert {"***"} == {event.request.headers[header] for event in started for header in given}


OFFICIAL: list[tuple[Any, str, str]] = [
    (OpenAI, "Authorization", "https://api.openai.com/v1/x"),
    (Anthropic, "x-api-key", "https://api.anthropic.com/v1/x"),
    (Anthropic, "Authorization", "https://api.anthropic.com/v1/x"),
    (Cohere, "Authorization", "https://api.cohere.com/v2/x"),
    (Replicate, "Authorization", "https://api.replicate.com/v1/x"),
    (AzureOpenAI, "api-key", "https://r.openai.azure.com/x"),
    (AzureOpenAI, "Authorization", "https://r.openai.azure.com/x"),
]


@pytest.mark.parametrize(("make", "name", "url"), OFFICIAL)
async def test_a_credential_of_the_caller_is_enough(
    make: Any, name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider without a key of its own asks for none."""
    for variable in ("OPENAI", "ANTHROPIC", "CO", "COHERE", "AZURE_OPENAI"):
        monkeypatch.delenv(f"{variable}_API_KEY", raising=False)
    monkeypatch.delenv("REPLICATE_API_TOKEN", raising=False)
    is_azure = make is AzureOpenAI
    provider = make(base_url="https://r.openai.azure.com") if is_azure else make()
    with pytest.raises(MissingKeyError):
        await provider.authorize(HttpRequest("POST", url), FixedSigning())
    given = HttpRequest(
        "POST", url, {name.upper(): "mine"}, given_headers=frozenset({name.lower()})
    )
    assert {name.upper(): "mine"} == (await provider.authorize(given, FixedSigning())).headers
