"""Azure's list of models: those that can be deployed, which no call can name; pure, no I/O.

Source: https://learn.microsoft.com/rest/api/azureopenai/models/list
"""

from __future__ import annotations

from dataclasses import replace

from llmgate.models import Model
from llmgate.provider.http import HttpResponse, is_object
from llmgate_openai.models import decode_models

__all__ = ["base_models"]

_CAPABILITIES = {
    "chat_completion": "chat",
    "completion": "completion",
    "embeddings": "embedding",
    "fine_tune": "fine_tuning",
}


def base_models(response: HttpResponse) -> list[Model]:
    """The models, each marked with ``kind`` as a base model: a call names a deployment of it.

    Raises:
        ProviderError, DecodeError: as for OpenAI.
    """
    return [_base_model(model) for model in decode_models(response)]


def _base_model(model: Model) -> Model:
    extra = {"kind": "base", **model.extra}
    native = extra.get("native_capabilities")
    created = model.created
    if created is None and type(extra.get("created_at")) is int:
        created = extra["created_at"] or None
    return replace(
        model,
        created=created,
        capabilities=_capabilities(native) if is_object(native) else None,
        extra=extra,
    )


def _capabilities(native: dict[str, object]) -> dict[str, bool]:
    return {
        ours: value
        for name, ours in _CAPABILITIES.items()
        if isinstance(value := native.get(name), bool)
    }
