"""OpenAI's embeddings: a call into a request, and the response into vectors; pure, no I/O.

Source: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.http import HttpRequest, HttpResponse, is_array, is_object
from llmgate.provider.kit import SideFields, json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate.types import Usage
from llmgate_openai.response.errors import error_from_payload

__all__ = ["decode_embeddings", "embedding_abilities", "embedding_request"]

_MOST_INPUTS = 2048
_OF_ONE_LENGTH = "text-embedding-ada-"
_PARAMETERS = ("dimensions", "encoding_format", "user")


def embedding_abilities(model: str) -> EmbeddingAbilities:
    """What one of OpenAI's own models takes."""
    parameters: dict[str, Support | Rule] = dict.fromkeys(_PARAMETERS, Support.NATIVE)
    if model.startswith(_OF_ONE_LENGTH):
        parameters["dimensions"] = Rule(f"{model} has vectors of one length", allowed=())
    return EmbeddingAbilities(parameters, _MOST_INPUTS, takes_tokens=True)


def embedding_request(call: EmbeddingCall, url: str, *, prefers_base64: bool) -> HttpRequest:
    """The request of one call, without credentials.

    ``prefers_base64`` asks for base64 where the call leaves that open: it is a quarter of the size,
    and the vectors are the same. It is for hosts that are known to send float32.
    """
    body: dict[str, Any] = {"model": call.model, "input": call.input, **call.parameters}
    if prefers_base64 and "encoding_format" not in body:
        body["encoding_format"] = "base64"
    return json_request(url, merge_body(body, call.extra_body))


def decode_embeddings(response: HttpResponse, *, is_int8: bool = False) -> Embeddings:
    """The embeddings of a response, in the order in which they came.

    ``is_int8`` says that their base64 is of signed bytes.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _embeddings(payload, is_int8=is_int8),
        "the response holds no embeddings",
        error_from_payload,
    )


def _embeddings(payload: Any, *, is_int8: bool) -> Embeddings:
    if not is_object(payload) or not is_array(payload.get("data")):
        raise DecodeError("it has no data")
    return Embeddings(
        data=[_embedding(item, place, is_int8) for place, item in enumerate(payload["data"])],
        model=_model(payload),
        usage=_usage(payload),
        extra={name: value for name, value in payload.items() if name not in _NAMES},
    )


_NAMES = frozenset({"data", "model", "object", "usage"})


def _model(payload: Mapping[str, Any]) -> str:
    model = payload.get("model")
    if model is not None and not isinstance(model, str):
        raise DecodeError("model is not a string")
    return model or ""


def _embedding(item: Any, place: int, is_int8: bool) -> Embedding:
    path = f"data[{place}]"
    if not is_object(item):
        raise DecodeError(f"{path} is not an object")
    index = item.get("index")
    if index is None:
        index = place
    if type(index) is not int:
        raise DecodeError(f"{path}.index is not an integer")
    return Embedding(
        embedding=vector_of(item.get("embedding"), f"{path}.embedding", is_int8=is_int8),
        index=index,
        extra={name: value for name, value in item.items() if name not in _ITEM_NAMES},
    )


_ITEM_NAMES = frozenset({"embedding", "index", "object"})


def _usage(payload: Mapping[str, Any]) -> Usage | None:
    """The usage, in which either count stands for the other: all tokens are the prompt's."""
    side = SideFields(payload).object("usage")
    prompt, total = side.integer("prompt_tokens"), side.integer("total_tokens")
    if prompt is None:
        prompt = total
    if prompt is None:
        return None
    counted = side.integer("completion_tokens") or 0
    extra = side.others("prompt_tokens", "completion_tokens", "total_tokens")
    return Usage(prompt, counted, prompt if total is None else total, extra=extra)
