"""Any endpoint that a user pastes leads to the right address."""

from __future__ import annotations

import pytest

from llmgate.errors import InvalidRequestError
from llmgate_azure.endpoint import DEFAULT_VERSION, endpoint_of

HOST = "https://mine.openai.azure.com"
DATED = f"{HOST}/openai/deployments/gpt/chat/completions?api-version="


@pytest.mark.parametrize(
    ("address", "version", "url"),
    [
        (HOST, None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/", None, f"{HOST}/openai/v1/chat/completions"),
        (HOST, "v1", f"{HOST}/openai/v1/chat/completions"),
        (HOST, "preview", f"{HOST}/openai/v1/chat/completions?api-version=preview"),
        (HOST, "2024-10-21", f"{DATED}2024-10-21"),
        (f"{HOST}/openai", None, f"{DATED}{DEFAULT_VERSION}"),
        (f"{HOST}//openai", "2023-05-15", f"{DATED}2023-05-15"),
        (f"{HOST}/openai/deployments", "2024-06-01", f"{DATED}2024-06-01"),
        (f"{HOST}/openai/deployments/gpt", "2024-06-01", f"{DATED}2024-06-01"),
        (f"{DATED}2024-02-01", None, f"{DATED}2024-02-01"),
        (f"{DATED}2024-02-01", "2024-10-21", f"{DATED}2024-10-21"),
        (f"{HOST}/openai/v1", None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/chat/completions", None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai", "v1", f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/responses?api-version=2024-10-21", None, f"{DATED}2024-10-21"),
        (f"{HOST}/openai/responses", None, f"{DATED}{DEFAULT_VERSION}"),
        (f"{HOST}/openai/models?api-version=2024-10-21", None, f"{DATED}2024-10-21"),
        (f"{HOST}/openai/deployments?api-version=2024-10-21", None, f"{DATED}2024-10-21"),
        (
            f"{HOST}/openai/deployments/gpt/completions?api-version=2024-06-01",
            None,
            f"{DATED}2024-06-01",
        ),
        (
            f"{HOST}/openai/deployments/gpt/embeddings?api-version=2024-06-01",
            None,
            f"{DATED}2024-06-01",
        ),
        (
            f"{HOST}/openai/deployments/gpt/audio/transcriptions?api-version=2024-06-01",
            None,
            f"{DATED}2024-06-01",
        ),
        (f"{HOST}/openai/v1/responses", None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/models", None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/", None, f"{HOST}/openai/v1/chat/completions"),
        (
            "https://mine.services.ai.azure.com/api/projects/team",
            None,
            "https://mine.services.ai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://mine.services.ai.azure.com/api/projects/team/openai/v1/responses",
            None,
            "https://mine.services.ai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://mine.services.ai.azure.com/api/projects/team",
            "2024-10-21",
            "https://mine.services.ai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://mine.services.ai.azure.com/models",
            None,
            "https://mine.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
        (
            "https://mine.eastus.models.ai.azure.com",
            None,
            "https://mine.eastus.models.ai.azure.com/v1/chat/completions",
        ),
        (
            "https://gateway.example.com/team/openai",
            "2024-10-21",
            "https://gateway.example.com/team/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_an_endpoint_leads_to_its_address(address: str, version: str | None, url: str) -> None:
    """What the portal shows is enough, in whichever form it was copied."""
    assert url == endpoint_of(address, version).chat_url("gpt")


def test_a_deployment_that_the_address_names_wins() -> None:
    """The deployment of a pasted URL is the one that is called."""
    endpoint = endpoint_of(f"{HOST}/openai/deployments/my%20own", "2024-10-21")
    assert "my own" == endpoint.deployment
    assert "/deployments/my%20own/" in endpoint.chat_url("another")


def test_what_else_an_address_asks_for_stays_in_it() -> None:
    """Gateways tell their users apart by it."""
    endpoint = endpoint_of(f"{HOST}/openai?tenant=a%20b&api-version=2024-10-21&x", None)
    assert f"{DATED}2024-10-21&tenant=a%20b&x" == endpoint.chat_url("gpt")
    assert f"{HOST}/openai/v1/models?tenant=a" == endpoint_of(f"{HOST}?tenant=a", None).models_url()


def test_a_deployment_is_one_segment_of_the_path() -> None:
    """A name with a slash cannot lead elsewhere."""
    assert "/deployments/a%2F..%2Fb/" in endpoint_of(HOST, "2024-10-21").chat_url("a/../b")


@pytest.mark.parametrize(
    ("address", "version", "streams"),
    [
        (HOST, None, True),
        (HOST, "2024-10-21", True),
        (HOST, "2024-06-01", False),
        (f"{HOST}/openai", None, True),
        ("https://mine.services.ai.azure.com/models", None, True),
    ],
)
def test_old_versions_are_not_asked_for_usage_in_streams(
    address: str, version: str | None, streams: bool
) -> None:
    """Versions before September 2024 answer 400 to stream_options."""
    assert streams == endpoint_of(address, version).streams_usage


@pytest.mark.parametrize(
    ("address", "version", "path"),
    [
        (f"{HOST}/openai/v1", "2024-10-21", "api_version"),
        (HOST, "2024-10-21&x=1", "api_version"),
        ("ftp://mine.openai.azure.com", None, "base_url"),
        ("https://mine.services.ai.azure.com/anthropic/v1/messages", None, "base_url"),
        ("https://", None, "base_url"),
        ("https://mine.openai.azure.com/\nx", None, "base_url"),
    ],
)
def test_a_wrong_endpoint_is_refused(address: str, version: str | None, path: str) -> None:
    """The error names the argument that is wrong."""
    with pytest.raises(InvalidRequestError) as caught:
        endpoint_of(address, version)
    assert path == caught.value.path
