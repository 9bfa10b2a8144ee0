"""Embeddings of the Developer API and of Vertex AI: requests and vectors; pure, no I/O.

Each text is a content of its own, since several parts of one content have one vector.
Source: https://ai.google.dev/api/embeddings; Vertex AI's "Text embeddings API" and google-genai.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.embeddings import Embedding, EmbeddingCall, Embeddings
from llmgate.errors import DecodeError
from llmgate.provider import EmbeddingAbilities, Rule, Support
from llmgate.provider.http import Flow, HttpResponse
from llmgate.provider.kit import Fields, SideFields, json_request, merge_body, read_response
from llmgate.provider.vectors import vector_of
from llmgate.types import Usage
from llmgate_gemini.request.address import full_name, method_url
from llmgate_gemini.response.errors import error_from_payload
from llmgate_gemini.response.parts import usage_of

__all__ = ["batch_abilities", "embed_batch", "embed_on_vertex", "vertex_abilities"]

_TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}
_MOST_INPUTS = 100
_MOST_INSTANCES = 250
_FIRST = "gemini-embedding-001"


# --- the Developer API --------------------------------------------------------------------


def batch_abilities(model: str) -> EmbeddingAbilities:
    """What a model of the Developer API takes."""
    return EmbeddingAbilities(_parameters(model), _MOST_INPUTS)


def embed_batch(call: EmbeddingCall, model_url: str) -> Flow[Embeddings]:
    """All texts in one request."""
    name = full_name(call.model)
    config = _config(call)
    requests = [{"model": name, "content": _content(text), **config} for text in call.input]
    body = merge_body({"requests": requests}, call.extra_body)
    response = yield json_request(method_url(model_url, "batchEmbedContents"), body)
    return _decoded(response, call, "embeddings")


# --- Vertex AI ----------------------------------------------------------------------------


def vertex_abilities(model: str) -> EmbeddingAbilities:
    """What a model of Vertex AI takes: one text a request, but for the older models of text."""
    most = 1 if "gemini" in model else _MOST_INSTANCES
    return EmbeddingAbilities({**_parameters(model), "truncate": Support.TRANSLATED}, most)


def embed_on_vertex(call: EmbeddingCall, model_url: str) -> Flow[Embeddings]:
    """One request, by the method that the model has."""
    truncate = call.parameters.get("truncate", False) not in (False, "NONE", "none")
    config = _config(call)
    if "gemini" in call.model and not call.model.endswith(_FIRST):
        content = _content(call.input[0])
        body: dict[str, Any] = {
            "content": content,
            "embedContentConfig": {**config, "autoTruncate": truncate},
        }
        url = method_url(model_url, "embedContent")
        response = yield json_request(url, merge_body(body, call.extra_body))
        return _decoded(response, call, "embedding")
    task = config.pop("taskType", None)
    instance = {} if task is None else {"task_type": task}
    body = {
        "instances": [{"content": text, **instance} for text in call.input],
        "parameters": {**config, "autoTruncate": truncate},
    }
    url = method_url(model_url, "predict")
    response = yield json_request(url, merge_body(body, call.extra_body))
    return _decoded(response, call, "predictions")


# --- requests -----------------------------------------------------------------------------


def _parameters(model: str) -> Mapping[str, Support | Rule]:
    """Vectors are always numbers here, whatever encoding is asked for."""
    known = ("dimensions", "encoding_format", "input_type")
    parameters: dict[str, Support | Rule] = dict.fromkeys(known, Support.TRANSLATED)
    if "gemini-embedding-" in model and not model.endswith(_FIRST):
        reason = f"{model} is told its task in the text itself, as 'task: … | query: …'"
        parameters["input_type"] = Rule(reason, allowed=())
    return parameters


def _config(call: EmbeddingCall) -> dict[str, Any]:
    config: dict[str, Any] = {}
    kind = call.parameters.get("input_type")
    if kind is not None:
        config["taskType"] = _TASKS.get(kind, kind)
    if "dimensions" in call.parameters:
        config["outputDimensionality"] = call.parameters["dimensions"]
    return config


def _content(text: Any) -> dict[str, Any]:
    return {"parts": [{"text": text}]}


# --- responses ----------------------------------------------------------------------------


def _decoded(response: HttpResponse, call: EmbeddingCall, key: str) -> Embeddings:
    """The embeddings that a response has under this key.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response holds no embeddings; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _embeddings(Fields(payload), call, key),
        "the response holds no embeddings",
        error_from_payload,
    )


def _embeddings(fields: Fields, call: EmbeddingCall, key: str) -> Embeddings:
    entries = [fields.object(key)] if key == "embedding" else fields.objects(key)
    if not entries:
        raise DecodeError(f"it has no {key}")
    data = [_embedding(entry, place, call) for place, entry in enumerate(entries)]
    usage = _usage(fields.payload, entries, call)
    if fields.payload.get("truncated") is True:
        _report_truncated(0, call)
    return Embeddings(data, usage=usage, extra=fields.others(key, "usageMetadata"))


def _embedding(entry: Fields, place: int, call: EmbeddingCall) -> Embedding:
    """One vector; a prediction has it one level deeper, with what was counted for it."""
    inner = entry.optional_object("embeddings")
    vector = entry if inner is None else inner
    statistics = SideFields(vector.payload).object("statistics")
    if statistics.payload.get("truncated") is True:
        _report_truncated(place, call)
    values = vector_of(vector.array("values"), f"{vector.name}.values")
    return Embedding(values, place, extra={**vector.others("values"), **entry.others(*_VECTOR)})


_VECTOR = ("values", "embeddings", "statistics")


def _report_truncated(place: int, call: EmbeddingCall) -> None:
    call.report.add("clamped", f"input[{place}]", "the text is longer than the model reads")


def _usage(payload: Any, entries: list[Fields], call: EmbeddingCall) -> Usage | None:
    """The counts of a response, or those of its predictions; None where there are none."""
    counts = payload.get("usageMetadata")
    if counts is not None:
        return usage_of(counts, call.report)
    found = [
        SideFields(entry.payload).object("embeddings").object("statistics").integer("token_count")
        for entry in entries
    ]
    known = [count for count in found if count is not None]
    return Usage(sum(known), 0, sum(known)) if known else None
