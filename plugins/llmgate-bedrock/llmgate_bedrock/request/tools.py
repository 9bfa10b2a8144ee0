"""Tools, and how they are to be chosen, as Converse's ``toolConfig``; it knows no message.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import NameMap, ToolChoice, drop_others, parameter
from llmgate.provider.kit.history import called_functions, function_names
from llmgate_bedrock.request.parts import MARKS, Writer
from llmgate_bedrock.rules import Traits

__all__ = ["add_tools", "names_of"]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_OBJECT: Mapping[str, Any] = {"type": "object", "properties": {}}
_NO_FIELD = "a tool has no such field"
_AUTO = ToolChoice("auto")


def names_of(call: ProviderCall) -> NameMap:
    """The functions' names in the characters that Bedrock accepts."""
    reason = "Bedrock accepts letters, digits, _ and - alone"
    return NameMap(function_names(call), _NAME, reason)


def add_tools(body: dict[str, Any], call: ProviderCall, traits: Traits, names: NameMap) -> None:
    """Put the tools and the choice among them into the body.

    Raises:
        UnsupportedError: for a custom tool, and where the model cannot be made to call a tool.
        InvalidRequestError: for a choice that is none.
    """
    choice = ToolChoice.of(call, "Bedrock") or _AUTO
    tools = _offered(choice, call, traits, names)
    parallel = parameter(call, "parallel_tool_calls")
    if not tools:
        for name in ("tool_choice", "parallel_tool_calls"):
            if (given := parameter(call, name)) is not None:
                call.report.add("dropped", name, "no tool is sent", given=given)
        return
    config: dict[str, Any] = {"tools": tools}
    body["toolConfig"] = config
    kind, value = _choice(choice, call, traits, names)
    if traits.claude is None or not (parallel is False or kind == "none"):
        if parallel is not None:
            reason = "that is what the model does by itself"
            call.report.add("dropped", "parallel_tool_calls", reason, given=parallel)
        if kind != "none" and choice is not _AUTO:
            config["toolChoice"] = {kind: value}
        return
    # what Converse has no words for, in Claude's own
    parallelism = {} if kind == "none" else {"disable_parallel_tool_use": not parallel}
    sent = {"type": kind, **value, **parallelism}
    body["additionalModelRequestFields"] = {"tool_choice": sent}
    for name in ("tool_choice", "parallel_tool_calls"):
        if (given := parameter(call, name)) is not None:
            reason = "sent as Claude's own tool_choice"
            call.report.add("converted", name, reason, given=given, sent=sent)


def _offered(
    choice: ToolChoice, call: ProviderCall, traits: Traits, names: NameMap
) -> list[dict[str, Any]]:
    """The tools that are sent: all, or those that may be called, where no choice says so."""
    given = [*enumerate(parameter(call, "tools") or ())]
    called = [*dict.fromkeys(each["name"] for each in called_functions(call))]
    asked = parameter(call, "tool_choice")
    if choice.mode == "none" and traits.claude is None:
        reason = "Bedrock has no such choice: no tool is sent"
        if called:
            reason = "Bedrock has no such choice, and refuses earlier calls without their tools"
        call.report.add("converted", "tool_choice", reason, given=asked)
        given = given if called else []
    elif choice.allowed is not None or (choice.function and "tool" not in traits.choices):
        reason = "only the tools that may be called are sent"
        call.report.add("converted", "tool_choice", reason, given=asked, sent=choice.names)
        given = choice.select((n, tool) for n, tool in given if tool["type"] == "function")
    writer, tools = Writer(call, traits), list[dict[str, Any]]()
    for place, tool in given:
        tools.append(_tool(tool, f"tools[{place}]", call, traits, names))
        tools += writer.beside(tool, f"tools[{place}]", "tools")
    if called and not (tools or "toolConfig" in call.extra_body):
        reason = "Bedrock refuses earlier calls without their tools"
        call.report.add("injected", "tools", reason, sent=called)
        tools = [_spec(names.sent(name, "messages", call), _OBJECT) for name in called]
    return tools


def _tool(
    tool: Mapping[str, Any], path: str, call: ProviderCall, traits: Traits, names: NameMap
) -> dict[str, Any]:
    kind = tool["type"]
    is_own = kind in ("systemTool", "toolSpec") and is_object(tool.get(kind))
    if kind != "function" and not is_own:
        reason = f"Bedrock supports functions and its own systemTool, not {kind!r:.60}"
        raise UnsupportedError(f"{path}: {reason}", parameter=path)
    drop_others(tool, ("type", kind, *MARKS), path, call, _NO_FIELD)
    if is_own:
        return {kind: tool[kind]}
    function, path, more = tool["function"], f"{path}.function", dict[str, Any]()
    drop_others(function, ("name", "description", "parameters", "strict"), path, call, _NO_FIELD)
    if (function.get("description") or "").strip():
        more["description"] = function["description"]
    if function.get("strict") is not None and traits.structured:
        more["strict"] = function["strict"]
    elif function.get("strict") is not None:
        reason = f"{call.model} holds to no schema of a call"
        call.report.add("dropped", f"{path}.strict", reason, given=function["strict"])
    name = names.sent(function["name"], f"{path}.name", call)
    return _spec(name, {"type": "object", **(function.get("parameters") or _OBJECT)}, **more)


def _spec(name: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": name, **more, "inputSchema": {"json": schema}}}


def _choice(
    choice: ToolChoice, call: ProviderCall, traits: Traits, names: NameMap
) -> tuple[str, dict[str, Any]]:
    """The kind of the choice and what it holds."""
    kind: str = choice.mode
    if kind == "required":
        kind = "tool" if choice.function is not None and "tool" in traits.choices else "any"
    if kind not in (*traits.choices, "none"):
        raise UnsupportedError(
            f"{call.model} cannot be made to call a tool: leave the choice to it with "
            'tool_choice="auto" and offer only that tool, or use response_format',
            parameter="tool_choice",
        )
    named = kind == "tool" and {"name": names.sent(str(choice.function), "tool_choice", call)}
    return kind, named or {}
