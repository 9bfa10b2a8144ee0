"""Completions from whole responses of the Responses API; pure, no I/O.

Source: https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmgate.errors import DecodeError, ProviderError
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import (
    add_frame,
    completion_of_events,
    is_event_stream,
    parameter,
    read_json,
)
from llmgate_openai.responses.request import is_json
from llmgate_openai.responses.stream import ResponsesDecoder

if TYPE_CHECKING:
    from llmgate.provider.call import ProviderCall
    from llmgate.types import Completion
    from llmgate_openai.responses.dialect import ResponsesDialect

__all__ = ["decode_response", "decoder_of"]


def decoder_of(call: ProviderCall, dialect: ResponsesDialect) -> ResponsesDecoder:
    """What reads the events of a call's stream."""
    return ResponsesDecoder(
        call.id,
        provider=dialect.provider,
        report=call.report,
        is_json=is_json(call),
        has_functions=bool(parameter(call, "functions")),
    )


def decode_response(
    response: HttpResponse, call: ProviderCall, dialect: ResponsesDialect
) -> Completion:
    """The completion of a whole response, or of a stream that came in its place.

    Raises:
        ProviderError: when the response failed, was cancelled or is not done, or an error was sent
            with status 200.
        DecodeError: when it is no response of this API; ``frame`` is its body.
        StreamTruncatedError: when it is a stream without its end.
    """
    body, decoder = response.body, decoder_of(call, dialect)
    if is_event_stream(body):
        call.report.add("converted", "response", "it came as a stream of events")
        return completion_of_events(body, decoder)
    payload: Any = read_json(body)
    try:
        decoder.whole(payload)
        return decoder.accumulator.completion()
    except ProviderError as error:
        error.in_stream = False
        raise
    except DecodeError as error:
        add_frame(error, "the response is not one of the Responses API", body)
        raise
