"""Rerankings of a server of TEI's: the kit, and what Hugging Face's own hosts do not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import BadRequestError, DecodeError, ProviderError, UnsupportedError
from llmgate.provider.http import HttpResponse
from llmgate.reranking import RerankCall
from llmgate.testing import (
    CANARY,
    Canned,
    CannedTransport,
    RecordedReranking,
    RerankConformance,
    drive,
    with_transport,
)
from llmgate_huggingface import HuggingFace

_CALL: dict[str, Any] = {"model": "bge", "query": "q", "documents": ["a", {"text": "b"}]}
_BODY = {"query": "q", "texts": ["a", "b"]}
_RESULTS = [{"index": 1, "score": 0.75, "text": "b"}, {"index": 0, "score": 0.5}]
_SERVER = "http://127.0.0.1:8080/v1"


def _said(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


class TestRerankings(RerankConformance):
    """TEI's rerankings."""

    provider = HuggingFace(api_key=CANARY, base_url=_SERVER)
    recordings = (
        RecordedReranking(
            "all",
            {**_CALL, "truncate": True, "top_n": 1},
            (_said(_RESULTS),),
            body={**_BODY, "truncate": True},
            scores={1: 0.75, 0: 0.5},
        ),
        RecordedReranking(
            "no reranker",
            _CALL,
            (_said({"error": "model is not a re-ranker model", "error_type": "Backend"}, 424),),
            body=_BODY,
            error=ProviderError,
        ),
        RecordedReranking(
            "error with status 200",
            _CALL,
            (_said({"error": {"message": "no", "code": 400}}),),
            error=BadRequestError,
        ),
    )


def test_results_are_cut_here_and_have_the_documents_of_the_call() -> None:
    """A server has no limit of its own; its path is beside that of its other APIs."""
    transport = CannedTransport([Canned(body=json.dumps(_RESULTS).encode())])
    provider: Any = with_transport(HuggingFace(base_url=_SERVER), transport)
    with Client(providers={"huggingface": provider}) as client:
        found = client.rerank("huggingface/bge", "q", ["a", "b"], top_n=1, return_documents=True)
    assert [(each.index, each.document) for each in found.results] == [(1, {"text": "b"})]
    assert transport.requests[0].url == "http://127.0.0.1:8080/rerank"
    assert found.usage is None


def test_hugging_faces_own_hosts_have_no_such_path() -> None:
    """Nor is anything sent to them."""
    flow = HuggingFace(api_key="k").rerank(RerankCall("bge", "q", ["a"]))
    with pytest.raises(UnsupportedError, match="rerank nothing"):
        next(flow)


def test_an_error_names_the_body() -> None:
    """Where the response holds no results."""
    flow = HuggingFace(base_url=_SERVER).rerank(RerankCall("bge", "q", ["a"]))
    with pytest.raises(DecodeError) as caught:
        drive(flow, [_said({"a": 1})])
    assert caught.value.frame == b'{"a": 1}'
