"""Completions from Gemini's whole responses; pure, no I/O.

A whole response is read as a stream of one event.
Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from __future__ import annotations

from llmgate.errors import DecodeError, ProviderError
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import add_frame, read_json
from llmgate.types import Completion
from llmgate_gemini.response.candidate import Context
from llmgate_gemini.response.stream import ContentDecoder

__all__ = ["decode"]


def decode(response: HttpResponse, context: Context) -> Completion:
    """The completion of a whole response.

    Args:
        response: The response.
        context: What has to be known of the call.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response is none of Gemini's; ``frame`` is its body.
    """
    decoder = ContentDecoder(context)
    try:
        accumulator = decoder.accumulator
        accumulator.add(decoder.chunk(read_json(response.body)))
        if not decoder.has_choices:
            raise DecodeError("it has no candidates")
        if decoder.empty_candidate is not None:
            raise DecodeError(f"candidates[{decoder.empty_candidate}] holds no content")
        for chunk in decoder.end():
            accumulator.add(chunk)
        return accumulator.completion()
    except ProviderError as error:
        error.in_stream = False
        raise
    except DecodeError as error:
        add_frame(error, "the response is not one of Gemini's", response.body)
        raise
