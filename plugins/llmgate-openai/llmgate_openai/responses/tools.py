"""Tools, the choice among them, and response formats, as the Responses API writes them: flat.

Hosted tools (web_search, file_search, mcp, …) are sent as they are given.
Source: https://platform.openai.com/docs/api-reference/responses/create (tools, tool_choice, text)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import parameter

__all__ = ["add_tools", "text_format"]


def add_tools(body: dict[str, Any], call: ProviderCall) -> None:
    """Add the tools and the choice among them, in whichever form the call has them."""
    given: list[Any] = parameter(call, "tools") or []
    tools = [_tool(tool) for tool in given]
    tools += [_function(each) for each in parameter(call, "functions") or ()]
    search = parameter(call, "web_search_options")
    if search is not None:
        tools.append(_web_search(search))
        reason = "sent as a tool, which the model may use or not"
        call.report.add("converted", "web_search_options", reason, given=search, sent=tools[-1])
    if tools or "tools" in call.parameters:
        body["tools"] = tools
    choice = parameter(call, "tool_choice")
    legacy = parameter(call, "function_call")
    if choice is None and legacy is not None:
        choice = {"type": "function", "function": legacy} if is_object(legacy) else legacy
    if choice is not None:
        body["tool_choice"] = _choice(choice)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kind = tool["type"]
    inner = tool.get(kind)
    if kind not in ("function", "custom") or not is_object(inner):
        return {**tool}
    beside = {key: value for key, value in tool.items() if key != kind}
    written = _function(inner) if kind == "function" else _custom(inner)
    return {**written, **beside}


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function. ``strict`` is always given: absent, it is true here, and false in chat."""
    return {
        "type": "function",
        **function,
        "parameters": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict") or False,
    }


def _custom(custom: Mapping[str, Any]) -> dict[str, Any]:
    form = custom.get("format")
    if is_object(form) and is_object(form.get("grammar")):
        rest = {key: value for key, value in form.items() if key != "grammar"}
        return {**custom, "format": {**rest, **form["grammar"]}}
    return {**custom}


def _web_search(options: Mapping[str, Any]) -> dict[str, Any]:
    tool: dict[str, Any] = {"type": "web_search", **options}
    location = options.get("user_location")
    if is_object(location) and is_object(location.get("approximate")):
        rest = {key: value for key, value in location.items() if key != "approximate"}
        tool["user_location"] = {**rest, **location["approximate"]}
    return tool


def _choice(choice: Any) -> Any:
    """A choice of ``tool_choice``; one of a hosted tool is the same in both APIs."""
    if not is_object(choice):
        return choice
    kind = choice.get("type")
    inner = choice.get(kind) if isinstance(kind, str) else None
    if not is_object(inner):
        return choice
    if kind == "allowed_tools":
        tools = inner.get("tools")
        named = [_choice(each) for each in tools] if is_array(tools) else tools
        return {"type": kind, **inner, "tools": named}
    return {"type": kind, **inner}


def text_format(given: Mapping[str, Any]) -> dict[str, Any]:
    """A ``response_format``. ``strict`` is always given, as in a tool."""
    schema = given.get("json_schema")
    if given.get("type") != "json_schema" or not is_object(schema):
        return {**given}
    return {"type": "json_schema", **schema, "strict": schema.get("strict") or False}
