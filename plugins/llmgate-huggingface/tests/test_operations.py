"""Embeddings of both servers, and the lists of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate import embedding, list_models
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    DecodeError,
    LLMGateError,
    NotFoundError,
    OverloadedError,
    UnsupportedError,
)
from llmgate.provider.http import HttpResponse
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
    drive,
)
from llmgate_huggingface import HuggingFace
from llmgate_huggingface.response.models import huggingface_models
from tests.sdk import SdkServer

ROUTER = HuggingFace(api_key="hf_test")
_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


# --- embeddings ---


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _recorded() -> list[RecordedEmbeddings]:
    """Those of feature extraction, where they are beside the repository."""
    found = list[RecordedEmbeddings]()
    for path in sorted(_CORPUS.glob("huggingface-feature-extraction-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent_body, body = exchange["request"]["body"], exchange["response"]["body"]
        call = {"model": "a/b", "input": sent_body["inputs"]}
        found.append(RecordedEmbeddings(exchange["id"], call, (_response(body),), vectors=[body]))
    return found


class TestFeatures(EmbeddingConformance):
    """Hugging Face's own hosts."""

    provider = HuggingFace(api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "BAAI/bge:hf-inference", "input": ["a", "b"], "truncate": True, "user": "u"},
            (_response([[0.5, 1], [0.25, -1]]),),
            body={"inputs": ["a", "b"], "truncate": True},
            vectors=[[0.5, 1.0], [0.25, -1.0]],
        ),
        RecordedEmbeddings(
            "a vector for each token",
            {"model": "a/b", "input": ["a"]},
            (_response([[[0.5], [0.25]]]),),
            error=DecodeError,
        ),
        RecordedEmbeddings(
            "a model that loads",
            {"model": "a/b", "input": ["a"]},
            (_response({"error": "loading"}, 503),),
            error=OverloadedError,
        ),
        *_recorded(),
    )


_OF_TEI = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1]}],
    "model": "BAAI/bge",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


class TestTei(EmbeddingConformance):
    """A server of TEI's."""

    provider = HuggingFace(base_url="http://127.0.0.1:8080", api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "one",
            {"model": "x", "input": "a", "user": "ada"},
            (_response(_OF_TEI),),
            body={"model": "x", "input": ["a"], "user": "ada"},
            vectors=[[0.5, 1.0]],
            prompt_tokens=2,
        ),
    )


def test_embeddings_end_to_end() -> None:
    """The model is in the address, and another provider behind the router is refused."""
    call: dict[str, Any] = {"api_key": "k", "base_url": "https://router.huggingface.co"}
    with pytest.raises(UnsupportedError) as caught:
        embedding("huggingface/a/b:together", ["x"], **call)
    assert caught.value.parameter == "model"

    def answer(path: str) -> bytes:
        return json.dumps({"error": "no"} if "odd" in path else _OF_TEI).encode()

    with SdkServer(answer) as server:
        assert embedding("huggingface/x", ["a"], base_url=server.url).vectors == [[0.5, 1.0]]
    assert server.asked[0].path == "/v1/embeddings"


@pytest.mark.parametrize("payload", [{}, [], {"error": "no"}, [1, "a"], [[1], "a"]])
def test_what_is_no_vector_is_refused(payload: Any) -> None:
    """An error with status 200 says so itself."""
    flow = ROUTER.embed(EmbeddingCall("a/b c", ["x"]))
    with pytest.raises(LLMGateError):
        drive(flow, [_response(payload)])


# --- models ---


_ROUTED = {
    "object": "list",
    "data": [
        {
            "id": "zai-org/GLM-4.6",
            "object": "model",
            "created": 1787150053,
            "owned_by": "zai-org",
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "providers": [
                {"provider": "a", "status": "live", "context_length": 8192, "supports_tools": True},
                {"provider": "b", "status": "live", "context_length": 131072},
                {"provider": "c", "status": "staging", "context_length": 999999},
                5,
            ],
        },
        {"id": "bare", "object": "model", "providers": None, "architecture": 5},
    ],
}
_SERVED = {
    "model_id": "BAAI/bge",
    "max_input_length": 512,
    "model_type": {"embedding": {"pooling": "cls"}},
    "version": "1.7.1",
}


class TestModels(ModelListConformance):
    """The router."""

    provider = HuggingFace(api_key=CANARY)
    recordings = (
        RecordedModels(
            "two",
            (_response(_ROUTED),),
            models=(
                {
                    "id": "zai-org/GLM-4.6",
                    "created": 1787150053,
                    "context_window": 131072,
                    "capabilities": {"tools": True, "vision": False},
                },
                {"id": "bare", "context_window": None, "capabilities": None},
            ),
        ),
        RecordedModels("no token", (_response({"error": "no"}, 404),), error=NotFoundError),
    )


@pytest.mark.parametrize(
    ("served", "window", "capabilities"),
    [
        (_SERVED, 512, {"embedding": True, "rerank": False}),
        ({"model_id": "a/b", "max_total_tokens": 4096, "max_input_tokens": 4095}, 4096, None),
    ],
)
def test_the_only_model_of_a_server(served: Any, window: int, capabilities: Any) -> None:
    """A server without a list is asked what it serves."""

    def answer(path: str) -> bytes:
        server.status = 404 if path.endswith("/models") else 200
        return json.dumps(served if path == "/info" else {"error": "no"}).encode()

    with SdkServer(answer) as server:
        (model,) = list_models("huggingface", base_url=server.url)
    assert (model.id, model.context_window) == (served["model_id"], window)
    assert model.capabilities == capabilities
    assert [asked.path for asked in server.asked] == ["/v1/models", "/info"]


def test_a_server_that_serves_nothing() -> None:
    """An empty name is none."""
    with pytest.raises(DecodeError):
        huggingface_models(_response({"model_id": ""}))
