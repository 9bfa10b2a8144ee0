"""The body of OpenAI's "Create chat completion" from a call: pure, and unchanged where it can be.

What it leaves out, renames or adds is recorded in the call's report.
Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest
from llmgate.provider.kit import json_request, merge_body
from llmgate_openai.request.dialect import Dialect
from llmgate_openai.request.messages import messages_of

__all__ = ["chat_request", "encode"]


def chat_request(call: ProviderCall, url: str, dialect: Dialect) -> HttpRequest:
    """The request of one chat completion, without credentials."""
    return json_request(url, encode(call, dialect), stream=call.stream)


def encode(call: ProviderCall, dialect: Dialect) -> dict[str, Any]:
    """The body of the request. What differs from the call is in its report.

    OpenAI refuses function tools while gpt-5.4 and later reason. That is left for it to say: which
    models it holds for changes, and a model without its reasoning or its tools is another.

    Raises:
        InvalidRequestError: when a message's ``provider_data`` is not a dictionary.
        UnsupportedError: when something is to be left out and the caller wants none of that.
    """
    body: dict[str, Any] = {
        "model": call.model,
        "messages": messages_of(call, dialect),
        **call.parameters,
    }
    if call.stream:
        body["stream"] = True
        _ask_for_usage(body, call, dialect)
    return merge_body(body, call.extra_body) if call.extra_body else body


def _ask_for_usage(body: dict[str, Any], call: ProviderCall, dialect: Dialect) -> None:
    if dialect.stream_usage or call.include_usage:
        body["stream_options"] = {"include_usage": True}
    if dialect.stream_usage and not call.include_usage:
        call.report.add(
            "injected",
            "stream_options.include_usage",
            "so that the stream ends with its usage",
            sent=True,
        )
