"""Tools for a template that knows them, and what llama.cpp cannot promise of a forced call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, cast

from llmgate.errors import UnsupportedError
from llmgate.options import ChatParameters
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import encode_json
from llmgate.provider.kit import ToolChoice, arguments_object, function_tools, parameter
from llmgate_local.request.schemas import unenforced

__all__ = ["check_forced", "forces_call", "uses_tools", "with_native_tools"]

_VENDOR = "llama.cpp"


def uses_tools(call: ProviderCall) -> bool:
    """Whether there are tools, a choice among them, or earlier calls."""
    names = ("tools", "tool_choice", "parallel_tool_calls")
    return not call.parameters.keys().isdisjoint(names) or any(
        message["role"] == "tool" or (message["role"] == "assistant" and message.get("tool_calls"))
        for message in call.messages
    )


def forces_call(call: ProviderCall) -> bool:
    """Whether the completion has to be a call.

    llama.cpp cannot promise that, since it does not recognize every template's form of a call.

    Raises:
        InvalidRequestError: for what is not a choice, and for a tool that is not offered.
        UnsupportedError: for a custom tool.
    """
    choice = ToolChoice.of(call, _VENDOR)
    return choice is not None and choice.mode == "required"


def with_native_tools(call: ProviderCall) -> ProviderCall:
    """The call for a template that knows tools, of which only the allowed ones are sent."""
    parameters: dict[str, Any] = {**call.parameters}
    choice = ToolChoice.of(call, _VENDOR)
    if choice is not None and choice.allowed is not None:
        given = parameters["tool_choice"]
        tools = [tool for _, tool in choice.select(function_tools(call, _VENDOR))]
        parameters |= {"tools": tools, "tool_choice": "auto"}
        reason = "only the allowed tools are sent"
        call.report.add("converted", "tool_choice", reason, given=given, sent="auto")
    messages: list[Any] = [
        _with_objects(message, f"messages[{index}]", call)
        for index, message in enumerate(call.messages)
    ]
    return replace(call, messages=messages, parameters=cast("ChatParameters", parameters))


def _with_objects(message: Any, path: str, call: ProviderCall) -> Any:
    """A message whose calls have JSON objects as arguments, which templates rely on."""
    if message["role"] != "assistant" or not message.get("tool_calls"):
        return message
    calls = [
        _with_object(item, f"{path}.tool_calls[{place}]", call)
        for place, item in enumerate(message["tool_calls"])
    ]
    return {**message, "tool_calls": calls}


def _with_object(item: Any, path: str, call: ProviderCall) -> Any:
    if item["type"] != "function":
        reason = f"{path}: {_VENDOR} supports functions only, not {item['type']!r:.60}"
        raise UnsupportedError(reason, parameter=path)
    function, where = item["function"], f"{path}.function.arguments"
    arguments = arguments_object(function["arguments"], where, call)
    if where not in call.report and function["arguments"].strip():
        return item
    return {**item, "function": {**function, "arguments": encode_json(arguments).decode()}}


def check_forced(call: ProviderCall, names: Collection[str]) -> None:
    """Refuse to force a call of these functions, if its arguments need not fulfil their schema.

    Raises:
        UnsupportedError: naming the path of what llama.cpp does not enforce.
    """
    for index, tool in enumerate(parameter(call, "tools") or ()):
        if tool["function"]["name"] in names:
            schema = tool["function"].get("parameters")
            for path in unenforced(schema, f"tools[{index}].function.parameters"):
                reason = f"{path}: llama.cpp cannot enforce it, so that no call can be forced"
                raise UnsupportedError(reason, parameter="tools")
