"""Embeddings and lists of models of both APIs: what is sent, and what becomes of the responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import DecodeError, NotFoundError
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
from llmgate_gemini import Gemini, VertexAI

GEMINI = Gemini(api_key=CANARY)
VERTEX = VertexAI(api_key=CANARY, project="p")
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


def response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def recorded(
    name: str, model: str, texts: list[str], tokens: int, **options: Any
) -> Iterator[RecordedEmbeddings]:
    """A recording, where it is beside the repository."""
    for path in CORPUS.glob(f"{name}-*.json"):
        exchange = json.loads(path.read_text("utf-8"))
        sent, reply = exchange["request"]["body"], exchange["response"]["body"]
        yield RecordedEmbeddings(
            exchange["id"],
            {"model": model, "input": texts, **options},
            (response(reply),),
            body=sent if "requests" in sent else None,
            vectors=[each["values"] for each in _embeddings(reply)],
            prompt_tokens=tokens,
        )


def _embeddings(reply: dict[str, Any]) -> list[dict[str, Any]]:
    if "predictions" in reply:
        return [each["embeddings"] for each in reply["predictions"]]
    found: list[dict[str, Any]] = reply.get("embeddings") or [reply["embedding"]]
    return found


VALUES = {"values": [0.5, 1.0]}
CUT = {"predictions": [{"embeddings": {**VALUES, "statistics": {"truncated": True}}}]}


class TestEmbeddings(EmbeddingConformance):
    """Those of the Developer API."""

    provider = GEMINI
    recordings = (
        *recorded(
            "gemini-batchembedcontents",
            "gemini-embedding-2",
            ["Ruby is a programmer's best friend"],
            8,
            dimensions=768,
        ),
        RecordedEmbeddings(
            "two",
            {"model": "gemini-embedding-001", "input": ["a", "b"], "input_type": "query"},
            (response({"embeddings": [VALUES, VALUES]}),),
            body={
                "requests": [
                    {
                        "model": "models/gemini-embedding-001",
                        "content": {"parts": [{"text": text}]},
                        "taskType": "RETRIEVAL_QUERY",
                    }
                    for text in "ab"
                ]
            },
            vectors=[[0.5, 1.0]] * 2,
        ),
        RecordedEmbeddings(
            "refused",
            {"model": "tunedModels/x", "input": ["a"]},
            (response({"error": {"code": 404, "status": "NOT_FOUND"}}, 404),),
            error=NotFoundError,
        ),
    )


class TestVertexEmbeddings(EmbeddingConformance):
    """Those of Vertex AI, by its two methods."""

    provider = VERTEX
    recordings = (
        *recorded("gemini-embedcontent-vertex", "gemini-embedding-2", ["Hello, world!"], 11),
        *recorded(
            "gemini-predict-vertex",
            "text-embedding-004",
            ["Ruby", "Python", "JavaScript"],
            4,
        ),
        RecordedEmbeddings(
            "predict",
            {
                "model": "gemini-embedding-001",
                "input": ["a"],
                "input_type": "CLUSTERING",
                "truncate": True,
            },
            (
                response(
                    {"predictions": [{"embeddings": {**VALUES, "statistics": {"truncated": True}}}]}
                ),
            ),
            body={
                "instances": [{"content": "a", "task_type": "CLUSTERING"}],
                "parameters": {"autoTruncate": True},
            },
            vectors=[[0.5, 1.0]],
        ),
        RecordedEmbeddings(
            "embedContent",
            {"model": "gemini-embedding-2", "input": ["a"], "dimensions": 2},
            (response({"embedding": VALUES, "truncated": True}),),
            body={
                "content": {"parts": [{"text": "a"}]},
                "embedContentConfig": {"outputDimensionality": 2, "autoTruncate": False},
            },
            vectors=[[0.5, 1.0]],
        ),
    )


MODEL = {
    "name": "models/gemini-x",
    "inputTokenLimit": 100,
    "outputTokenLimit": 10,
    "supportedGenerationMethods": ["generateContent", "new"],
    "thinking": True,
}
DESCRIBED = {
    "id": "gemini-x",
    "owned_by": "google",
    "context_window": 100,
    "max_output": 10,
    "capabilities": {"chat": True, "reasoning": True},
}


class TestModels(ModelListConformance):
    """Both APIs, page by page."""

    provider = GEMINI
    recordings = (
        RecordedModels(
            "pages",
            (
                response({"models": [MODEL], "nextPageToken": "a/b"}),
                response({"models": [{"name": "tunedModels/x"}]}),
            ),
            models=[DESCRIBED, {"id": "tunedModels/x"}],
        ),
        RecordedModels(
            "vertex",
            (response({"publisherModels": [{"name": "publishers/meta/models/x"}]}),),
            models=[{"id": "x", "owned_by": "meta", "capabilities": None}],
        ),
    )


def embedded(provider: Gemini | VertexAI, model: str, reply: Any, **parameters: Any) -> Any:
    given: Any = parameters
    call = EmbeddingCall(model, ["a"], given)
    driven = drive(provider.embed(call), [response(reply)])
    return driven.result, call, driven.requests[0]


@pytest.mark.parametrize(
    ("model", "reply"),
    [
        (
            "text-embedding-005",
            {"predictions": [{"embeddings": {**VALUES, "statistics": {"truncated": True}}}]},
        ),
        ("gemini-embedding-2", {"embedding": VALUES, "truncated": True}),
    ],
)
def test_truncated_texts_are_reported(model: str, reply: Any) -> None:
    """Where that was asked for."""
    _, call, _ = embedded(VERTEX, model, reply, truncate=True)
    assert ["input[0]"] == [deviation.path for deviation in call.report]


def test_what_is_beside_a_vector_is_kept() -> None:
    """And nothing is counted where nothing was."""
    found, _, _ = embedded(GEMINI, "x", {"embeddings": [{**VALUES, "shape": [2]}], "new": 1})
    assert ({"shape": [2]}, {"new": 1}, None) == (found.data[0].extra, found.extra, found.usage)


def test_methods_and_addresses() -> None:
    """Each model is asked by the method that it has."""
    _, _, request = embedded(GEMINI, "x", {"embeddings": [VALUES]})
    assert request.url.endswith("/v1beta/models/x:batchEmbedContents")
    _, _, request = embedded(VERTEX, "gemini-embedding-2", {"embedding": VALUES})
    assert request.url.endswith("/publishers/google/models/gemini-embedding-2:embedContent")


def test_abilities() -> None:
    """One text a request where there is no batch, and tasks in the text where they are there."""
    assert 100 == GEMINI.embedding_abilities("gemini-embedding-001").max_batch
    one, many = (
        VERTEX.embedding_abilities(m) for m in ("gemini-embedding-001", "text-embedding-005")
    )
    assert (1, 250) == (one.max_batch, many.max_batch)


@pytest.mark.parametrize("payload", [{"embeddings": []}, {"error": {"code": 404}}, [], {}])
def test_what_are_no_embeddings(payload: Any) -> None:
    """They are refused."""
    with pytest.raises((DecodeError, NotFoundError)):
        embedded(GEMINI, "x", payload)


NO_LISTS: list[Any] = [{}, {"error": {"code": 404}}, {"models": 5}, {"models": [{}]}]


@pytest.mark.parametrize("payload", NO_LISTS)
def test_what_is_no_list(payload: Any) -> None:
    """It is refused."""
    with pytest.raises((DecodeError, NotFoundError)):
        drive(GEMINI.list_models(), [response(payload)])


def test_a_list_without_an_end() -> None:
    """Its pages are not followed for ever."""
    page = response({"models": [], "nextPageToken": "x"})
    with pytest.raises(DecodeError, match="do not end"):
        drive(GEMINI.list_models(), [page] * 200)


def test_pages() -> None:
    """Each is asked for by its token, at the address of the API."""
    pages = [response({"models": [], "nextPageToken": "a/b"}), response({"models": []})]
    first, second = drive(GEMINI.list_models(), pages).requests
    base = "https://generativelanguage.googleapis.com/v1beta/models"
    assert (f"{base}?pageSize=1000", f"{base}?pageSize=1000&pageToken=a%2Fb") == (
        first.url,
        second.url,
    )
    vertex = drive(VERTEX.list_models(), [response({"publisherModels": []})]).requests[0]
    assert vertex.url.endswith("/v1beta1/publishers/google/models?pageSize=100")
    proxied = Gemini(api_key="k", base_url="https://a.example?x=1")
    (request,) = drive(proxied.list_models(), [response({"models": []})]).requests
    assert "https://a.example/v1beta/models?x=1&pageSize=1000" == request.url


async def test_through_a_client() -> None:
    """The key, a batch for each hundred, and a task that goes into the text."""
    vectors = {"embeddings": [VALUES] * 100}
    transport = CannedTransport(
        [
            Canned(body=json.dumps(vectors).encode()),
            Canned(body=json.dumps({"models": [MODEL]}).encode()),
        ]
    )
    provider = with_transport(Gemini(api_key="key"), transport)
    async with Client(providers={"gemini": provider}) as client:
        found = await client.aembedding(
            "gemini/gemini-embedding-2", ["a"] * 100, input_type="query"
        )
        assert 100 == len(found.vectors)
        assert "input_type" in found.report
        assert ["gemini-x"] == [model.id for model in await client.alist_models("gemini")]
    assert ["key", "key"] == [request.headers["x-goog-api-key"] for request in transport.requests]
