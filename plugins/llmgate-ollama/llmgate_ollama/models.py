"""The list of a server's models; pure, no I/O.

Source: https://docs.ollama.com/api/tags
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import HttpResponse, is_array
from llmgate.provider.kit import Fields, read_response
from llmgate_ollama.response.errors import error_in
from llmgate_ollama.response.parts import created_at

__all__ = ["decode_models"]

_CAPABILITIES = {
    "completion": "chat",
    "embedding": "embedding",
    "thinking": "reasoning",
    "tools": "tools",
    "vision": "vision",
}
_LIBRARY = "library"
"""The namespace of a name that has none."""


def decode_models(response: HttpResponse) -> list[Model]:
    """The models of a response.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response lists no models; ``frame`` is its body.
    """
    return read_response(response, _models, "the response lists no models", error_in)


def _models(payload: Any) -> list[Model]:
    fields = Fields(payload)
    if not is_array(fields.payload.get("models")):
        raise DecodeError("it has no models")
    return [_model(entry) for entry in fields.objects("models")]


def _model(entry: Fields) -> Model:
    """One model. How much of its context window a server uses is for ``num_ctx`` to say."""
    name = entry.optional_text("name") or entry.text("model")
    described: dict[str, Any] = entry.others("capabilities", "id", "object", "provider")
    described |= {
        "id": name,
        "created": created_at(entry.payload.get("modified_at")),
        "owned_by": name.rpartition("/")[0] or _LIBRARY,
    }
    if is_array(given := entry.payload.get("capabilities")):
        described["capabilities"] = {
            capability: native in given for native, capability in _CAPABILITIES.items()
        }
        described["native_capabilities"] = given
    return Model.model_validate(described, path=entry.name)
