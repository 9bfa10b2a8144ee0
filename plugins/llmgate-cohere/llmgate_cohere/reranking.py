"""Cohere's rerankings: a call into a request, and the response into scores; pure, no I/O.

Source: https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpRequest, HttpResponse, encode_json
from llmgate.provider.kit import Fields, SideFields, json_request, merge_body, read_response
from llmgate.provider.ranking import results_in
from llmgate.report import Report
from llmgate.reranking import RerankCall, Reranking, RerankUsage
from llmgate_cohere.request.history import NAME
from llmgate_cohere.response.errors import error_in

__all__ = ["decode_reranking", "rerank_request"]


def rerank_request(call: RerankCall, url: str) -> HttpRequest:
    """The request of one call, without credentials."""
    body: dict[str, Any] = {
        "model": call.model,
        "query": call.query,
        "documents": [_as_text(each) for each in call.documents],
        **call.parameters,
    }
    return json_request(url, merge_body(body, call.extra_body))


def _as_text(document: str | dict[str, Any]) -> str:
    """A document as Cohere reads it: of an object, a line of YAML for each field."""
    if isinstance(document, str):
        return document
    if document.keys() == {"text"}:
        return str(document["text"])
    return "\n".join(f"{name}: {_value(value)}" for name, value in document.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()


def decode_reranking(response: HttpResponse, report: Report) -> Reranking:
    """The results of a response.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no results; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _reranking(Fields(payload), report),
        "the response holds no results",
        error_in,
    )


def _reranking(payload: Fields, report: Report) -> Reranking:
    side = SideFields(payload.payload, report)
    extra = payload.others("results", "id")
    return Reranking(
        results=results_in(payload.payload.get("results"), "results"),
        id=side.text("id") or "",
        usage=_usage(side.object("meta")),
        extra=beside(extra, Reranking, NAME),
    )


def _usage(meta: SideFields) -> RerankUsage | None:
    billed, tokens = meta.object("billed_units"), meta.object("tokens")
    counted, units = tokens.integer("input_tokens"), billed.integer("search_units")
    if counted is None and units is None:
        return None
    return RerankUsage(counted, counted, units)
