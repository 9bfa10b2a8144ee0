"""Embeddings of Hugging Face's own hosts, by its feature extraction; pure, no I/O.

Those of a server of TEI's are OpenAI's to write and read.
Source: https://huggingface.co/docs/inference-providers/tasks/feature-extraction
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, UnsupportedError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.http import HttpRequest, HttpResponse, is_array
from llmgate.provider.kit import json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate_openai import error_from_payload

__all__ = ["OF_FEATURES", "OF_TEI", "decode_features", "feature_request"]

_MOST_INPUTS = 32
"""What a server of TEI's takes by default; the hosts of Hugging Face run it as well."""
OF_FEATURES = EmbeddingAbilities(
    {"truncate": Rule("Hugging Face takes true or false", allowed=(True, False))}, _MOST_INPUTS
)
OF_TEI = EmbeddingAbilities(
    {
        "dimensions": Support.NATIVE,
        "encoding_format": Support.NATIVE,
        "user": Support.NATIVE,
    },
    _MOST_INPUTS,
)
_HOST = "hf-inference"


def feature_request(call: EmbeddingCall, base_url: str) -> HttpRequest:
    """The request of one call, without credentials, to the host of this address.

    Raises:
        UnsupportedError: for another provider behind the router.
    """
    model, _, provider = call.model.partition(":")
    if provider not in ("", _HOST):
        reason = f"embeddings of {provider} are not routed: leave it out, or use its own address"
        raise UnsupportedError(reason, parameter="model")
    body: dict[str, Any] = {"inputs": call.input, **call.parameters}
    path = f"/{_HOST}/models/{quote(model)}/pipeline/feature-extraction"
    return json_request(urljoin(base_url, path), merge_body(body, call.extra_body))


def decode_features(response: HttpResponse, call: EmbeddingCall) -> Embeddings:
    """The embeddings of a response, which is a bare list of vectors, or one vector.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    vectors = read_response(
        response, _vectors, "the response holds no embeddings", error_from_payload
    )
    data = [Embedding(vector, place) for place, vector in enumerate(vectors)]
    return Embeddings(data, model=call.model)


def _vectors(payload: Any) -> list[list[float]]:
    return [vector_of(each, f"[{place}]") for place, each in enumerate(_arrays(payload))]


def _arrays(payload: Any) -> list[Any]:
    if not is_array(payload) or not payload:
        raise DecodeError("it is not a list of vectors")
    if not is_array(payload[0]):
        return [payload]
    if payload[0] and is_array(payload[0][0]):
        raise DecodeError("it has a vector for each token: the model makes none of a whole text")
    return payload
