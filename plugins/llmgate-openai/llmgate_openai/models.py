"""A list of models in OpenAI's shape, with what the hosts of that shape add; pure, no I/O.

Source: https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.models import Model
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.provider.kit import read_response
from llmgate_openai.response.errors import error_from_payload
from llmgate_openai.response.parts import seconds_of

__all__ = ["decode_models"]

_WINDOWS = ("context_window", "context_length", "max_model_len", "max_context_length")
_OUTPUTS = ("max_output", "max_completion_tokens", "max_output_length")


def decode_models(response: HttpResponse) -> list[Model]:
    """The models of a response: OpenAI's list, or a bare array of models (Together).

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response lists no models; ``frame`` is its body.
    """
    return read_response(response, _models, "the response lists no models", error_from_payload)


def _models(payload: Any) -> list[Model]:
    entries = payload.get("data") if is_object(payload) else payload
    if not is_array(entries):
        raise DecodeError("it is not a list")
    return [_model(entry, f"data[{place}]") for place, entry in enumerate(entries)]


def _model(entry: Any, path: str) -> Model:
    if not is_object(entry):
        raise DecodeError(f"{path} is not an object")
    described = {_NATIVE.get(name, name): value for name, value in entry.items()}
    described |= {
        "object": "model",
        "created": seconds_of(entry.get("created")) or None,
        "context_window": _limit(entry, _WINDOWS),
        "max_output": _limit(entry, _OUTPUTS),
    }
    return Model.model_validate(described, path=path)


_NATIVE = {name: f"native_{name}" for name in ("capabilities", "provider")}
"""What hosts mean something else by than :class:`Model` does is kept under another name."""


def _limit(entry: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of these numbers of tokens that the host gives; what is not a number is not one."""
    values = (entry.get(name) for name in names)
    return next((value for value in values if type(value) is int and value > 0), None)
