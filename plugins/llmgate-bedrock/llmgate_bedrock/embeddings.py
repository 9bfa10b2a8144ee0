"""Embeddings by InvokeModel, in each vendor's own form: a call into a request, a response into
vectors; pure, no I/O.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html (Titan, Cohere),
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, UnsupportedError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.accumulate import beside
from llmgate.provider.http import HttpRequest, HttpResponse, is_array
from llmgate.provider.kit import Fields, SideFields, add_frame, json_request, merge_body, read_json
from llmgate.provider.vectors import vector_of
from llmgate.types import Usage
from llmgate_bedrock.response.errors import error_in

__all__ = ["decode_embeddings", "embedding_abilities", "embedding_request"]

_ONE_LENGTH = re.compile(r"titan-embed-(?:text-v1|g1)|cohere\.embed-\w+-v3")
_COUNT = "x-amzn-bedrock-input-token-count"


class _Family(NamedTuple):
    """How the models of one vendor are asked: what they take, how many texts, and the body."""

    parameters: tuple[str, ...]
    most: int
    body: Callable[[EmbeddingCall, Mapping[str, Any]], dict[str, Any]]


def embedding_abilities(model: str) -> EmbeddingAbilities:
    """What a model takes beside its texts, and how many of them."""
    family = _family_of(model)
    if family is None:
        return EmbeddingAbilities({}, 1)
    parameters: dict[str, Support | Rule] = dict.fromkeys(family.parameters, Support.TRANSLATED)
    if _ONE_LENGTH.search(model):
        parameters["dimensions"] = Rule(f"{model} has vectors of one length", allowed=())
    return EmbeddingAbilities(parameters, family.most)


def embedding_request(call: EmbeddingCall, url: str, model: str) -> HttpRequest:
    """The request of one call, without credentials.

    Raises:
        UnsupportedError: for a model whose form is not known.
    """
    family = _family_of(model)
    if family is None:
        known = "Titan, Nova and Cohere"
        raise UnsupportedError(
            f"model: {model!r:.100} does not say which vendor's embeddings it is, of {known}; "
            "base_model= says which model is behind an ARN",
            parameter="model",
        )
    body = family.body(call, cast("Mapping[str, Any]", call.parameters))
    return json_request(url, merge_body(body, call.extra_body))


def decode_embeddings(response: HttpResponse, call: EmbeddingCall) -> Embeddings:
    """The embeddings of a response, in the order of the input.

    Raises:
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    payload = read_json(response.body)
    try:
        fields = Fields(payload)
        vectors, known = _vectors_in(fields)
    except DecodeError as failure:
        error = error_in(payload)
        if error is not None:
            error.in_stream = False
            raise error from None
        add_frame(failure, "the response holds no embeddings", response.body)
        raise
    side = SideFields(payload, call.report)
    count = side.integer("inputTextTokenCount")
    headers = {name.lower(): value for name, value in response.headers.items()}
    if count is None:
        count = SideFields(headers).integer(_COUNT)
    extra = side.others(*known, "inputTextTokenCount", "texts", "response_type")
    return Embeddings(
        data=[
            Embedding(vector_of(vector, f"embeddings[{index}]"), index)
            for index, vector in enumerate(vectors)
        ],
        model=call.model,
        usage=None if count is None else Usage(count, 0, count),
        extra=beside(extra, Embeddings, "bedrock"),
    )


def _vectors_in(fields: Fields) -> tuple[list[Any], tuple[str, ...]]:
    """The vectors, and the fields in which they were: of Titan, or of Cohere and Nova."""
    if is_array(fields.payload.get("embedding")):
        return [fields.array("embedding")], ("embedding",)
    given = fields.payload.get("embeddings")
    if is_array(given):
        is_plain = not given or is_array(given[0])
        found = (
            given
            if is_plain
            else [each.array("embedding") for each in fields.objects("embeddings")]
        )
        return found, ("embeddings",)
    by_type = fields.object("embeddings")
    kind = (
        "float" if is_array(by_type.payload.get("float")) else next(iter(by_type.payload), "float")
    )
    if not by_type.array(kind):
        raise DecodeError("embeddings holds no vectors")
    return by_type.array(kind), ("embeddings",)


# --- one for each vendor ------------------------------------------------------------------


def _family_of(model: str) -> _Family | None:
    return next((family for name, family in _FAMILIES.items() if name in model), None)


def _titan(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    sent = {"dimensions": given["dimensions"]} if "dimensions" in given else {}
    return {"inputText": call.input[0], **sent}


def _titan_image(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    config = {"outputEmbeddingLength": given["dimensions"]} if "dimensions" in given else None
    return {"inputText": call.input[0], **({"embeddingConfig": config} if config else {})}


def _cohere(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    sent = {"output_dimension": given["dimensions"]} if "dimensions" in given else {}
    words = {"document": "search_document", "query": "search_query"}
    kind = _purpose(call, given, "input_type", words)
    return {"texts": call.input, "input_type": kind, "truncate": _truncated(given), **sent}


def _nova(call: EmbeddingCall, given: Mapping[str, Any]) -> dict[str, Any]:
    words = {"document": "GENERIC_INDEX", "query": "GENERIC_RETRIEVAL"}
    sent = {"embeddingDimension": given["dimensions"]} if "dimensions" in given else {}
    parameters = {
        "embeddingPurpose": _purpose(call, given, "singleEmbeddingParams", words),
        **sent,
        "text": {"truncationMode": _truncated(given), "value": call.input[0]},
    }
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters}


def _purpose(
    call: EmbeddingCall, given: Mapping[str, Any], field: str, words: Mapping[str, str]
) -> str:
    """What the texts are for; by default they are documents that are to be searched."""
    kind = given.get("input_type")
    if kind is None and field not in call.extra_body:
        reason = "the model requires it; pass input_type='query' for what is searched for"
        call.report.add("defaulted", "input_type", reason, sent=words["document"])
    return words.get(kind or "document", str(kind))


def _truncated(given: Mapping[str, Any]) -> str:
    """``truncate`` in words; by default a text that is too long is an error, and not cut."""
    value = given.get("truncate")
    return value.upper() if isinstance(value, str) else "END" if value else "NONE"


_FAMILIES: Mapping[str, _Family] = {
    "titan-embed-image": _Family(("dimensions",), 1, _titan_image),
    "titan-embed": _Family(("dimensions",), 1, _titan),
    "cohere.embed": _Family(("dimensions", "input_type", "truncate"), 96, _cohere),
    "nova-2-multimodal-embeddings": _Family(("dimensions", "input_type", "truncate"), 1, _nova),
}
