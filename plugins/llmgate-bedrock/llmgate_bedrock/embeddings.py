"""Embeddings by InvokeModel, in each vendor's own form: a call into a request, a response into
vectors; pure, no I/O.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html (Titan, Cohere),
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, UnsupportedError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpRequest, HttpResponse, is_array
from llmgate.provider.kit import Fields, SideFields, json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate.types import Usage
from llmgate_bedrock.response.errors import error_in

__all__ = ["decode_embeddings", "embedding_abilities", "embedding_request"]

_ONE_LENGTH = re.compile(r"titan-embed-(?:text-v1|g1)|cohere\.embed-\w+-v3")
_COUNT = "x-amzn-bedrock-input-token-count"
_PURPOSES = {"document": "GENERIC_INDEX", "query": "GENERIC_RETRIEVAL"}
_INPUT_TYPES = {"document": "search_document", "query": "search_query"}


class _Family(NamedTuple):
    """How the models of one vendor are asked: the body, how many texts, and what else they take."""

    body: Callable[[EmbeddingCall, Mapping[str, Any]], dict[str, Any]]
    most: int = 1
    parameters: tuple[str, ...] = ("dimensions",)


def embedding_abilities(model: str) -> EmbeddingAbilities:
    """What a model takes beside its texts, and how many of them."""
    family = _family_of(model)
    names = family.parameters if family else ()
    parameters: dict[str, Support | Rule] = dict.fromkeys(names, Support.TRANSLATED)
    if _ONE_LENGTH.search(model):
        parameters["dimensions"] = Rule(f"{model} has vectors of one length", allowed=())
    return EmbeddingAbilities(parameters, family.most if family else 1)


def embedding_request(call: EmbeddingCall, url: str, model: str) -> HttpRequest:
    """The request of one call, without credentials.

    Raises:
        UnsupportedError: for a model whose form is not known.
    """
    family = _family_of(model)
    if family is None:
        reason = (
            "is none of Titan's, Nova's or Cohere's embeddings; base_model= says what an ARN is"
        )
        raise UnsupportedError(f"model: {model!r:.100} {reason}", parameter="model")
    body = family.body(call, cast("Mapping[str, Any]", call.parameters))
    return json_request(url, merge_body(body, call.extra_body))


def decode_embeddings(response: HttpResponse, call: EmbeddingCall) -> Embeddings:
    """The embeddings of a response, in the order of the input.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _embeddings(Fields(payload), response.headers, call),
        "the response holds no embeddings",
        error_in,
    )


def _embeddings(fields: Fields, headers: Mapping[str, str], call: EmbeddingCall) -> Embeddings:
    (vectors, others), side = _vectors_in(fields), SideFields(fields.payload, call.report)
    headers = {name.lower(): value for name, value in headers.items()}
    count = side.integer("inputTextTokenCount")
    count = SideFields(headers).integer(_COUNT) if count is None else count
    known = ("embedding", "embeddings", "inputTextTokenCount", "texts", "response_type")
    extra = side.others(*known)
    if others:
        extra["embeddings"] = others
    return Embeddings(
        [
            Embedding(vector_of(vector, f"embeddings[{n}]"), n, extra=more)
            for n, (vector, more) in enumerate(vectors)
        ],
        model=call.model,
        usage=None if count is None else Usage(count, 0, count),
        extra=beside(extra, Embeddings, "bedrock"),
    )


_Vectors: TypeAlias = list[tuple[Any, dict[str, Any]]]


def _vectors_in(fields: Fields) -> tuple[_Vectors, dict[str, Any]]:
    """The vectors, each with what stands beside it, and those of the other types that
    ``extra_body`` may have asked for: one of Titan's, one object each of Nova's, or Cohere's."""
    if "embedding" in fields.payload:
        return [(fields.array("embedding"), {})], {}
    given, others = fields.payload.get("embeddings"), dict[str, Any]()
    if not is_array(given):
        by_type = fields.object("embeddings")
        kind = min(by_type.payload, key=lambda kind: kind != "float", default="")
        given, others = by_type.array(kind), by_type.others(kind)
    if not given:
        raise DecodeError("embeddings holds no vectors")
    if is_array(given[0]):
        return [(each, {}) for each in given], others
    objects = fields.objects("embeddings")
    return [(each.array("embedding"), each.others("embedding")) for each in objects], others


# --- one for each vendor ------------------------------------------------------------------


def _titan(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"inputText": call.input[0], **_renamed(given, "dimensions")}


def _titan_image(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    config = _renamed(given, "outputEmbeddingLength")
    return {"inputText": call.input[0], **({"embeddingConfig": config} if config else {})}


def _cohere(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    kind = _purpose(call, given, _INPUT_TYPES)
    sent = {"texts": call.input, "input_type": kind, "truncate": _truncated(given)}
    return {**sent, **_renamed(given, "output_dimension")}


def _nova(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        "embeddingPurpose": _purpose(call, given, _PURPOSES),
        **_renamed(given, "embeddingDimension"),
        "text": {"truncationMode": _truncated(given), "value": call.input[0]},
    }
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters}


def _renamed(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: given["dimensions"]} if "dimensions" in given else {}


def _purpose(call: EmbeddingCall, given: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """What the texts are for; by default they are documents that are to be searched."""
    kind = given.get("input_type")
    if kind is None:
        reason = "the model requires it; pass input_type='query' for what is searched for"
        call.report.add("defaulted", "input_type", reason, sent=words["document"])
    return words.get(kind or "document", str(kind))


def _truncated(given: Mapping[str, Any]) -> str:
    """``truncate`` in words; by default a text that is too long is an error, and not cut."""
    value = given.get("truncate")
    return value.upper() if isinstance(value, str) else "END" if value else "NONE"


def _family_of(model: str) -> _Family | None:
    return next((family for name, family in _FAMILIES.items() if name in model), None)


_MORE = ("dimensions", "input_type", "truncate")
_FAMILIES: Mapping[str, _Family] = {
    "titan-embed-image": _Family(_titan_image),
    "titan-embed": _Family(_titan),
    "cohere.embed": _Family(_cohere, 96, _MORE),
    "nova-2-multimodal-embeddings": _Family(_nova, 1, _MORE),
}
