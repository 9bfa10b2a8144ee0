"""A call with what the router and TGI take; the body is then OpenAI's to write. It is pure.

Source: https://huggingface.co/docs/inference-providers/tasks/chat-completion and
https://huggingface.co/docs/text-generation-inference/messages_api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.kit import (
    ToolChoice,
    check_text_only,
    function_tools,
    parameter,
    stop_list,
    token_limit,
)

__all__ = ["NATIVE", "TRANSLATED", "fitted"]

NATIVE = (
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "seed",
    "temperature",
    "top_logprobs",
)
"""What is sent as it is."""
TRANSLATED = (
    "max_completion_tokens",
    "modalities",
    "response_format",
    "stop",
    "tool_choice",
    "tools",
    "top_p",
)


def fitted(call: ProviderCall, *, is_tgi: bool) -> ProviderCall:
    """The call as the router takes it, or TGI. What differs is in its report.

    Raises:
        UnsupportedError: for a custom tool, and for what is not text.
        InvalidRequestError: for a limit below 1, and for a choice among tools that is none.
    """
    check_text_only(call, "Hugging Face")
    given = cast("Mapping[str, Any]", call.parameters)
    parameters: dict[str, Any] = {name: given[name] for name in NATIVE if name in given}
    limit = token_limit(call)
    if limit is not None:
        name, parameters["max_tokens"] = limit
        if parameters["max_tokens"] < 1:
            raise InvalidRequestError("expected 1 or more", path=name)
    if stops := stop_list(call):
        parameters["stop"] = stops
    _add_top_p(parameters, call, is_tgi=is_tgi)
    _add_format(parameters, call, is_tgi=is_tgi)
    _add_tools(parameters, call)
    return replace(call, messages=_messages_of(call), parameters=cast("Any", parameters))


def _add_top_p(parameters: dict[str, Any], call: ProviderCall, *, is_tgi: bool) -> None:
    value = parameter(call, "top_p")
    if is_tgi and value is not None and value >= 1:
        call.report.add("dropped", "top_p", "TGI refuses 1, which is no limit", given=value)
    elif value is not None:
        parameters["top_p"] = value


def _add_format(parameters: dict[str, Any], call: ProviderCall, *, is_tgi: bool) -> None:
    """A schema, which TGI takes as the value of an object."""
    given = parameter(call, "response_format")
    if given is None:
        return
    parameters["response_format"] = given
    match given:
        case {"type": "json_schema", "json_schema": {"schema": schema}} if is_tgi:
            sent = {"type": "json_object", "value": schema}
            reason = "TGI takes the schema alone, and always holds the model to it"
            call.report.add("converted", "response_format", reason, given=given, sent=sent)
            parameters["response_format"] = sent
        case _:
            pass


def _add_tools(parameters: dict[str, Any], call: ProviderCall) -> None:
    """The tools, those of them that the choice allows, and the choice."""
    tools = function_tools(call, "Hugging Face")
    choice = ToolChoice.of(call, "Hugging Face")
    selected = tools
    if choice is not None:
        native: Any = choice.mode
        if choice.allowed is not None:
            selected = choice.select(tools)
            reason = "only these tools are sent"
            call.report.add("converted", "tool_choice", reason, sent=[*choice.allowed])
        elif choice.function is not None:
            native = {"type": "function", "function": {"name": choice.function}}
        parameters["tool_choice"] = native
    if selected:
        parameters["tools"] = [tool for _, tool in selected]


def _messages_of(call: ProviderCall) -> Any:
    """The messages, with ``system`` for the role that many templates do not know."""
    messages = cast("list[dict[str, Any]]", call.messages)
    if not any(message["role"] == "developer" for message in messages):
        return messages
    sent: list[Any] = []
    for index, message in enumerate(messages):
        is_developer = message["role"] == "developer"
        if is_developer:
            path, reason = f"messages[{index}].role", "many templates know system alone"
            call.report.add("converted", path, reason, given="developer", sent="system")
        sent.append({**message, "role": "system"} if is_developer else message)
    return TextMessages(sent) if isinstance(call.messages, TextMessages) else sent
