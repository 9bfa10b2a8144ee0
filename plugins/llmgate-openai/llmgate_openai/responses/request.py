"""The body of OpenAI's "Create a response" from a call of chat: pure.

What it leaves out, changes or adds is recorded in the call's report.
Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, is_object
from llmgate.provider.kit import (
    check_text_only,
    json_request,
    merge_body,
    parameter,
    token_limit,
)
from llmgate_openai.api import ApiChoice
from llmgate_openai.request.marks import without_cache_control
from llmgate_openai.responses.dialect import ResponsesDialect
from llmgate_openai.responses.messages import input_items
from llmgate_openai.responses.tools import add_tools, text_format
from llmgate_openai.rules import may_reason

__all__ = ["encode_responses", "responses_request"]


def responses_request(
    call: ProviderCall, url: str, choice: ApiChoice, dialect: ResponsesDialect
) -> HttpRequest:
    """The request of one response, without credentials."""
    return json_request(url, encode_responses(call, choice, dialect), stream=call.stream)


def encode_responses(
    call: ProviderCall, choice: ApiChoice, dialect: ResponsesDialect
) -> dict[str, Any]:
    """The body of the request. What differs from the call is in its report, and the API first.

    Raises:
        InvalidRequestError: when a message's ``provider_data`` is not a dictionary, or a limit is
            below 1.
        UnsupportedError: for what the Responses API cannot carry, such as sounds.
    """
    call.report.add("converted", "api", choice.reason, sent="responses")
    if dialect.gated:
        call = without_cache_control(call)
    body: dict[str, Any] = {"model": choice.model, "input": input_items(call, dialect)}
    check_text_only(call, "the Responses API")
    for name in _UNCHANGED:
        value = parameter(call, name)
        if value is not None:
            body[name] = value
    if call.stream:
        body["stream"] = True
    _add_limit(body, call, dialect)
    _add_text(body, call)
    effort = parameter(call, "reasoning_effort")
    if effort is not None:
        body["reasoning"] = {"effort": effort}
    add_tools(body, call)
    _add_include(body, call, choice.model, dialect)
    _add_store(body, call)
    return merge_body(body, call.extra_body) if call.extra_body else body


_UNCHANGED = (
    *("temperature", "top_p", "top_logprobs", "parallel_tool_calls", "metadata", "service_tier"),
    *("safety_identifier", "user", "prompt_cache_key", "prompt_cache_options"),
    *("prompt_cache_retention", "moderation", "store"),
)


def _add_limit(body: dict[str, Any], call: ProviderCall, dialect: ResponsesDialect) -> None:
    found = token_limit(call)
    if found is None:
        return
    name, limit = found
    if limit < 1:
        raise InvalidRequestError(f"expected 1 or more, got {limit}", path=name)
    if dialect.gated and limit < _LEAST_TOKENS:
        reason = f"the Responses API takes {_LEAST_TOKENS} or more"
        call.report.add("clamped", name, reason, given=limit, sent=_LEAST_TOKENS)
        limit = _LEAST_TOKENS
    body["max_output_tokens"] = limit


_LEAST_TOKENS = 16


def _add_text(body: dict[str, Any], call: ProviderCall) -> None:
    text: dict[str, Any] = {}
    given = parameter(call, "response_format")
    if given is not None:
        text["format"] = text_format(given)
    verbosity = parameter(call, "verbosity")
    if verbosity is not None:
        text["verbosity"] = verbosity
    if text:
        body["text"] = text


def _add_include(
    body: dict[str, Any], call: ProviderCall, model: str, dialect: ResponsesDialect
) -> None:
    """Ask for log probabilities, and for reasoning in the form in which it can be sent back."""
    if "include" in call.extra_body:
        return
    include: list[str] = []
    encrypted = dialect.encrypted
    if encrypted is None:
        encrypted = may_reason(model) or "reasoning_effort" in call.parameters
    if encrypted:
        include.append(_ENCRYPTED)
        reason = "so that the reasoning can be sent back, as nothing is stored"
        call.report.add("injected", "include", reason, sent=[_ENCRYPTED])
    if parameter(call, "logprobs"):
        include.append("message.output_text.logprobs")
    if include:
        body["include"] = include


_ENCRYPTED = "reasoning.encrypted_content"


def _add_store(body: dict[str, Any], call: ProviderCall) -> None:
    if "store" in body or "store" in call.extra_body:
        return
    body["store"] = False
    reason = "the Responses API stores responses unless it is asked not to, as chat does not"
    call.report.add("injected", "store", reason, sent=False)


def is_json(call: ProviderCall) -> bool:
    """Whether the text of the response is to be JSON."""
    given = parameter(call, "response_format")
    return is_object(given) and given.get("type") in ("json_object", "json_schema")
