"""The router's list of models, and the only model of a server; pure, no I/O.

Source: https://huggingface.co/docs/inference-providers/hub-api; TGI's and TEI's ``/info``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import Fields, SideFields, read_json
from llmgate_openai.models import decode_models

__all__ = ["huggingface_models"]

_ABILITIES = {"tools": "supports_tools", "json_schema": "supports_structured_output"}
_KINDS = {"embedding": "embedding", "reranker": "rerank"}


def huggingface_models(response: HttpResponse) -> list[Model]:
    """The models of a response, or the one that a server says it has.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response lists no models.
    """
    payload = read_json(response.body)
    if is_object(payload) and "model_id" in payload:
        return [_served(Fields(payload))]
    return [_described(model) for model in decode_models(response)]


def _described(model: Model) -> Model:
    """A model of the router, as those say that serve it: the largest window, any ability."""
    given: Any = model.extra.get("providers")
    providers = [each for each in given if is_object(each)] if is_array(given) else []
    serving = [each for each in providers if each.get("status", "live") == "live"]
    windows = [
        each["context_length"] for each in serving if type(each.get("context_length")) is int
    ]
    found = {
        ours: any(each[theirs] is True for each in serving if theirs in each)
        for ours, theirs in _ABILITIES.items()
        if any(theirs in each for each in serving)
    }
    architecture: Any = model.extra.get("architecture")
    inputs: Any = architecture.get("input_modalities") if is_object(architecture) else None
    if is_array(inputs):
        found["vision"] = "image" in inputs
    window = model.context_window or max(windows, default=None)
    return replace(model, context_window=window, capabilities=found or None)


def _served(fields: Fields) -> Model:
    """The model of a server of TGI's or TEI's."""
    identifier = fields.text("model_id")
    if not identifier:
        raise DecodeError("model_id is empty")
    side = SideFields(fields.payload)
    window = side.integer("max_total_tokens") or side.integer("max_input_length")
    described: dict[str, Any] = {"id": identifier, "context_window": window}
    kind = fields.payload.get("model_type")
    if is_object(kind):
        described["capabilities"] = {ours: theirs in kind for theirs, ours in _KINDS.items()}
    return Model.model_validate(
        {**fields.others("id", "object", "provider", "capabilities"), **described}
    )
