"""Rerankings as most hosts have them: a call into a request, the response into scores; no I/O.

The form is that of Cohere's first version, which hosts of OpenAI's format have taken over.
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import HttpRequest, HttpResponse, is_object
from llmgate.provider.kit import SideFields, json_request, merge_body, read_response
from llmgate.provider.ranking import results_in
from llmgate.reranking import RerankCall, Reranking, RerankUsage
from llmgate_openai import error_from_payload

__all__ = ["decode_reranking", "rerank_request"]


def rerank_request(call: RerankCall, url: str) -> HttpRequest:
    """The request of one call, without credentials."""
    body: dict[str, Any] = {
        "model": call.model,
        "query": call.query,
        "documents": call.documents,
        **call.parameters,
    }
    return json_request(url, merge_body(body, call.extra_body))


def decode_reranking(response: HttpResponse) -> Reranking:
    """The results of a response, which are its ``results``, or its ``data`` as Voyage has them.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no results; ``frame`` is its body.
    """
    return read_response(response, _reranking, "the response holds no results", error_from_payload)


def _reranking(payload: Any) -> Reranking:
    if not is_object(payload):
        raise DecodeError("it is not an object")
    name = "results" if "results" in payload else "data"
    side = SideFields(payload)
    return Reranking(
        results=results_in(payload.get(name), name),
        model=side.text("model") or "",
        id=side.text("id") or "",
        usage=_usage(side.object("usage")),
        extra=side.others("id", "model", "object", "usage", name),
    )


def _usage(side: SideFields) -> RerankUsage | None:
    prompt, total = side.integer("prompt_tokens"), side.integer("total_tokens")
    if prompt is None and total is None:
        return None
    return RerankUsage(
        total if prompt is None else prompt,
        prompt if total is None else total,
        extra=side.others("prompt_tokens", "total_tokens"),
    )
