"""Tools, and how they are to be chosen, in Anthropic's terms; it knows no message.

Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools and
/docs/en/agents-and-tools/tool-use/web-search-tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate_anthropic.models import Traits

__all__ = ["add_tools"]

Named = Mapping[str, Any]


def add_tools(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """Put the tools and the choice among them into the body.

    Raises:
        UnsupportedError: for a custom tool, and where the model cannot be made to call a tool.
        InvalidRequestError: for a choice that is none.
    """
    parameters = cast("Mapping[str, Any]", call.parameters)
    choice = parameters.get("tool_choice")
    tools = [
        _tool(tool, f"tools[{place}]", call, traits)
        for place, tool in enumerate(parameters.get("tools", ()))
    ]
    tools = _allowed(tools, choice, call)
    if "web_search_options" in parameters:
        tools.append(_web_search(parameters["web_search_options"] or {}, call))
    if tools:
        body["tools"] = tools
    parallel = parameters.get("parallel_tool_calls")
    if choice is None and parallel is None:
        return
    if not tools and "tools" not in call.extra_body:
        _drop_choice(choice, parallel, call)
        return
    sent = _choice("auto" if choice is None else choice)
    if sent["type"] in ("any", "tool") and not traits.forced:
        raise UnsupportedError(
            f"{call.model} cannot be made to call a tool: leave the choice to it with "
            'tool_choice="auto" and offer only that tool, or use response_format',
            parameter="tool_choice",
        )
    if parallel is not None and sent["type"] != "none":
        sent["disable_parallel_tool_use"] = not parallel
    elif parallel is not None:
        reason = "no tool is to be called at all"
        call.report.add("dropped", "parallel_tool_calls", reason, given=parallel)
    body["tool_choice"] = sent


def _tool(tool: Named, path: str, call: ProviderCall, traits: Traits) -> dict[str, Any]:
    if tool["type"] != "function":
        raise UnsupportedError(f"{path}: Anthropic has no tools of free text", parameter=path)
    function = dict(tool["function"])
    sent: dict[str, Any] = {"name": function.pop("name")}
    if function.get("description") is not None:
        sent["description"] = function["description"]
    where = f"{path}.function.parameters"
    sent["input_schema"] = _input_schema(function.pop("parameters", None), where, call)
    function.pop("description", None)
    if function.get("strict") is not None and not traits.structured:
        given = function.pop("strict")
        reason = f"{call.model} knows no strict tools"
        call.report.drop(f"{path}.function.strict", reason, given=given)
    rest = {key: value for key, value in tool.items() if key not in ("type", "function")}
    return sent | {key: value for key, value in (function | rest).items() if value is not None}


def _input_schema(schema: Any, path: str, call: ProviderCall) -> dict[str, Any]:
    """The schema of the arguments, which must say that it is of an object."""
    if not schema:
        return {"type": "object", "properties": {}}
    sent = {"type": "object", **schema}
    if sent.get("properties", {}) is None:
        sent["properties"] = {}
    if sent != schema:
        reason = "Anthropic requires the type of an object"
        call.report.add("injected", path, reason, given=schema, sent=sent)
    return sent


def _allowed(tools: list[dict[str, Any]], choice: Any, call: ProviderCall) -> list[dict[str, Any]]:
    """Those of the tools that the choice allows."""
    match choice:
        case {"type": "allowed_tools", "allowed_tools": {"tools": list()}}:
            names = {_name_of(item) for item in choice["allowed_tools"]["tools"]}
        case _:
            return tools
    kept = [tool for tool in tools if tool["name"] in names]
    reason = "only these tools are sent: Anthropic has no choice among a part of them"
    call.report.add("converted", "tool_choice", reason, given=choice, sent=sorted(names))
    return kept


def _name_of(item: Any) -> str:
    match item:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
        case _:
            raise InvalidRequestError(f"{item!r:.100} names no function", path="tool_choice")


def _choice(choice: Any) -> dict[str, Any]:
    match choice:
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode)}}:
            return {"type": "any" if mode == "required" else "auto"}
        case {"function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case {"type": "custom"}:
            raise UnsupportedError("Anthropic has no tools of free text", parameter="tool_choice")
        case _:
            raise InvalidRequestError(f"{choice!r:.100} is no choice", path="tool_choice")


def _drop_choice(choice: Any, parallel: Any, call: ProviderCall) -> None:
    """A choice among no tools: it says nothing, unless one was to be called."""
    if choice not in (None, "auto", "none"):
        raise InvalidRequestError("there is no tool to call", path="tool_choice")
    for name, value in (("tool_choice", choice), ("parallel_tool_calls", parallel)):
        if value is not None:
            call.report.add("dropped", name, "there are no tools", given=value)


def _web_search(options: Named, call: ProviderCall) -> dict[str, Any]:
    """The web search that Anthropic's own servers run."""
    tool: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    for key, value in options.items():
        if key == "user_location" and isinstance(value, Mapping):
            location = cast("Mapping[str, Any]", value)
            tool[key] = {"type": "approximate", **location.get("approximate", {})}
        else:
            path = f"web_search_options.{key}"
            call.report.drop(path, "the web search has no such option", given=value)
    reason = "sent as the server's own tool"
    call.report.add("converted", "web_search_options", reason, given=options, sent=tool)
    return tool
