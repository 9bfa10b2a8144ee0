"""Completions from Ollama's whole responses; pure, no I/O.

Source: https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from llmgate.errors import DecodeError
from llmgate.provider.http import HttpResponse
from llmgate.provider.kit import Fields, SideFields, read_response
from llmgate.report import Report
from llmgate.types import Completion
from llmgate_ollama.response.errors import error_in
from llmgate_ollama.response.parts import ending, envelope, message_fields, tool_calls

__all__ = ["decode"]


def decode(response: HttpResponse, call_id: str, report: Report) -> Completion:
    """The completion of a whole response.

    Args:
        response: The response.
        call_id: What the completion's id is, and those of calls are made from.
        report: Where it is recorded what is odd beside the content.

    Raises:
        ProviderError: when an error was sent with status 200.
        DecodeError: when the response is not a completion; ``frame`` is its body.
    """
    return read_response(
        response,
        lambda payload: _completion(Fields(payload), call_id, report),
        "the response is not a completion",
        error_in,
    )


def _completion(fields: Fields, call_id: str, report: Report) -> Completion:
    message, side = fields.object("message"), SideFields(fields.payload, report)
    if fields.payload.get("done") is not True:
        raise DecodeError("it is not done")
    if not _CONTENTS & message.payload.keys():
        raise DecodeError("message holds no content")
    calls = tool_calls(message, call_id, report)
    whole = {**message_fields(message, report), "tool_calls": calls or None}
    choice = {"index": 0, "message": whole, **ending(side, has_calls=bool(calls))}
    return Completion.model_validate({**envelope(side, call_id), "choices": [choice]})


_CONTENTS = frozenset({"content", "thinking", "tool_calls", "images"})
