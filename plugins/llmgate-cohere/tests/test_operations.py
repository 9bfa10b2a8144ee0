"""Embeddings and the list of models: the kit, recorded responses, and what is sent."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    AuthenticationError,
    DecodeError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    UnsupportedError,
)
from llmgate.provider import Rule
from llmgate.provider.http import HttpRequest, HttpResponse
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
from llmgate_cohere import Cohere

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"
_MODEL = "embed-v4.0"
_PROVIDER = Cohere(api_key=CANARY)


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _vectors(vectors: Any, meta: Any = None, **more: Any) -> dict[str, Any]:
    """A response of Cohere's."""
    counted = {"billed_units": {"input_tokens": 2.0}} if meta is None else meta
    kind = {"response_type": "embeddings_by_type"}
    return {"id": "e1", "embeddings": vectors, "texts": ["a"], "meta": counted, **kind, **more}


def _base64(*numbers: float) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _recorded() -> list[RecordedEmbeddings]:
    """Those of Cohere, where they are beside the repository."""
    found = list[RecordedEmbeddings]()
    for path in sorted(_CORPUS.glob("cohere-v2-embed-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, response = exchange["request"]["body"], exchange["response"]
        body = response["body"]
        call = {"model": sent["model"], "input": sent["texts"], "input_type": sent["input_type"]}
        is_error = response["status"] != 200
        found.append(
            RecordedEmbeddings(
                exchange["id"],
                call,
                (_response(body, response["status"]),),
                vectors=None if is_error else body["embeddings"]["float"],
                prompt_tokens=None if is_error else body["meta"]["billed_units"]["input_tokens"],
                error=NotFoundError if is_error else None,
            )
        )
    return found


class TestEmbeddings(EmbeddingConformance):
    """Cohere's embeddings."""

    provider = _PROVIDER
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": _MODEL, "input": ["a", "b"], "dimensions": 256, "input_type": "query"},
            (_response(_vectors({"float": [[0.5, 1.0], [0.25, -1]]})),),
            body={
                "model": _MODEL,
                "texts": ["a", "b"],
                "input_type": "search_query",
                "embedding_types": ["float"],
                "truncate": "NONE",
                "output_dimension": 256,
            },
            vectors=[[0.5, 1.0], [0.25, -1.0]],
            prompt_tokens=2,
        ),
        RecordedEmbeddings(
            "base64",
            {"model": _MODEL, "input": "a", "encoding_format": "base64", "truncate": True},
            (_response(_vectors({"base64": [_base64(0.5, 1.0)]})),),
            body={
                "model": _MODEL,
                "texts": ["a"],
                "input_type": "search_document",
                "embedding_types": ["base64"],
                "truncate": "END",
            },
            vectors=[[0.5, 1.0]],
        ),
        RecordedEmbeddings(
            "older",
            {"model": _MODEL, "input": "a", "truncate": "start", "input_type": "clustering"},
            (_response(_vectors([[1, 2]])),),
            body={
                "model": _MODEL,
                "texts": ["a"],
                "input_type": "clustering",
                "embedding_types": ["float"],
                "truncate": "START",
            },
            vectors=[[1.0, 2.0]],
        ),
        *_recorded(),
    )


def _embed(payload: Any, **options: Any) -> tuple[Any, EmbeddingCall]:
    call = EmbeddingCall(_MODEL, ["a"], **options)
    return drive(_PROVIDER.embed(call), [_response(payload)]).result, call


def test_what_is_required_is_given_and_reported() -> None:
    """A purpose, and that a text which is too long is an error; what the caller says counts."""
    _, call = _embed(_vectors({"float": [[1]]}))
    assert [("defaulted", "input_type"), ("injected", "truncate")] == [
        (each.kind, each.path) for each in call.report
    ]
    body = {"input_type": "classification", "truncate": "END", "priority": 1, "model": "other"}
    found, call = _embed(_vectors({"float": [[1]]}), extra_body=body)
    sent = json.loads(next(_PROVIDER.embed(call)).body)
    assert {"texts": ["a"], "embedding_types": ["float"], **body} == sent
    assert not call.report
    assert found.model == "other"


@pytest.mark.parametrize(
    ("meta", "prompt"),
    [
        ({"billed_units": {"input_tokens": 2, "image_tokens": 3}}, 5),
        ({"billed_units": {"images": 1}, "tokens": {"input_tokens": 4.0}}, 4),
        ({"tokens": {"input_tokens": "4"}}, 4),
        ({"billed_units": {"images": 1}}, None),
        ({}, None),
        (5, None),
    ],
)
def test_usage(meta: Any, prompt: int | None) -> None:
    """What was billed, or else what was read; None where neither is said."""
    found, _ = _embed(_vectors({"float": [[1]]}, meta))
    assert prompt == (found.usage.prompt_tokens if found.usage else None)
    assert found.usage is None or found.usage.total_tokens == prompt


def test_what_else_was_asked_for_is_kept() -> None:
    """Other types of vectors, the id and the warnings stand beside the vectors."""
    payload = _vectors({"int8": [[1, -2]], "float": [[0.5]]}, mood="good")
    found, _ = _embed(payload)
    assert [[0.5]] == found.vectors
    assert {"int8": [[1, -2]]} == found.extra["embeddings"]
    assert ("e1", "good") == (found.extra["id"], found.extra["mood"])
    assert "texts" not in found.extra
    assert [[1.0, -2.0]] == _embed(_vectors({"int8": [[1, -2]]}))[0].vectors


@pytest.mark.parametrize(
    "payload",
    [{}, [], {"embeddings": 5}, {"embeddings": {}}, _vectors({"float": [[]]}), _vectors([["a"]])],
)
def test_what_holds_no_vectors_is_refused(payload: Any) -> None:
    """The error has the body."""
    with pytest.raises(DecodeError, match="holds no embeddings") as caught:
        _embed(payload)
    assert json.dumps(payload).encode() == caught.value.frame


def test_an_error_with_status_200_is_raised() -> None:
    """As for chat."""
    with pytest.raises(ProviderError, match="too bad") as caught:
        _embed({"message": "too bad"})
    assert not caught.value.in_stream


def test_what_cohere_takes_depends_on_the_model() -> None:
    """Models before the fourth have vectors of one length."""
    newer = _PROVIDER.embedding_abilities(_MODEL)
    assert (96, False) == (newer.max_batch, newer.takes_tokens)
    for model in ("embed-english-v3.0", "embed-multilingual-light-v3.0", "embed-english-v2.0"):
        parameters = _PROVIDER.embedding_abilities(model).parameters
        assert parameters is not None
        assert isinstance(parameters["dimensions"], Rule)


# --- models -------------------------------------------------------------------------------

_PAGE = {
    "models": [
        {
            "name": "command-a-03-2025",
            "endpoints": ["chat"],
            "context_length": 256000.0,
            "features": ["tools", "json_mode"],
            "finetuned": False,
        },
        {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 0},
    ],
    "next_page_token": "a/b c",
}


class TestModels(ModelListConformance):
    """Cohere's list."""

    provider = _PROVIDER
    recordings = (
        RecordedModels(
            "two pages",
            (_response(_PAGE), _response({"models": [{"name": "rerank-v4.0"}]})),
            models=[
                {
                    "id": "command-a-03-2025",
                    "owned_by": "cohere",
                    "context_window": 256000,
                    "capabilities": {
                        "chat": True,
                        "embedding": False,
                        "completion": False,
                        "rerank": False,
                        "tools": True,
                    },
                    "finetuned": False,
                    "features": ["tools", "json_mode"],
                },
                {"id": "embed-v4.0", "context_window": None},
                {"id": "rerank-v4.0", "capabilities": None},
            ],
        ),
        RecordedModels("busy", (_response({}, 429),), error=RateLimitError),
    )


def test_pages_are_followed_to_the_end() -> None:
    """A token is part of the next address; one that comes again ends the list with an error."""
    flow = drive(_PROVIDER.list_models(), [_response(_PAGE), _response({"models": []})])
    assert [
        "https://api.cohere.com/v1/models?page_size=1000",
        "https://api.cohere.com/v1/models?page_size=1000&page_token=a%2Fb%20c",
    ] == [request.url for request in flow.requests]
    with pytest.raises(DecodeError, match="do not end"):
        drive(_PROVIDER.list_models(), [_response(_PAGE)] * 2)
    with_query = Cohere(base_url="http://127.0.0.1:8000?tier=1")
    assert next(with_query.list_models()).url.endswith("/v1/models?tier=1&page_size=1000")


_NO_LISTS: list[Any] = [
    [],
    {},
    {"models": 5},
    {"models": [{}]},
    {"models": [], "next_page_token": 5},
]


@pytest.mark.parametrize("payload", _NO_LISTS)
def test_what_lists_no_models_is_refused(payload: Any) -> None:
    """The error has the body; an error of Cohere's is that error."""
    with pytest.raises(DecodeError, match="lists no models"):
        drive(_PROVIDER.list_models(), [_response(payload)])
    with pytest.raises(AuthenticationError):
        drive(_PROVIDER.list_models(), [_response({"error": {"message": "x", "status": 401}})])


# --- through a client ---------------------------------------------------------------------


class _Server(CannedTransport):
    """Cohere, whose vectors of texts are their own numbers."""

    def __init__(self) -> None:
        super().__init__(self._respond)

    def _respond(self, request: HttpRequest) -> Canned:
        if request.method == "GET":
            return Canned(200, {}, json.dumps({"models": [{"name": "command-r"}]}).encode())
        texts = json.loads(request.body)["texts"]
        payload = _vectors({"float": [[float(text)] for text in texts]})
        return Canned(200, {}, json.dumps(payload).encode())


async def test_many_texts_are_sent_as_cohere_takes_them() -> None:
    """96 in one request, with the key, and rejoined in order."""
    server = _Server()
    async with Client(providers={"cohere": with_transport(_PROVIDER, server)}) as client:
        found = await client.aembedding(f"cohere/{_MODEL}", [str(n) for n in range(200)])
        models = await client.alist_models("cohere")
        with pytest.raises(UnsupportedError):
            await client.aembedding(f"cohere/{_MODEL}", [1, 2])
        with pytest.raises(UnsupportedError, match="one length"):
            await client.aembedding("cohere/embed-english-v3.0", "a", dimensions=256)
        dropped = await client.aembedding(_MODEL, "1", user="ada")
    assert [[float(n)] for n in range(200)] == found.vectors
    assert [8, 96, 96] == sorted(
        len(json.loads(request.body)["texts"]) for request in server.requests[:3]
    )
    assert found.usage is not None
    assert found.usage.prompt_tokens == 6
    assert ("split", "input") in [(each.kind, each.path) for each in found.report]
    assert ["cohere/command-r"] == [model.name for model in models]
    assert {f"Bearer {CANARY}"} == {each.headers["Authorization"] for each in server.requests}
    assert "user" in dropped.report
