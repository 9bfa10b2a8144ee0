"""Embeddings by the real model, and what is asked of llama.cpp for them."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import BadRequestError, ServerError, UnsupportedError
from llmgate.provider.http import HttpResponse
from llmgate.testing import EmbeddingConformance, RecordedEmbeddings
from llmgate_local import Local, serve

MODEL = "local/smollm2"


def _response(*vectors: list[float]) -> HttpResponse:
    data = [{"embedding": vector, "index": index} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    payload = {"object": "list", "model": "m", "data": data, "usage": usage}
    return HttpResponse(200, {}, json.dumps(payload).encode())


class TestEmbeddings(EmbeddingConformance):
    """llama.cpp's form is OpenAI's."""

    provider = Local()
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "smollm2", "input": ["a", "b"]},
            (_response([0.5, 1.0], [0.25, -1.0]),),
            body={"model": "smollm2", "input": ["a", "b"], "encoding_format": "base64"},
            vectors=[[0.5, 1.0], [0.25, -1.0]],
            prompt_tokens=3,
        ),
    )


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_become_vectors(weights: Path) -> None:
    """Of length one, alike for alike texts, and the same for base64, floats and token ids."""
    provider = Local(context=512, threads=1, parallel=2)
    async with Client(providers={"local": provider}) as client:
        texts = ["The cat sleeps.", "A cat is sleeping.", "Stocks fell by nine percent."]
        found = await client.aembedding(MODEL, texts)
        cat, another, stocks = found.vectors
        assert all(math.isclose(_cosine(each, each), 1, abs_tol=1e-4) for each in found.vectors)
        assert _cosine(cat, another) > _cosine(cat, stocks)
        assert len(cat) == 576
        assert found.usage is not None
        assert found.usage.prompt_tokens > 10
        assert not found.report
        floats = await client.aembedding(MODEL, texts[0], encoding_format="float")
        assert max(abs(a - b) for a, b in zip(cat, floats.vectors[0], strict=True)) < 1e-4
        tokens = await client.aembedding(MODEL, [[1, 2, 3], [1, 2]])
        assert [0, 1] == [item.index for item in tokens.data]
        with pytest.raises(UnsupportedError, match="dimensions"):
            await client.aembedding(MODEL, "a", dimensions=4)
        long = await client.aembedding(MODEL, "word " * 400)  # more than a batch of chat
        assert long.usage is not None
        assert long.usage.prompt_tokens > 300
        with pytest.raises((BadRequestError, ServerError), match=r"too large|context|exceeds"):
            await client.aembedding(MODEL, "word " * 3000, max_retries=2)
        said = await client.acompletion(MODEL, [{"role": "user", "content": "Hi"}], max_tokens=2)
        assert said.text


@pytest.mark.parametrize(("names_pooling", "expected"), [(True, "the file's"), (False, "mean")])
def test_a_model_pools_as_its_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_pooling: bool, expected: str
) -> None:
    """By averaging only where that is not said, as for models that were made to chat."""

    class Pooling:
        class llama_pooling_type:  # noqa: N801 - as it is called there
            LLAMA_POOLING_TYPE_MEAN = "mean"

    class Parameters:
        n_ctx, n_parallel, pooling_type = 1024, 2, "the file's"
        embedding = False
        n_batch = n_ubatch = 256

    def imported(_: str) -> Any:
        return Pooling

    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF\3" + b"bert.pooling_type" * names_pooling)
    monkeypatch.setattr(importlib, "import_module", imported)
    parameters = Parameters()
    serve._make_embed(parameters, path)
    assert expected == parameters.pooling_type
    assert (True, 512, 512) == (parameters.embedding, parameters.n_batch, parameters.n_ubatch)
