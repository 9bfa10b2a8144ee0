"""Rerankings of a server of TEI's: a call into a request, the response into scores; pure, no I/O.

Source: https://huggingface.github.io/text-embeddings-inference
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import json_request, merge_body, read_response
from llmgate.provider.ranking import results_in
from llmgate.reranking import RerankCall, Reranking
from llmgate_openai import error_from_payload

__all__ = ["decode_reranking", "rerank_request"]


def rerank_request(call: RerankCall, url: str) -> HttpRequest:
    """The request of one call, without credentials; a server has one model, which is not named."""
    body: dict[str, Any] = {"query": call.query, "texts": call.documents, **call.parameters}
    return json_request(url, merge_body(body, call.extra_body))


def decode_reranking(response: HttpResponse) -> Reranking:
    """The results of a response, which is a bare list of them.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no results; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: Reranking(results_in(payload, "the response", "score")),
        "the response holds no results",
        error_from_payload,
    )
