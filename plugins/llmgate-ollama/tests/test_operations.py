"""Embeddings and lists of models: the kit, and a call to a server on the loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate import embedding, list_models
from llmgate.errors import BadRequestError, NotFoundError, ServerError
from llmgate.provider.http import HttpResponse
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
)
from llmgate_ollama import Ollama
from tests.sdk import SdkServer

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _recorded() -> list[RecordedEmbeddings]:
    """Those of Ollama's own format, where they are beside the repository."""
    found = list[RecordedEmbeddings]()
    for path in sorted(_CORPUS.glob("ollama-api-embed-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, body = exchange["request"]["body"], exchange["response"]["body"]
        call = {"model": sent["model"], "input": sent["input"]}
        call["extra_body"] = {"options": sent.get("options", {})}
        tokens, vectors = body["prompt_eval_count"], body["embeddings"]
        found.append(
            RecordedEmbeddings(
                exchange["id"], call, (_response(body),), vectors=vectors, prompt_tokens=tokens
            )
        )
    return found


_TWO = {
    "model": "nomic-embed-text",
    "embeddings": [[0.5, 1.0], [0.25, -1]],
    "prompt_eval_count": 4,
    "total_duration": 14143917,
}


class TestEmbeddings(EmbeddingConformance):
    """A server of one's own."""

    provider = Ollama(api_key=CANARY, keep_alive="5m")
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 2, "user": "ada"},
            (_response(_TWO),),
            body={
                "model": "nomic-embed-text",
                "input": ["a", "b"],
                "dimensions": 2,
                "truncate": False,
                "keep_alive": "5m",
            },
            vectors=[[0.5, 1.0], [0.25, -1.0]],
            prompt_tokens=4,
        ),
        RecordedEmbeddings(
            "cut",
            {"model": "nomic-embed-text", "input": ["a", "b"], "truncate": True},
            (_response({"embeddings": _TWO["embeddings"]}),),
            body={
                "model": "nomic-embed-text",
                "input": ["a", "b"],
                "truncate": True,
                "keep_alive": "5m",
            },
        ),
        RecordedEmbeddings(
            "too long",
            {"model": "nomic-embed-text", "input": "a"},
            (_response({"error": "the input length exceeds the context length"}, 400),),
            error=BadRequestError,
        ),
        RecordedEmbeddings(
            "a runner that died",
            {"model": "nomic-embed-text", "input": "a"},
            (_response({"error": "EOF"}),),
            error=ServerError,
        ),
        *_recorded(),
    )


_TAGS = {
    "models": [
        {
            "name": "qwen3:4b",
            "model": "qwen3:4b",
            "modified_at": "2026-11-30T12:00:00.123456789+02:00",
            "size": 2497293931,
            "digest": "e55aed6fe643",
            "details": {"family": "qwen3", "parameter_size": "4.0B"},
        },
        {"name": "ada/own:latest", "modified_at": "", "capabilities": ["completion", "vision"]},
        {"model": "local-file.gguf", "capabilities": None},
    ]
}


class TestModels(ModelListConformance):
    """A server of one's own, and llama.cpp, which says what its models can do."""

    provider = Ollama(api_key=CANARY)
    recordings = (
        RecordedModels(
            "three",
            (_response(_TAGS),),
            models=(
                {
                    "id": "qwen3:4b",
                    "created": 1796032800,
                    "owned_by": "library",
                    "size": 2497293931,
                    "capabilities": None,
                },
                {
                    "id": "ada/own:latest",
                    "created": None,
                    "owned_by": "ada",
                    "capabilities": {
                        "chat": True,
                        "vision": True,
                        "tools": False,
                        "embedding": False,
                        "reasoning": False,
                    },
                },
                {"id": "local-file.gguf"},
            ),
        ),
        RecordedModels("none", (_response({"error": "no"}, 404),), error=NotFoundError),
        RecordedModels("dead", (_response({"error": "no"}),), error=ServerError),
    )


def test_end_to_end() -> None:
    """Both are asked for at Ollama's own addresses."""

    def answer(path: str) -> bytes:
        return json.dumps(_TAGS if path == "/api/tags" else _TWO).encode()

    with SdkServer(answer) as server:
        made = embedding("ollama/nomic-embed-text", ["a", "b"], base_url=server.url)
        listed = list_models("ollama", base_url=server.url)
    assert made.vectors == [[0.5, 1.0], [0.25, -1.0]]
    assert [str(each) for each in made.report] == [
        "truncate defaulted: else a text that is too long would be cut silently"
    ]
    assert [model.name for model in listed][:2] == ["ollama/qwen3:4b", "ollama/ada/own:latest"]
    assert [asked.path for asked in server.asked] == ["/api/embed", "/api/tags"]


def test_truncating_is_yes_or_no() -> None:
    """A word of another vendor's is dropped, and reported."""
    with SdkServer(json.dumps(_TWO).encode()) as server:
        made = embedding("ollama/x", ["a", "b"], truncate="END", base_url=server.url)
    assert server.asked[0].json["truncate"] is False
    assert [each.path for each in made.report] == ["truncate", "truncate"]


@pytest.mark.parametrize("payload", [{}, {"embeddings": None}, {"embeddings": [5]}])
def test_no_embeddings(payload: Any) -> None:
    """The error says what is missing."""
    with SdkServer(json.dumps(payload).encode()) as server, pytest.raises(Exception, match="no em"):
        embedding("ollama/x", ["a"], base_url=server.url)
