"""Tools, and how they are to be chosen, in Anthropic's terms; it knows no message.

Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools and
/docs/en/agents-and-tools/tool-use/web-search-tool.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import ToolChoice, drop_others, parameter
from llmgate_anthropic.rules import Traits

__all__ = ["add_tools"]

Tool = Mapping[str, Any]

_MODES = {"auto": "auto", "none": "none", "required": "any"}
_DATED = re.compile(r"\w+_\d{8}")
"""How Anthropic names the types of its own tools."""


def add_tools(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """Put the tools and the choice among them into the body.

    Raises:
        UnsupportedError: for a custom tool, and where the model cannot be made to call a tool.
        InvalidRequestError: for a choice that is none, or a place that is none.
    """
    choice = ToolChoice.of(call, "Anthropic")
    tools = _offered(choice, call, traits)
    options = parameter(call, "web_search_options")
    if is_object(options):
        tools.append(_web_search(options, call))
    if tools:
        body["tools"] = tools
    parallel = parameter(call, "parallel_tool_calls")
    if choice is None and parallel is None:
        return
    if not tools and "tools" not in call.extra_body:
        _drop_choice(call)
        return
    sent: dict[str, Any] = {"type": "auto"} if choice is None else _choice(choice)
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


def _offered(choice: ToolChoice | None, call: ProviderCall, traits: Traits) -> list[dict[str, Any]]:
    """The tools, of which only the allowed ones are sent: there is no choice among a part."""
    tools = [
        _tool(tool, f"tools[{place}]", call, traits)
        for place, tool in enumerate(parameter(call, "tools") or ())
    ]
    if choice is None or choice.allowed is None:
        return tools
    reason = "only the allowed tools are sent: Anthropic has no choice among a part of them"
    given, sent = parameter(call, "tool_choice"), sorted(choice.allowed)
    call.report.add("converted", "tool_choice", reason, given=given, sent=sent)
    return [tool for tool in tools if tool["name"] in choice.allowed]


def _tool(tool: Tool, path: str, call: ProviderCall, traits: Traits) -> dict[str, Any]:
    kind = tool["type"]
    if kind != "function" and _DATED.fullmatch(kind):
        return {"name": kind, **tool}  # one of Anthropic's own, as it is
    if kind != "function":
        reason = f"Anthropic supports functions and its own tools, not {kind!r:.60}"
        raise UnsupportedError(f"{path}: {reason}", parameter=path)
    function: dict[str, Any] = dict(tool["function"])
    name, description = function.pop("name"), function.pop("description", None)
    sent: dict[str, Any] = {"name": name}
    if description is not None:
        sent["description"] = description
    where = f"{path}.function.parameters"
    sent["input_schema"] = _input_schema(function.pop("parameters", None), where, call)
    if function.get("strict") is not None and not traits.structured:
        given = function.pop("strict")
        reason = f"{call.model} knows no strict tools"
        call.report.drop(f"{path}.function.strict", reason, given=given)
    others = {key: value for key, value in tool.items() if key not in ("type", "function")}
    return sent | {key: value for key, value in (function | others).items() if value is not None}


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


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.function is not None:
        return {"type": "tool", "name": choice.function}
    return {"type": _MODES[choice.mode]}


def _drop_choice(call: ProviderCall) -> None:
    """A choice among no tools, none of which was to be called, says nothing."""
    for name in ("tool_choice", "parallel_tool_calls"):
        value = parameter(call, name)
        if value is not None:
            call.report.add("dropped", name, "there are no tools", given=value)


def _web_search(options: Tool, call: ProviderCall) -> dict[str, Any]:
    """The web search that Anthropic's own servers run."""
    tool: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    location = options.get("user_location")
    if is_object(location):
        tool["user_location"] = _location(location)
    reason = "the web search has no such option"
    known = ("user_location",) if is_object(location) else ()
    drop_others(options, known, "web_search_options", call, reason)
    reason = "sent as the server's own tool"
    call.report.add("converted", "web_search_options", reason, given=options, sent=tool)
    return tool


def _location(location: Tool) -> dict[str, Any]:
    """Where the user is, flat; also given so, as in the Responses API."""
    inner = location.get("approximate")
    if inner is not None and not is_object(inner):
        path = "web_search_options.user_location.approximate"
        raise InvalidRequestError("must be an object", path=path)
    rest = {key: value for key, value in location.items() if key != "approximate"}
    return {"type": "approximate", **rest, **(inner or {})}
