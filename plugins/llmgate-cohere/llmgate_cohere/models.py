"""Cohere's list of models, page by page; pure, no I/O.

Source: https://docs.cohere.com/reference/list-models
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.accumulate import beside
from llmgate.provider.http import Flow
from llmgate.provider.kit import Fields, SideFields, read_response
from llmgate.provider.kit.paging import read_pages
from llmgate_cohere.request.history import NAME
from llmgate_cohere.response.errors import error_in

__all__ = ["list_models"]

_PAGE = 1000
_ENDPOINTS: Mapping[str, str] = {
    "chat": "chat",
    "embed": "embedding",
    "generate": "completion",
    "rerank": "rerank",
}
_FEATURES: Mapping[str, str] = {
    "json_schema": "json_schema",
    "reasoning": "reasoning",
    "tools": "tools",
    "vision": "vision",
}
"""What OpenAI's shape calls what Cohere says of a model."""


def list_models(url: str) -> Flow[list[Model]]:
    """The flow that asks for all pages of the list.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when a response lists no models, or when its pages do not end.
    """
    page = f"{url}{'&' if '?' in url else '?'}page_size={_PAGE}"
    failure = "the response lists no models"
    return read_pages(
        page, "page_token", lambda each: read_response(each, _models_and_token, failure, error_in)
    )


def _models_and_token(payload: Any) -> tuple[list[Model], str]:
    fields = Fields(payload)
    if "models" not in fields.payload:
        raise DecodeError("it has no models")
    models = [_model(entry) for entry in fields.objects("models")]
    return models, fields.optional_text("next_page_token") or ""


def _model(entry: Fields) -> Model:
    fields = SideFields(entry.payload)
    context = fields.integer("context_length")
    endpoints, features = fields.array("endpoints"), fields.array("features")
    capabilities: dict[str, Any] = {
        name: native in endpoints for native, name in _ENDPOINTS.items() if endpoints
    }
    capabilities |= {name: True for native, name in _FEATURES.items() if native in features}
    return Model(
        id=entry.text("name"),
        owned_by=NAME,
        context_window=context if context else None,
        capabilities=capabilities or None,
        extra=beside(fields.others("name", "context_length"), Model, NAME),
    )
