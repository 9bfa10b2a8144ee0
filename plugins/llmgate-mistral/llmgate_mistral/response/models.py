"""What Mistral says that its models can do; the list itself is OpenAI's.

Source: https://docs.mistral.ai/api/endpoint/models
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmgate.models import Model
from llmgate.provider.http import HttpResponse, is_object
from llmgate_openai.models import decode_models

__all__ = ["mistral_models"]

_CAPABILITIES: Mapping[str, str] = {
    "audio": "audio_in",
    "completion_chat": "chat",
    "completion_fim": "completion",
    "fine_tuning": "fine_tuning",
    "function_calling": "tools",
    "moderation": "moderation",
    "reasoning": "reasoning",
    "vision": "vision",
}


def mistral_models(response: HttpResponse) -> list[Model]:
    """The models of a response, each once.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response lists no models.
    """
    models = {model.id: model for model in decode_models(response)}
    return [_described(model) for model in models.values()]


def _described(model: Model) -> Model:
    native = model.extra.get("native_capabilities")
    if not is_object(native):
        return model
    found = {ours: native[theirs] for theirs, ours in _CAPABILITIES.items() if theirs in native}
    return replace(model, capabilities=found)
