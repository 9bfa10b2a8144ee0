"""Rerankings and embeddings of hosts that depart from the common form, as their rows say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmgate_compatible
from llmgate import Client
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    BadRequestError,
    DecodeError,
    ProviderError,
    UnsupportedError,
)
from llmgate.provider.http import HttpResponse, decode_json
from llmgate.reranking import RerankCall
from llmgate.testing import (
    CANARY,
    Canned,
    CannedTransport,
    EmbeddingConformance,
    RecordedEmbeddings,
    RecordedReranking,
    RerankConformance,
    drive,
    with_transport,
)
from llmgate.testing.driving import first_request

_CALL: dict[str, Any] = {"model": "m", "query": "q", "documents": ["a", "b"]}
_USAGE = {"prompt_tokens": 4, "total_tokens": 5}
_RESULTS = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": -4.76}]


def _said(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


class TestVoyage(RerankConformance):
    """Its own names, and texts that are not cut unless that is asked for."""

    provider = llmgate_compatible.voyage(api_key=CANARY)
    recordings = (
        RecordedReranking(
            "best",
            {**_CALL, "top_n": 1},
            (_said({"object": "list", "data": _RESULTS[:1], "usage": {"total_tokens": 5}}),),
            body={**_CALL, "top_k": 1, "truncation": False},
            scores={1: 0.75},
            usage={"total_tokens": 5, "prompt_tokens": 5},
        ),
        RecordedReranking(
            "cut",
            {**_CALL, "truncate": True},
            (_said({"data": _RESULTS, "usage": _USAGE}),),
            body={**_CALL, "truncation": True},
        ),
        RecordedReranking(
            "unknown model",
            _CALL,
            (_said({"detail": "Model m is not supported."}, 400),),
            error=BadRequestError,
        ),
    )


class TestJina(RerankConformance):
    """Objects as documents, which are not sent back."""

    provider = llmgate_compatible.jina(api_key=CANARY)
    recordings = (
        RecordedReranking(
            "objects",
            {**_CALL, "documents": ["a", {"image": "https://x.example/a.png"}]},
            (_said({"model": "m", "results": _RESULTS, "usage": {"prompt_tokens": 4}}),),
            body={
                **_CALL,
                "documents": ["a", {"image": "https://x.example/a.png"}],
                "return_documents": False,
            },
            scores={1: 0.75, 0: -4.76},
            usage={"total_tokens": 4},
        ),
    )


class TestOpenRouter(RerankConformance):
    """The common form, with documents that come back unasked."""

    provider = llmgate_compatible.openrouter(api_key=CANARY)
    recordings = (
        RecordedReranking(
            "texts",
            _CALL,
            (
                _said(
                    {
                        "id": "gen-1",
                        "model": "cohere/m",
                        "results": [{**each, "document": {"text": "x"}} for each in _RESULTS],
                        "usage": {**_USAGE, "cost": 0.1},
                    }
                ),
            ),
            body=_CALL,
            scores={1: 0.75, 0: -4.76},
        ),
        RecordedReranking(
            "no reranker",
            _CALL,
            (_said({"error": {"code": 501, "type": "not_supported_error", "message": "no"}}, 501),),
            error=ProviderError,
        ),
        RecordedReranking(
            "error with status 200",
            _CALL,
            (_said({"error": {"code": 400, "message": "no such model"}}),),
            error=BadRequestError,
        ),
    )


_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


def _recorded(family: str) -> Iterator[RecordedEmbeddings]:
    """What a host was asked for in our words, and what it said; nothing without the recordings."""
    for path in sorted(_CORPUS.glob(f"{family}-embeddings-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, response = exchange["request"]["body"], exchange["response"]
        asked = {name: sent[name] for name in ("model", "input", "dimensions") if name in sent}
        reply = _said(response["body"], response["status"])
        if response["status"] != 200:
            yield RecordedEmbeddings(exchange["id"], asked, (reply,), error=BadRequestError)
            continue
        tokens = response["body"]["usage"]["total_tokens"]
        yield RecordedEmbeddings(exchange["id"], asked, (reply,), prompt_tokens=tokens)


class TestOpenRouterEmbeddings(EmbeddingConformance):
    """OpenAI's form, with vectors as arrays."""

    provider = llmgate_compatible.openrouter(api_key=CANARY)
    recordings = tuple(_recorded("openrouter"))


class TestVllmEmbeddings(EmbeddingConformance):
    """OpenAI's form, with vectors of an old server in base64 of float64."""

    provider = llmgate_compatible.vllm(api_key=CANARY)
    recordings = tuple(_recorded("local-openai-compat"))


class TestPerplexityEmbeddings(EmbeddingConformance):
    """A path of its own, and numbers of one byte each, whatever encoding is asked for."""

    provider = llmgate_compatible.perplexity(api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "numbers of one byte",
            {"model": "m", "input": ["a"], "dimensions": 4, "encoding_format": "float"},
            (_said({"data": [{"index": 0, "embedding": "AX+A/w=="}], "usage": _USAGE}),),
            body={"model": "m", "input": ["a"], "dimensions": 4},
            vectors=[[1.0, 127.0, -128.0, -1.0]],
        ),
        *_recorded("perplexity"),
    )


def test_a_path_of_its_own() -> None:
    """Where the host has its embeddings elsewhere than its chat."""
    provider: Any = llmgate_compatible.perplexity(api_key=CANARY)
    request = first_request(provider.embed(EmbeddingCall("m", ["a"])))
    assert "https://api.perplexity.ai/v1/embeddings" == request.url


def test_recordings_of_embeddings_are_played() -> None:
    """All that there are."""
    families = ("openrouter", "perplexity", "voyage")
    played = {family: len([*_recorded(family)]) for family in families}
    expected = {"openrouter": 1, "perplexity": 1, "voyage": 2}
    assert expected == played or not _CORPUS.is_dir()


class TestVoyageEmbeddings(EmbeddingConformance):
    """Its own names, and texts that are not cut unless that is asked for."""

    provider = llmgate_compatible.voyage(api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "query",
            {"model": "m", "input": "a", "dimensions": 256, "input_type": "query", "user": "u"},
            (_said({"data": [{"index": 0, "embedding": [1, 0.5]}], "usage": {"total_tokens": 3}}),),
            body={
                "model": "m",
                "input": ["a"],
                "output_dimension": 256,
                "input_type": "query",
                "truncation": False,
            },
            vectors=[[1.0, 0.5]],
            prompt_tokens=3,
        ),
        *_recorded("voyage"),
    )


def _embedding(name: str, **options: Any) -> tuple[Any, EmbeddingCall]:
    """The body that this host is sent."""
    call = EmbeddingCall("m", ["a"], **options)
    provider = getattr(llmgate_compatible, name)(api_key="k")
    flow = provider.embed(call)
    return decode_json(next(flow).body), call


def test_hosts_have_their_own_words_for_the_purpose_of_a_text() -> None:
    """What is required is sent by default, and reported; other words are sent as they are."""
    body, call = _embedding("jina", parameters={"input_type": "document", "dimensions": 5})
    assert body == {"model": "m", "input": ["a"], "task": "retrieval.passage", "dimensions": 5}
    assert not call.report
    assert _embedding("jina", parameters={"input_type": "separation"})[0]["task"] == "separation"
    body, call = _embedding("nvidia")
    assert body["input_type"] == "passage"
    assert [(each.kind, each.path) for each in call.report] == [("defaulted", "input_type")]
    body, call = _embedding("nvidia", parameters={"input_type": "query"})
    assert body["input_type"] == "query"
    assert not call.report
    body, call = _embedding("voyage", extra_body={"truncation": True})
    assert body["truncation"] is True
    assert not call.report
    body, _ = _embedding("groq" if hasattr(llmgate_compatible.groq, "embed") else "vllm")
    assert body == {"model": "m", "input": ["a"]}


def test_what_a_host_takes_of_embeddings_is_in_its_row() -> None:
    """The number of inputs, whether token ids are taken, and what it lacks."""
    voyage: Any = llmgate_compatible.voyage(api_key="k")
    vllm: Any = llmgate_compatible.vllm(api_key="k")
    abilities = voyage.embedding_abilities("m")
    assert (abilities.max_batch, abilities.takes_tokens) == (1000, False)
    assert "user" not in abilities.parameters
    assert abilities.parameters["dimensions"] == "translated"
    plain = vllm.embedding_abilities("m")
    assert (plain.parameters, plain.max_batch, plain.takes_tokens) == (None, None, True)


def test_what_is_beside_the_scores_is_kept() -> None:
    """The cost that a gateway says, and its id."""
    provider: Any = llmgate_compatible.openrouter(api_key="k")
    payload = {"id": "g", "results": _RESULTS, "usage": {**_USAGE, "cost": 0.1}, "provider": "p"}
    found = drive(provider.rerank(RerankCall(**_CALL)), [_said(payload)]).result
    assert found.usage is not None
    assert found.usage.extra == {"cost": 0.1}
    assert found.extra == {"provider": "p"}
    none = drive(provider.rerank(RerankCall(**_CALL)), [_said({"results": _RESULTS})]).result
    assert none.usage is None
    with pytest.raises(DecodeError) as caught:
        drive(provider.rerank(RerankCall(**_CALL)), [_said([1])])
    assert caught.value.frame == b"[1]"


def test_a_host_without_chat_says_so() -> None:
    """Before anything is sent; what it has works by its models' bare names."""
    transport = CannedTransport([Canned(body=json.dumps({"data": _RESULTS}).encode())])
    provider: Any = with_transport(llmgate_compatible.voyage(api_key="k"), transport)
    with Client(providers={"voyage": provider}) as client:
        with pytest.raises(UnsupportedError, match="Voyage AI has no chat completions"):
            client.completion("voyage/m", [{"role": "user", "content": "Hi"}])
        assert client.rerank("rerank-2.5", "q", ["a", "b"]).indexes == [1, 0]
    (request,) = transport.requests
    assert request.url == "https://api.voyageai.com/v1/rerank"
    assert request.headers["Authorization"] == "Bearer k"


HI: Any = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    "given", [{}, {"tools": [{"type": "function", "function": {"name": "f"}}]}]
)
def test_llama_cpp_counts_what_its_template_makes(given: Any) -> None:
    """By its own routes, which stand beside those of OpenAI's format."""
    replies = [Canned(body=b'{"prompt": "<user>Hi"}'), Canned(body=b'{"tokens": [1, 2, 3]}')]
    transport = CannedTransport([*replies, replies[0], Canned(body=b"{}")])
    provider: Any = with_transport(llmgate_compatible.llamacpp(), transport)
    with Client(providers={"llamacpp": provider}) as client:
        found = client.count_tokens("llamacpp/m", HI, **given)
        with pytest.raises(DecodeError, match="counts no tokens"):
            client.count_tokens("llamacpp/m", HI)
    assert (found.tokens, found.is_estimate) == (3, False)
    first, second = transport.requests[:2]
    assert first.url == "http://localhost:8080/apply-template"
    assert ("tools" in decode_json(first.body)) is bool(given)
    assert second.url == "http://localhost:8080/tokenize"
    assert decode_json(second.body)["content"] == "<user>Hi"
