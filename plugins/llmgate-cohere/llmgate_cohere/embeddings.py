"""Cohere's embeddings: a call into a request, and the response into vectors; pure, no I/O.

Source: https://docs.cohere.com/reference/embed
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpRequest, HttpResponse, is_array, is_object
from llmgate.provider.kit import Fields, SideFields, json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate.types import Usage
from llmgate_cohere.request.history import NAME
from llmgate_cohere.response.errors import error_in

__all__ = ["decode_embeddings", "embedding_abilities", "embedding_request"]

_MOST_INPUTS = 96
_PARAMETERS = ("dimensions", "encoding_format", "input_type", "truncate")
_OF_ONE_LENGTH = re.compile(r"embed-.*-v[23]\.0")
_INPUT_TYPES: Mapping[str, str] = {"document": "search_document", "query": "search_query"}


def embedding_abilities(model: str) -> EmbeddingAbilities:
    """What a model takes: texts, at most 96 in one request."""
    parameters: dict[str, Support | Rule] = dict.fromkeys(_PARAMETERS, Support.TRANSLATED)
    if _OF_ONE_LENGTH.fullmatch(model):
        parameters["dimensions"] = Rule(f"{model} has vectors of one length", allowed=())
    return EmbeddingAbilities(parameters, _MOST_INPUTS)


def embedding_request(call: EmbeddingCall, url: str) -> HttpRequest:
    """The request of one call, without credentials.

    Cohere requires to be told what the texts are for: by default they are documents that are to be
    searched. A text that is too long is refused, unless ``truncate`` says otherwise.
    """
    given = cast("Mapping[str, Any]", call.parameters)
    body: dict[str, Any] = {
        "model": call.model,
        "texts": call.input,
        "input_type": _input_type(call),
        "embedding_types": [given.get("encoding_format", "float")],
        "truncate": _truncate(call),
    }
    if "dimensions" in given:
        body["output_dimension"] = given["dimensions"]
    return json_request(url, merge_body(body, call.extra_body))


def _input_type(call: EmbeddingCall) -> str:
    given = call.parameters.get("input_type")
    if given is not None:
        return _INPUT_TYPES.get(given, given)
    sent = _INPUT_TYPES["document"]
    if "input_type" not in call.extra_body:
        reason = "Cohere requires it; pass input_type='query' for what is searched for"
        call.report.add("defaulted", "input_type", reason, sent=sent)
    return sent


def _truncate(call: EmbeddingCall) -> str:
    given = call.parameters.get("truncate")
    if isinstance(given, str):
        return given.upper()
    if given is None and "truncate" not in call.extra_body:
        reason = "so that a text that is too long is an error, and not cut"
        call.report.add("injected", "truncate", reason, sent="NONE")
    return "END" if given else "NONE"


def decode_embeddings(response: HttpResponse, call: EmbeddingCall) -> Embeddings:
    """The embeddings of a response, in the order of the input.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _embeddings(Fields(payload), call),
        "the response holds no embeddings",
        error_in,
    )


def _embeddings(payload: Fields, call: EmbeddingCall) -> Embeddings:
    vectors, others = _vectors(payload)
    fields = SideFields(payload.payload, call.report)
    extra = fields.others("embeddings", "texts", "response_type")
    if others:
        extra["embeddings"] = others
    return Embeddings(
        data=[
            Embedding(vector_of(vector, f"embeddings[{index}]"), index)
            for index, vector in enumerate(vectors)
        ],
        model=str(call.extra_body.get("model", call.model)),
        usage=_usage(fields.object("meta")),
        extra=beside(extra, Embeddings, NAME),
    )


def _vectors(payload: Fields) -> tuple[list[Any], dict[str, Any]]:
    """The vectors, and those of the other types that ``extra_body`` may have asked for.

    Older versions have the vectors alone, without a type.
    """
    if is_array(payload.payload.get("embeddings")):
        return payload.array("embeddings"), {}
    by_type = payload.object("embeddings")
    kinds = [kind for kind, vectors in by_type.payload.items() if is_array(vectors)]
    kind = next((kind for kind in ("float", "base64", *kinds) if kind in kinds), None)
    if kind is None:
        raise DecodeError("embeddings holds no vectors")
    return by_type.array(kind), by_type.others(kind)


def _usage(meta: SideFields) -> Usage | None:
    billed = meta.object("billed_units")
    for counts in (billed, meta.object("tokens")):
        texts, images = counts.integer("input_tokens"), counts.integer("image_tokens")
        if texts is not None or images is not None:
            prompt = (texts or 0) + (images or 0)
            extra = {"billed_units": billed.payload} if is_object(billed.payload) else {}
            return Usage(prompt, 0, prompt, extra=extra)
    return None
