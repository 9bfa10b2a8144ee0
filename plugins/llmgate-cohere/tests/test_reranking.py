"""Cohere's rerankings: the kit, and what is sent and read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError, NotFoundError, ProviderError
from llmgate.provider.http import HttpResponse
from llmgate.reranking import RerankCall, Reranking
from llmgate.testing import (
    CANARY,
    Canned,
    CannedTransport,
    RecordedReranking,
    RerankConformance,
    drive,
    with_transport,
)
from llmgate_cohere import Cohere

_PROVIDER = Cohere(api_key=CANARY)
_CALL: dict[str, Any] = {"model": "rerank-v4.0-fast", "query": "q", "documents": ["a", "b"]}
_META: dict[str, Any] = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}


def _said(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _results(*scores: float, **more: Any) -> dict[str, Any]:
    """A response of Cohere's, the best first."""
    results = [{"index": place, "relevance_score": score} for place, score in enumerate(scores)]
    results.sort(key=lambda each: -each["relevance_score"])
    return {"id": "r1", "results": results, "meta": _META, **more}


class TestRerankings(RerankConformance):
    """Cohere's rerankings."""

    provider = _PROVIDER
    recordings = (
        RecordedReranking(
            "texts",
            {**_CALL, "top_n": 3, "return_documents": True},
            (_said(_results(0.25, 0.75)),),
            body={**_CALL, "top_n": 3},
            scores={1: 0.75, 0: 0.25},
            usage={"search_units": 1},
        ),
        RecordedReranking(
            "objects",
            {**_CALL, "documents": [{"text": "a"}, {"title": "b", "pages": 3, "by": {"a": 1}}]},
            (_said(_results(0.25, 0.75)),),
            body={**_CALL, "documents": ["a", 'title: b\npages: 3\nby: {"a":1}']},
        ),
        RecordedReranking(
            "unknown model",
            _CALL,
            (_said({"message": "model 'x' not found"}, 404),),
            error=NotFoundError,
        ),
        RecordedReranking(
            "error with status 200",
            _CALL,
            (_said({"message": "invalid request: query is too long"}),),
            error=ProviderError,
        ),
    )


def _read(payload: Any) -> tuple[Reranking, RerankCall]:
    call = RerankCall("rerank-v4.0-fast", "q", ["a", "b"])
    return drive(_PROVIDER.rerank(call), [_said(payload)]).result, call


def test_what_is_beside_the_scores_is_kept() -> None:
    """And what is not said is None."""
    found, _ = _read(_results(1, meta={"tokens": {"input_tokens": 7.0}}, spans=[1]))
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.search_units) == (7, None)
    assert found.extra["spans"] == [1]
    assert found.id == "r1"
    none, call = _read({"results": [{"index": 0, "relevance_score": 1}], "id": 5})
    assert none.usage is None
    assert [each.path for each in call.report] == ["response.id"]


def test_an_error_names_the_body() -> None:
    """Where the response holds no results."""
    with pytest.raises(DecodeError) as caught:
        _read({"id": "r1"})
    assert caught.value.frame == b'{"id": "r1"}'


def test_a_call_through_a_client() -> None:
    """By a name that no other provider has, with the key, to Cohere's own path."""
    transport = CannedTransport([Canned(body=json.dumps(_results(0.5, 0.75)).encode())])
    provider: Any = with_transport(Cohere(api_key="k"), transport)
    with Client(providers={"cohere": provider}) as client:
        found = client.rerank("rerank-v4.0-fast", "q", ["a", "b"], top_n=1, truncate=True)
    (request,) = transport.requests
    assert request.url == "https://api.cohere.com/v2/rerank"
    assert request.headers["Authorization"] == "Bearer k"
    assert found.indexes == [1]
    assert [each.path for each in found.report] == ["truncate"]
