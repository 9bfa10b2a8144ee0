"""Google's lists of models, page by page: those of the Developer API and of Vertex AI; no I/O.

Source: https://ai.google.dev/api/models; Vertex AI's ``publishers.models.list``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import Flow, HttpResponse, is_array, is_object
from llmgate.provider.kit import Fields, SideFields, read_response
from llmgate.provider.kit.paging import read_pages
from llmgate_gemini.response.errors import error_from_payload

__all__ = ["list_pages"]

_PAGE = 1000
_METHODS: Mapping[str, str] = {
    "generateContent": "chat",
    "streamGenerateContent": "streaming",
    "embedContent": "embedding",
    "batchEmbedContents": "embedding",
    "createTunedModel": "fine_tuning",
}


def list_pages(url: str, *, size: int = _PAGE) -> Flow[list[Model]]:
    """All models; pages are followed to the end.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when a response lists no models, or there is no end of them.
    """
    first = f"{url}{'&' if '?' in url else '?'}pageSize={size}"
    return read_pages(first, "pageToken", _page)


def _page(response: HttpResponse) -> tuple[list[Model], str]:
    """The models of a page, and the token of the next one."""
    return read_response(
        response, _models_and_token, "the response lists no models", error_from_payload
    )


def _models_and_token(payload: Any) -> tuple[list[Model], str]:
    fields = Fields(payload)
    key = "publisherModels" if "publisherModels" in fields.payload else "models"
    if key not in fields.payload:
        raise DecodeError("it has no models")
    return [*map(_model, fields.objects(key))], fields.optional_text("nextPageToken") or ""


def _model(entry: Fields) -> Model:
    fields = SideFields(entry.payload)
    path = entry.text("name")
    extra = fields.others("name", "inputTokenLimit", "outputTokenLimit")
    name = path.rpartition("/")[2]
    owner = path.split("/")[1] if path.startswith("publishers/") else "google"
    if path.startswith("tunedModels/"):
        name = path
    return Model(
        name,
        owned_by=owner,
        context_window=fields.integer("inputTokenLimit"),
        max_output=fields.integer("outputTokenLimit"),
        capabilities=_capabilities(entry.payload) or None,
        extra=extra,
    )


def _capabilities(payload: Mapping[str, Any]) -> dict[str, bool]:
    methods = payload.get("supportedGenerationMethods", payload.get("supportedActions"))
    found: dict[str, bool] = {}
    if is_array(methods) or is_object(methods):
        found = {kind: True for method, kind in _METHODS.items() if method in methods}
    if isinstance(payload.get("thinking"), bool):
        found["reasoning"] = payload["thinking"]
    return found
