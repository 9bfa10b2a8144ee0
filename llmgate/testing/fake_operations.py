"""What :mod:`llmgate.testing.fake` does beside chat, in its own wire format.

request     {"model": "fake-1", "texts": ["Hi"], "with": {"dimensions": 2}}
response    {"vectors": [{"index": 0, "values": [0.6, -0.8]}], "usage": {"in": 1}}
request     {"model": "fake-1", "for": "Hi", "sort": ["Hi there"], "with": {}}
response    {"scores": [{"index": 0, "relevance_score": 1.0}], "usage": {"in": 3}}
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
from llmgate.provider.ranking import results_in
from llmgate.provider.vectors import vector_of
from llmgate.reranking import RerankCall, Reranking, RerankUsage
from llmgate.testing.canned import Canned
from llmgate.types import Usage

__all__ = [
    "answer_operation",
    "embedding_request",
    "embeddings_in",
    "model_request",
    "models_in",
    "rerank_request",
    "reranking_in",
    "vector_for",
]

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


def rerank_request(call: RerankCall) -> HttpRequest:
    """The request of a call for a reranking."""
    body = {"model": call.model, "for": call.query, "sort": call.documents, "with": call.parameters}
    headers = {"Content-Type": "application/json"}
    content = encode_json(merge_body(body, call.extra_body))
    return HttpRequest("POST", f"{_ADDRESS}/rerank", headers, content)


def reranking_in(payload: Any) -> Reranking:
    """The reranking of a response."""
    match payload:
        case {"scores": scores, "usage": {"in": int(count)}}:
            return Reranking(results_in(scores, "scores"), usage=RerankUsage(count, count))
        case {"scores": scores}:
            return Reranking(results_in(scores, "scores"))
        case _:
            raise DecodeError("there are no scores")


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
    if request.url == f"{_ADDRESS}/rerank":
        return Canned(body=encode_json(_scored(decode_json(request.body))))
    if request.url != f"{_ADDRESS}/embed":
        return None
    asked = decode_json(request.body)
    length, texts = asked["with"].get("dimensions", 8), asked["texts"]
    vectors = [{"index": n, "values": vector_for(text, length)} for n, text in enumerate(texts)]
    counted = sum(len(text.split() if isinstance(text, str) else text) for text in texts)
    return Canned(body=encode_json({"vectors": vectors, "usage": {"in": counted}}))


def _scored(asked: Any) -> dict[str, Any]:
    """A score for each document: how many of the query's words it has."""
    words = {*asked["for"].lower().split()}
    texts = [" ".join(map(str, _values(each))).lower().split() for each in asked["sort"]]
    scores = [
        {"index": place, "relevance_score": len(words & {*text}) / len(words)}
        for place, text in enumerate(texts)
    ]
    return {"scores": scores, "usage": {"in": sum(map(len, texts)) + len(words)}}


def _values(document: Any) -> list[Any]:
    return [document] if isinstance(document, str) else [*document.values()]


def vector_for(item: Any, length: int) -> list[float]:
    """A vector of length one, which is the same for the same text and another for another."""
    numbers = [byte - 127.5 for byte in shake_128(encode_json(item)).digest(length)]
    norm = hypot(*numbers)
    return [number / norm for number in numbers]
