"""Tools, and how they are to be chosen, as Converse's ``toolConfig``; it knows no message.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import NameMap, ToolChoice, drop_others, parameter
from llmgate_bedrock.request.parts import Writer
from llmgate_bedrock.rules import Traits

__all__ = ["add_tools", "names_of"]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_OBJECT: Mapping[str, Any] = {"type": "object", "properties": {}}
_NO_FIELD = "a tool has no such field"


def names_of(call: ProviderCall) -> NameMap:
    """The functions' names in the characters that Bedrock accepts."""
    return NameMap(_names_in(call), _NAME, "Bedrock accepts letters, digits, _ and - alone")


def _names_in(call: ProviderCall) -> Iterator[str]:
    for tool in parameter(call, "tools") or ():
        if is_object(tool.get("function")):
            yield tool["function"]["name"]
    yield from _called_in(call)


def _called_in(call: ProviderCall) -> Iterator[str]:
    for message in call.messages:
        calls: Any = message.get("tool_calls")
        for called in calls or ():
            if is_object(function := called.get("function")):
                yield function["name"]


def add_tools(body: dict[str, Any], call: ProviderCall, traits: Traits, names: NameMap) -> None:
    """Put the tools and the choice among them into the body.

    Raises:
        UnsupportedError: for a custom tool, and where the model cannot be made to call a tool.
        InvalidRequestError: for a choice that is none.
    """
    choice = ToolChoice.of(call, "Bedrock")
    tools = _offered(choice, call, traits, names)
    parallel = parameter(call, "parallel_tool_calls")
    if not tools:
        for name in ("tool_choice", "parallel_tool_calls"):
            if parameter(call, name) is not None:
                reason = "no tool is sent"
                call.report.add("dropped", name, reason, given=parameter(call, name))
        return
    body["toolConfig"] = {"tools": tools}
    sent = None if choice is None else _choice(choice, call, traits, names)
    if traits.claude is not None and (parallel is False or (choice and choice.mode == "none")):
        _add_claudes_choice(body, sent, call, is_none=bool(choice and choice.mode == "none"))
        return
    if parallel is not None:
        reason = "that is what the model does by itself"
        call.report.add("dropped", "parallel_tool_calls", reason, given=parallel)
    if sent is not None:
        body["toolConfig"]["toolChoice"] = sent


def _offered(
    choice: ToolChoice | None, call: ProviderCall, traits: Traits, names: NameMap
) -> list[dict[str, Any]]:
    """The tools that are sent: all, or those that may be called, where no choice says so."""
    given = [*enumerate(parameter(call, "tools") or ())]
    called = [*dict.fromkeys(_called_in(call))]
    if choice is not None and choice.mode == "none" and traits.claude is None:
        reason = "Bedrock has no such choice: the tools are not sent"
        if called:
            reason = "Bedrock has no such choice, and needs the tools of earlier calls"
        call.report.add("converted", "tool_choice", reason, given="none")
        given = given if called else []
    is_part = choice is not None and choice.names is not None
    if choice is not None and is_part and (choice.allowed is not None or not _is_named(traits)):
        reason = "only the tools that may be called are sent"
        given_choice = parameter(call, "tool_choice")
        call.report.add("converted", "tool_choice", reason, given=given_choice, sent=choice.names)
        given = [each for each in given if each[1]["type"] == "function" and choice.select([each])]
    writer, tools = Writer(call, traits), list[dict[str, Any]]()
    for place, tool in given:
        path = f"tools[{place}]"
        tools.append(_tool(tool, path, call, traits, names))
        tools += writer.cache_points(tool, path, "tools")
    if not tools and called and "toolConfig" not in call.extra_body:
        tools = [_spec(names.sent(name, "messages", call), _OBJECT) for name in called]
        reason = "Bedrock refuses earlier calls of tools that are not there"
        call.report.add("injected", "tools", reason, sent=called)
    return tools


def _is_named(traits: Traits) -> bool:
    return "tool" in traits.choices


def _spec(name: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": name, **more, "inputSchema": {"json": schema}}}


def _tool(
    tool: Mapping[str, Any], path: str, call: ProviderCall, traits: Traits, names: NameMap
) -> dict[str, Any]:
    kind = tool["type"]
    known = ("type", kind, "cache_control", "prompt_cache_breakpoint")
    if kind in ("systemTool", "toolSpec") and is_object(tool.get(kind)):
        drop_others(tool, known, path, call, _NO_FIELD)
        return {kind: tool[kind]}  # one of Bedrock's own, as it is
    if kind != "function":
        reason = f"Bedrock supports functions and its own systemTool, not {kind!r:.60}"
        raise UnsupportedError(f"{path}: {reason}", parameter=path)
    function, where = tool["function"], f"{path}.function"
    drop_others(tool, known, path, call, _NO_FIELD)
    drop_others(function, ("name", "description", "parameters", "strict"), where, call, _NO_FIELD)
    more = dict[str, Any]()
    if (function.get("description") or "").strip():
        more["description"] = function["description"]
    strict = function.get("strict")
    if strict is not None and traits.structured:
        more["strict"] = strict
    elif strict is not None:
        reason = f"{call.model} holds to no schema of a call"
        call.report.add("dropped", f"{where}.strict", reason, given=strict)
    schema = function.get("parameters") or _OBJECT
    name = names.sent(function["name"], f"{where}.name", call)
    return _spec(name, {"type": "object", **schema}, **more)


def _choice(
    choice: ToolChoice, call: ProviderCall, traits: Traits, names: NameMap
) -> dict[str, Any] | None:
    """The choice; None for what a model does without one."""
    if choice.mode == "none":
        return None
    kind = "auto"
    if choice.mode == "required":
        kind = "tool" if choice.function is not None and _is_named(traits) else "any"
    if kind not in traits.choices:
        raise UnsupportedError(
            f"{call.model} cannot be made to call a tool: leave the choice to it with "
            'tool_choice="auto" and offer only that tool, or use response_format',
            parameter="tool_choice",
        )
    if kind == "tool":
        return {"tool": {"name": names.sent(str(choice.function), "tool_choice", call)}}
    return {kind: {}}


def _add_claudes_choice(
    body: dict[str, Any], sent: Mapping[str, Any] | None, call: ProviderCall, *, is_none: bool
) -> None:
    """The choice in Claude's own words, for what Converse has none."""
    kind, value = next(iter(sent.items())) if sent else ("none" if is_none else "auto", {})
    choice = {"type": kind, **value}
    if not is_none:
        choice["disable_parallel_tool_use"] = True
    body.setdefault("additionalModelRequestFields", {})["tool_choice"] = choice
    name = "tool_choice" if is_none else "parallel_tool_calls"
    reason = "sent as Claude's own tool_choice"
    call.report.add("converted", name, reason, given=parameter(call, name), sent=choice)
