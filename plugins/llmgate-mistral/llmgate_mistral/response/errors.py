"""What Mistral's own codes mean, and a generation that failed; it decodes nothing else.

Source: https://docs.mistral.ai/api; codes of recorded errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmgate.errors import ContextWindowError, ProviderError, ServerError
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder, chat_error

__all__ = ["MistralDecoder", "mistral_error", "whole"]

_CLASSES: Mapping[str, type[ProviderError]] = {"3051": ContextWindowError}
_FAILED = "error"
"""The finish reason of a generation that failed."""


def mistral_error(response: HttpResponse) -> ProviderError:
    """The error that a response with a status of 300 or more stands for."""
    error = chat_error(response)
    named = _CLASSES.get(error.code or "")
    if named is None or not 400 <= response.status < 500:
        return error
    return named(error.message, status=response.status, code=error.code)


def whole(completion: Completion) -> Completion:
    """The completion, unless its generation failed.

    Raises:
        ServerError: when it did.
    """
    if any(choice.native_finish_reason == _FAILED for choice in completion.choices):
        raise _failure()
    return completion


class MistralDecoder(ChatDecoder):
    """Reads one stream, and raises where a generation failed."""

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunks of one event.

        Raises:
            ProviderError: for an error that is sent inside the stream.
            DecodeError: for an event that is not a chunk.
        """
        chunks = super().feed(frame)
        for chunk in chunks:
            if any(choice.native_finish_reason == _FAILED for choice in chunk.choices):
                error = _failure()
                error.in_stream = True
                raise error
        return chunks


def _failure() -> ServerError:
    return ServerError("the generation failed", status=500, code=_FAILED)
