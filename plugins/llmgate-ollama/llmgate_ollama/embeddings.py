"""Ollama's embeddings: a call into a request, and the response into vectors; pure, no I/O.

Source: https://docs.ollama.com/api/embed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Fields, SideFields, json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate.report import Report
from llmgate.types import Usage
from llmgate_ollama.response.errors import error_in

__all__ = ["ABILITIES", "decode_embeddings", "embedding_request"]

ABILITIES = EmbeddingAbilities(
    {
        "dimensions": Support.NATIVE,
        "truncate": Rule("Ollama takes true or false", allowed=(True, False)),
    }
)
"""What every model takes; a server takes any number of texts at once."""


def embedding_request(call: EmbeddingCall, url: str, defaults: Mapping[str, Any]) -> HttpRequest:
    """The request of one call, without credentials.

    A text that is too long is an error, unless the call says ``truncate=True``: by itself, Ollama
    would make the vector of its beginning and say nothing of it.
    """
    body: dict[str, Any] = {**defaults, "model": call.model, "input": call.input}
    body |= call.parameters
    if "truncate" not in body:
        body["truncate"] = False
        reason = "else a text that is too long would be cut silently"
        call.report.add("defaulted", "truncate", reason, sent=False)
    return json_request(url, merge_body(body, call.extra_body))


def decode_embeddings(response: HttpResponse, report: Report) -> Embeddings:
    """The embeddings of a response, in the order in which they came.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _embeddings(Fields(payload), report),
        "the response holds no embeddings",
        error_in,
    )


def _embeddings(fields: Fields, report: Report) -> Embeddings:
    if fields.payload.get("embeddings") is None:
        raise DecodeError("it has no embeddings")
    vectors = [
        vector_of(vector, f"embeddings[{place}]")
        for place, vector in enumerate(fields.array("embeddings"))
    ]
    side = SideFields(fields.payload, report)
    tokens, model = side.integer("prompt_eval_count"), side.text("model")
    return Embeddings(
        data=[Embedding(vector, place) for place, vector in enumerate(vectors)],
        model=model or "",
        usage=None if tokens is None else Usage(prompt_tokens=tokens, total_tokens=tokens),
        extra=side.others("embeddings", "model", "prompt_eval_count"),
    )
