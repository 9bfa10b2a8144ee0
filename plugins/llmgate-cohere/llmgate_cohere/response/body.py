"""Completions from the bodies of Cohere's responses, in whichever framing they come; no I/O.

Source: https://docs.cohere.com/reference/chat (the response)
"""

from __future__ import annotations

from llmgate.errors import DecodeError
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import (
    NameMap,
    add_frame,
    completion_of_events,
    is_event_stream,
    read_json,
    without_terminator,
)
from llmgate.report import Report
from llmgate.types import Completion
from llmgate_cohere.response.errors import error_in
from llmgate_cohere.response.message import completion_of
from llmgate_cohere.response.stream import ChatDecoder

__all__ = ["decode"]


def decode(
    response: HttpResponse,
    call_id: str,
    model: str = "",
    names: NameMap | None = None,
    report: Report | None = None,
) -> Completion:
    """The completion of a whole response.

    Args:
        response: The response.
        call_id: What missing ids are made from.
        model: The model that was asked; a response does not name it.
        names: The names of the tools, where some were sent under another.
        report: The call's report, for odd values beside the content.

    Raises:
        ProviderError: when the generation failed, or an error was sent with status 200.
        DecodeError: when the response is not a chat response; ``frame`` is its body.
    """
    if is_event_stream(response.body):
        if report is not None:
            reason = "a stream came in place of a whole response, and is read as one"
            report.add("converted", "stream", reason, given=False)
        return completion_of_events(response.body, ChatDecoder(call_id, model, names, report))
    payload = read_json(without_terminator(response.body))
    error = error_in(payload)
    if error is not None:
        error.in_stream = False
        raise error
    try:
        return completion_of(payload, call_id, model, names, report)
    except DecodeError as failure:
        add_frame(failure, "the response is not a chat response", response.body)
        raise
