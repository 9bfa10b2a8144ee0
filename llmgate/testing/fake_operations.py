"""Embeddings and the list of models of :mod:`llmgate.testing.fake`, in its own wire format.

request     {"model": "fake-1", "texts": ["Hi"], "with": {"dimensions": 2}}
response    {"vectors": [{"index": 0, "values": [0.6, -0.8]}], "usage": {"in": 1}}
models      {"names": ["fake-1", "fake-2"]}
"""

from __future__ import annotations

from hashlib import shake_128
from math import hypot
from typing import Any

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import HttpRequest, decode_json, encode_json
from llmgate.provider.kit import merge_body
from llmgate.provider.vectors import vector_of
from llmgate.testing.canned import Canned
from llmgate.types import Usage

__all__ = ["answer_operation", "embedding_request", "embeddings_in", "model_request", "models_in"]

_ADDRESS = "https://fake.invalid"


# --- the provider's side ------------------------------------------------------------------


def embedding_request(call: EmbeddingCall) -> HttpRequest:
    """The request of a call for embeddings."""
    body = {"model": call.model, "texts": call.input, "with": call.parameters}
    headers = {"Content-Type": "application/json"}
    content = encode_json(merge_body(body, call.extra_body))
    return HttpRequest("POST", f"{_ADDRESS}/embed", headers, content)


def embeddings_in(payload: Any) -> Embeddings:
    """The embeddings of a response."""
    match payload:
        case {"vectors": list(vectors)}:  # pyright: ignore[reportUnknownVariableType] # any JSON
            data = [_embedding(item) for item in vectors]  # pyright: ignore[reportUnknownVariableType]
        case _:
            raise DecodeError("there are no vectors")
    match payload:
        case {"usage": {"in": int(count)}}:
            return Embeddings(data, usage=Usage(prompt_tokens=count, total_tokens=count))
        case _:
            return Embeddings(data)


def _embedding(item: Any) -> Embedding:
    match item:
        case {"index": int(index), "values": values}:
            return Embedding(vector_of(values, f"vectors[{index}]"), index)
        case _:
            raise DecodeError("a vector does not say whose it is")


def model_request() -> HttpRequest:
    """The request for the list of models."""
    return HttpRequest("GET", f"{_ADDRESS}/models")


def models_in(payload: Any) -> list[Model]:
    """The models of a response."""
    match payload:
        case {"names": list(names)}:  # pyright: ignore[reportUnknownVariableType] # any JSON
            return [Model.model_validate({"id": name}) for name in names]  # pyright: ignore[reportUnknownVariableType]
        case _:
            raise DecodeError("there are no names")


# --- the server's side --------------------------------------------------------------------


def answer_operation(request: HttpRequest) -> Canned | None:
    """The response to such a request; None to one of a chat."""
    if request.url == f"{_ADDRESS}/models":
        return Canned(body=encode_json({"names": ["fake-1", "fake-2"]}))
    if request.url != f"{_ADDRESS}/embed":
        return None
    asked = decode_json(request.body)
    length, texts = asked["with"].get("dimensions", 8), asked["texts"]
    vectors = [{"index": n, "values": _vector(text, length)} for n, text in enumerate(texts)]
    counted = sum(len(text.split() if isinstance(text, str) else text) for text in texts)
    return Canned(body=encode_json({"vectors": vectors, "usage": {"in": counted}}))


def _vector(item: Any, length: int) -> list[float]:
    """A vector of length one, which is the same for the same text and another for another."""
    numbers = [byte - 127.5 for byte in shake_128(encode_json(item)).digest(length)]
    norm = hypot(*numbers)
    return [number / norm for number in numbers]
