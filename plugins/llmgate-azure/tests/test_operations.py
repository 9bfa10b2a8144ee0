"""Embeddings and lists of models: where they are asked for, and what becomes of the responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    AuthenticationError,
    InvalidRequestError,
    MissingKeyError,
    UnsupportedError,
)
from llmgate.provider import Embedder, ModelLister
from llmgate.provider.http import HttpResponse
from llmgate.testing import (
    CANARY,
    Canned,
    CannedTransport,
    EmbeddingConformance,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
    drive,
    with_transport,
)
from llmgate_azure import AzureOpenAI

_HOST = "https://example-resource.openai.azure.com"
_VERSION = "2024-10-21"


def _azure(path: str = "", version: str | None = None) -> AzureOpenAI:
    return AzureOpenAI(api_key="key", base_url=f"{_HOST}{path}", api_version=version)


def _response(payload: Any) -> HttpResponse:
    return HttpResponse(200, {}, json.dumps(payload).encode())


_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


def _recorded() -> Iterator[RecordedEmbeddings]:
    """Those of Azure, where they are beside the repository."""
    for path in sorted(_CORPUS.glob("azure-openai-embeddings-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, response = exchange["request"]["body"], exchange["response"]
        reply = HttpResponse(response["status"], {}, json.dumps(response["body"]).encode())
        failed = AuthenticationError if response["status"] == 401 else None
        tokens = None if failed else response["body"]["usage"]["prompt_tokens"]
        body = {**sent, "input": [sent["input"]]}
        yield RecordedEmbeddings(
            exchange["id"], sent, (reply,), body=body, prompt_tokens=tokens, error=failed
        )


class TestEmbeddings(EmbeddingConformance):
    """A deployment of one of OpenAI's models."""

    provider = AzureOpenAI(api_key=CANARY, base_url=_HOST)
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "ada", "input": ["a", "b"]},
            (
                _response(
                    {
                        "data": [{"index": n, "embedding": [0.5, n]} for n in (0, 1)],
                        "usage": {"prompt_tokens": 2, "total_tokens": 2},
                    }
                ),
            ),
            body={"model": "ada", "input": ["a", "b"], "encoding_format": "base64"},
            vectors=[[0.5, 0.0], [0.5, 1.0]],
            prompt_tokens=2,
        ),
        *_recorded(),
    )


class TestModels(ModelListConformance):
    """The models that can be deployed."""

    provider = AzureOpenAI(api_key=CANARY, base_url=_HOST)
    recordings = (
        RecordedModels(
            "one",
            (_response({"data": [{"id": "ada", "capabilities": {"embeddings": True}}]}),),
            models=[{"id": "ada", "capabilities": {"embedding": True}}],
        ),
    )


def test_a_call_has_azures_key() -> None:
    """Through a client, for both operations."""
    transport = CannedTransport(
        [
            Canned(body=b'{"data": [{"embedding": [0.5]}]}'),
            Canned(body=b'{"data": [{"id": "ada"}]}'),
        ]
    )

    async def scenario() -> None:
        provider = with_transport(_azure(), transport)
        async with Client(providers={"azure": provider}) as client:
            assert [[0.5]] == (await client.aembedding("azure/ada", "a")).vectors
            assert ["ada"] == [model.id for model in await client.alist_models("azure")]

    asyncio.run(scenario())
    assert ["key", "key"] == [request.headers["api-key"] for request in transport.requests]


@pytest.mark.parametrize(
    ("provider", "url", "asks_base64"),
    [
        (_azure(), f"{_HOST}/openai/v1/embeddings", True),
        (
            _azure("", _VERSION),
            f"{_HOST}/openai/deployments/my%20ada/embeddings?api-version={_VERSION}",
            True,
        ),
        (
            _azure(f"/openai/deployments/other/embeddings?api-version={_VERSION}"),
            f"{_HOST}/openai/deployments/other/embeddings?api-version={_VERSION}",
            True,
        ),
        (_azure("/models"), f"{_HOST}/models/embeddings?api-version=2024-05-01-preview", False),
        (_azure("/v1"), f"{_HOST}/v1/embeddings", False),
    ],
)
def test_embeddings_go_to_the_deployment(
    provider: AzureOpenAI, url: str, asks_base64: bool
) -> None:
    """In each family of addresses; only OpenAI's models are known to send float32."""
    call = EmbeddingCall("my ada", ["a"])
    driven = drive(provider.embed(call), [_response({"data": [{"embedding": [0.5]}]})])
    (request,) = driven.requests
    assert url == request.url
    body = json.loads(request.body)
    assert ["a"] == body["input"]
    assert asks_base64 == ("encoding_format" in body)
    assert ("other" if "other" in url else "my ada") == body["model"]
    assert ("model" in call.report) == ("other" in url)
    assert [[0.5]] == driven.result.vectors


def test_what_is_taken_depends_on_the_address() -> None:
    """OpenAI's models take OpenAI's parameters; those of others are not known."""
    openai, foundry = _azure(), _azure("/models")
    taken = openai.embedding_abilities("ada")
    assert {"dimensions", "encoding_format", "user"} == set(taken.parameters or ())
    assert 2048 == taken.max_batch
    assert AzureOpenAI(api_key="key").embedding_abilities("ada") == taken
    assert (None, 96) == (
        foundry.embedding_abilities("cohere").parameters,
        foundry.embedding_abilities("cohere").max_batch,
    )
    assert isinstance(openai, Embedder)
    assert isinstance(openai, ModelLister)


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        (_azure(), f"{_HOST}/openai/v1/models"),
        (_azure("", _VERSION), f"{_HOST}/openai/models?api-version={_VERSION}"),
        (_azure("/v1"), f"{_HOST}/v1/models"),
    ],
)
def test_base_models_are_listed_as_such(provider: AzureOpenAI, url: str) -> None:
    """A call names a deployment, and no base model."""
    entry = {
        "id": "text-embedding-3-small",
        "created_at": 1705968000,
        "capabilities": {"chat_completion": False, "embeddings": True, "inference": True},
        "lifecycle_status": "generally-available",
    }
    bare = {"id": "x", "created": 5, "created_at": 0}
    driven = drive(provider.list_models(), [_response({"data": [entry, bare]})])
    assert [url] == [request.url for request in driven.requests]
    model, other = driven.result
    assert ("text-embedding-3-small", 1705968000) == (model.id, model.created)
    assert {"chat": False, "embedding": True} == model.capabilities
    assert ("base", "generally-available") == (model.extra["kind"], model.extra["lifecycle_status"])
    assert (5, None) == (other.created, other.capabilities)


def test_an_address_without_a_list_says_so() -> None:
    """And one without an endpoint that it needs one; one that is not set up at all, a key."""
    with pytest.raises(UnsupportedError, match="azure does not list"):
        next(_azure("/models").list_models())
    with pytest.raises(InvalidRequestError, match="AZURE_OPENAI_ENDPOINT"):
        next(AzureOpenAI(api_key="key").list_models())
    with pytest.raises(MissingKeyError, match="AZURE_OPENAI_API_KEY"):
        next(AzureOpenAI().list_models())
