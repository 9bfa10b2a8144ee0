"""Embeddings and lists of models: the kit, and calls to a server on the loopback."""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import BadRequestError, RateLimitError
from llmgate.provider.http import HttpResponse
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
)
from llmgate_openai import OpenAI

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"
_MODEL = "text-embedding-3-small"


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _base64(*numbers: float) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _list(*vectors: Any) -> Any:
    data = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return {"object": "list", "data": data, "model": _MODEL, "usage": usage}


def _recorded() -> list[RecordedEmbeddings]:
    """Those of OpenAI, where they are beside the repository."""
    found = list[RecordedEmbeddings]()
    for path in sorted(_CORPUS.glob("openai-embeddings-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, response = exchange["request"]["body"], exchange["response"]
        if response["status"] != 200:
            continue  # it was asked for what we refuse before
        tokens = response["body"]["usage"]["prompt_tokens"]
        reply = _response(response["body"])
        found.append(RecordedEmbeddings(exchange["id"], sent, (reply,), prompt_tokens=tokens))
    return found


class TestEmbeddings(EmbeddingConformance):
    """OpenAI's own host."""

    provider = OpenAI(api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": _MODEL, "input": ["a", "b"], "dimensions": 2, "user": "ada"},
            (_response(_list(_base64(0.5, 1.0), [0.25, -1])),),
            body={
                "model": _MODEL,
                "input": ["a", "b"],
                "dimensions": 2,
                "user": "ada",
                "encoding_format": "base64",
            },
            vectors=[[0.5, 1.0], [0.25, -1.0]],
            prompt_tokens=2,
        ),
        RecordedEmbeddings(
            "invalid",
            {"model": _MODEL, "input": "a", "encoding_format": "float"},
            (_response({"error": {"message": "no", "type": "invalid_request_error"}}, 400),),
            body={"model": _MODEL, "input": ["a"], "encoding_format": "float"},
            error=BadRequestError,
        ),
        *_recorded(),
    )


class TestModels(ModelListConformance):
    """OpenAI's own host."""

    provider = OpenAI(api_key=CANARY)
    recordings = (
        RecordedModels(
            "two",
            (_response({"data": [{"id": "gpt-4o", "created": 9}, {"id": "x", "created": 0}]}),),
            models=[{"id": "gpt-4o", "created": 9}, {"id": "x", "created": None}],
        ),
        RecordedModels("busy", (_response({}, 429),), error=RateLimitError),
    )


# --- through a client ---------------------------------------------------------------------


class _Server:
    """A host of OpenAI's format: vectors of texts are their own numbers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = json.loads(body) if body else None
        self.asked.append((lines[0], headers, asked))
        payload: Any = {"data": [{"id": "m", "max_model_len": 8}]}
        if asked is not None:
            payload = _list(*(_base64(float(text)) for text in asked["input"]))
        content = json.dumps(payload).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(content), content))
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("sync", [False, True])
def test_calls_reach_a_host(sync: bool) -> None:
    """With the key, the model's unprefixed name, and what was asked; without async too."""
    asked = _Server()

    async def scenario() -> None:
        server = await asyncio.start_server(asked, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        options: Any = {"base_url": f"http://{host}:{port}/v1", "api_key": "mine"}
        async with server, Client() as client:
            if sync:
                found = await asyncio.to_thread(client.embedding, _MODEL, ["1", "2"], **options)
                models = await asyncio.to_thread(client.list_models, "openai", **options)
            else:
                found = await client.aembedding(_MODEL, ["1", "2"], **options)
                models = await client.alist_models("openai", **options)
        assert [[1.0], [2.0]] == found.vectors
        assert (_MODEL, "openai", 2) == (
            found.model,
            found.provider,
            found["usage"]["total_tokens"],
        )
        assert [("openai/m", 8)] == [(model.name, model.context_window) for model in models]

    asyncio.run(scenario())
    assert ["POST /v1/embeddings HTTP/1.1", "GET /v1/models HTTP/1.1"] == [
        line for line, _, _ in asked.asked
    ]
    assert ["bearer mine"] * 2 == [headers["authorization"] for _, headers, _ in asked.asked]
    assert {"model": _MODEL, "input": ["1", "2"]} == asked.asked[0][2]


def test_many_texts_are_sent_as_openai_takes_them() -> None:
    """2,048 in one request."""

    async def scenario() -> Any:
        server = await asyncio.start_server(asked, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        provider = _Official(base_url=f"http://{host}:{port}/v1")
        texts = [str(number) for number in range(5000)]
        async with server, Client(providers={"openai": provider}) as client:
            return await client.aembedding(f"openai/{_MODEL}", texts)

    class _Official(OpenAI):
        def embedding_abilities(self, model: str) -> Any:
            return OpenAI(api_key=CANARY).embedding_abilities(model)

    asked = _Server()
    found = asyncio.run(scenario())
    assert [[float(number)] for number in range(5000)] == found.vectors
    assert [904, 2048, 2048] == sorted(len(body["input"]) for _, _, body in asked.asked)
    assert 6 == found.usage.total_tokens
