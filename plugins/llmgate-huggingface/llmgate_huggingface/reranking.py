"""Rerankings of a server of TEI's: a call into a request, the response into scores; pure, no I/O.

Source: https://huggingface.github.io/text-embeddings-inference
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import add_frame, json_request, merge_body, read_json
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
    payload = read_json(response.body)
    error = error_from_payload(payload)
    if error is not None:
        error.in_stream = False
        raise error
    try:
        return Reranking(results_in(payload, "the response", "score"))
    except DecodeError as failure:
        add_frame(failure, "the response holds no results", response.body)
        raise
