"""What Hugging Face's errors mean beyond OpenAI's: a model that loads, a generation that failed.

Source: https://huggingface.co/docs/text-generation-inference (error_type), recorded errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError, ProviderError
from llmgate.provider.http import HttpResponse, is_object
from llmgate.provider.kit import read_json
from llmgate_openai import chat_error

__all__ = ["huggingface_error"]

_FAILED_DEPENDENCY = 424
"""TGI's status of a generation that failed, and of a server behind that did."""
_LONGEST = 3600


def huggingface_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 300 or more stands for."""
    error, fields = chat_error(response), _fields_of(response)
    kind = fields.get("error_type")
    if error.code is None and isinstance(kind, str):
        error.code = kind
    wait = fields.get("estimated_time")  # until the model is loaded
    if response.status == 503 and isinstance(wait, int | float) and 0 < wait < _LONGEST:
        error.retry_after = float(wait)
    if response.status == _FAILED_DEPENDENCY and kind == "generation":
        error.retryable = True
    return error


def _fields_of(response: HttpResponse) -> Mapping[str, Any]:
    try:
        payload = read_json(response.body)
    except DecodeError:
        return {}
    return payload if is_object(payload) else {}
