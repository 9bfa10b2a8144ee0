"""The body of OpenAI's "Create chat completion" from a call: pure, and unchanged where it can be.

What it leaves out, renames or adds is recorded in the call's report.
Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, encode_json
from llmgate.provider.kit import merge_body, parameter
from llmgate_openai.request.dialect import Dialect
from llmgate_openai.request.marks import without_cache_control
from llmgate_openai.request.messages import messages_of
from llmgate_openai.rules import is_unreasoning_with_tools

__all__ = ["chat_request", "encode"]


def chat_request(
    call: ProviderCall,
    url: str,
    dialect: Dialect,
    on_usage_refused: Callable[[], None] | None = None,
) -> HttpRequest:
    """The request of one chat completion, without credentials.

    Where the host refuses to be asked for the usage of a stream, the request is sent again without
    that, and ``on_usage_refused`` is called.
    """
    body, on_refusal = encode(call, dialect), None
    if on_usage_refused is not None and "stream_options" in body:
        on_refusal = _without_usage(call, url, dialect, on_usage_refused)
    headers = {"content-type": "application/json"}
    request = HttpRequest("POST", url, headers, encode_json(body), 0.0, call.stream)
    request.on_refusal = on_refusal
    return request


def _without_usage(
    call: ProviderCall, url: str, dialect: Dialect, on_usage_refused: Callable[[], None]
) -> Callable[[ProviderError], HttpRequest | None]:
    """What gives the request without that, for the error of a host which refuses it."""

    def other_request(error: ProviderError) -> HttpRequest | None:
        if not _is_about_usage(error):
            return None
        on_usage_refused()
        return chat_request(call, url, dialect._replace(stream_usage=None))

    return other_request


def _is_about_usage(error: ProviderError) -> bool:
    """Whether the host refused the parameter, which its error then names."""
    said = (error.body or b"") + error.message.encode("utf-8", "replace")
    return error.status in (400, 422) and any(name in said for name in _USAGE)


_USAGE = (b"stream_options", b"include_usage", b"StreamOptions", b"streamOptions")


def encode(call: ProviderCall, dialect: Dialect) -> dict[str, Any]:
    """The body of the request. What differs from the call is in its report.

    Raises:
        InvalidRequestError: when a message's ``provider_data`` is not a dictionary, or a limit is
            below 1.
        UnsupportedError: when something is to be left out and the caller wants none of that.
    """
    if dialect.gated:
        call = without_cache_control(call)
    body: dict[str, Any] = {
        "model": call.model,
        "messages": messages_of(call, dialect),
        **call.parameters,
    }
    if not dialect.unlimited_tokens:
        _check_limits(call)
    if dialect.gated and ("tools" in body or "functions" in body):
        _forbid_reasoning(body, call)
    if call.stream:
        body["stream"] = True
        _ask_for_usage(body, call, dialect)
    return merge_body(body, call.extra_body) if call.extra_body else body


def _ask_for_usage(body: dict[str, Any], call: ProviderCall, dialect: Dialect) -> None:
    path = "stream_options.include_usage"
    if dialect.stream_usage is None:
        if call.include_usage or path in call.report:  # as it was asked for before it was refused
            reason = "the host refuses to be asked for the usage of a stream"
            call.report.add("dropped", path, reason)
    elif dialect.stream_usage or call.include_usage:
        body["stream_options"] = {"include_usage": True}
        if not call.include_usage:
            reason = "so that the stream ends with its usage"
            call.report.add("injected", path, reason, sent=True)


def _forbid_reasoning(body: dict[str, Any], call: ProviderCall) -> None:
    """Tell a model not to reason which refuses tools while it does, and does so unasked."""
    has_tools = body.get("tools") or body.get("functions")
    if has_tools and "reasoning_effort" not in body and is_unreasoning_with_tools(call.model):
        body["reasoning_effort"] = "none"
        reason = f"{call.model} takes tools only while it does not reason"
        call.report.add("injected", "reasoning_effort", reason, sent="none")


def _check_limits(call: ProviderCall) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if parameter(call, name) == -1:
            reason = "expected 1 or more, got -1, which only some other hosts take for no limit"
            raise InvalidRequestError(reason, path=name)
