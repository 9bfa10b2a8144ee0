"""Tools, their names, and the choice among them, in Cohere's format; it reads no message's text.

Source: https://docs.cohere.com/docs/tool-use-overview, https://docs.cohere.com/docs/structured-outputs
and https://docs.cohere.com/reference/errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import (
    NameMap,
    ToolChoice,
    drop_others,
    function_tools,
    parameter,
)
from llmgate.provider.kit.history import function_names

__all__ = ["add_tools", "names_of"]

Named = Mapping[str, Any]

_ACCEPTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 1000  # Cohere documents no limit


def names_of(call: ProviderCall) -> NameMap:
    """The names of all functions that the call offers or has called before."""
    return NameMap(
        function_names(call),
        _ACCEPTED,
        "Cohere accepts letters, digits and underscores; responses have the name as given",
        longest=_LONGEST,
    )


def add_tools(body: dict[str, Any], call: ProviderCall, names: NameMap) -> None:
    """Add the tools and the choice among them to the body.

    Raises:
        UnsupportedError: for a custom tool.
        InvalidRequestError: for what is not a choice, and for a tool that is not offered.
    """
    tools = function_tools(call, "Cohere")
    choice = ToolChoice.of(call, "Cohere")
    if choice is not None and choice.names is not None:
        tools = _selected(tools, choice, call)
    if tools:
        body["tools"] = [_tool(tool, f"tools[{place}]", call, names) for place, tool in tools]
        _add_strictness(body, tools, call)
    if choice is not None:
        _add_choice(body, choice, call)


def _tool(tool: Named, path: str, call: ProviderCall, names: NameMap) -> dict[str, Any]:
    function: Named = tool["function"]
    sent: dict[str, Any] = {"name": names.sent(function["name"], f"{path}.function.name", call)}
    if function.get("description") is not None:
        sent["description"] = function["description"]
    schema = function.get("parameters")
    sent["parameters"] = schema or {"type": "object", "properties": {}}
    if not schema:
        where = f"{path}.function.parameters"
        reason = "Cohere requires it"
        call.report.add("defaulted", where, reason, given=schema, sent=sent["parameters"])
    reason = "Cohere has no such field"
    # "strict" is sent once, for all tools
    known = ("name", "description", "parameters", "strict")
    drop_others(function, known, f"{path}.function", call, reason)
    drop_others(tool, ("type", "function"), path, call, reason)
    return {"type": "function", "function": sent}


def _add_strictness(
    body: dict[str, Any], tools: list[tuple[int, Named]], call: ProviderCall
) -> None:
    """``strict_tools``, where every tool is strict and can be: it must require an argument."""
    strict = [(place, tool["function"]) for place, tool in tools if tool["function"].get("strict")]
    if len(strict) == len(tools) and all(_requires(function) for _, function in strict):
        body["strict_tools"] = True
        return
    reason = "Cohere holds all tools to their schemas or none, and each must require an argument"
    for place, _ in strict:
        call.report.drop(f"tools[{place}].function.strict", reason, given=True)


def _requires(function: Named) -> bool:
    schema: Named = function.get("parameters") or {}
    return bool(schema.get("required"))


# --- the choice ---------------------------------------------------------------------------


def _selected(
    tools: list[tuple[int, Named]], choice: ToolChoice, call: ProviderCall
) -> list[tuple[int, Named]]:
    """The tools that the choice allows: Cohere chooses among all that it is sent."""
    selected = choice.select(tools)
    given, names = parameter(call, "tool_choice"), list(choice.names or ())
    reason = "only these tools are sent: Cohere chooses among all that it is sent"
    call.report.add("converted", "tool_choice", reason, given=given, sent=names)
    for place, tool in tools:
        if (place, tool) not in selected:
            call.report.add("dropped", f"tools[{place}]", "not allowed by tool_choice", given=tool)
    return selected


def _add_choice(body: dict[str, Any], choice: ToolChoice, call: ProviderCall) -> None:
    given = parameter(call, "tool_choice")
    if "tools" not in body and "tools" not in call.extra_body:
        call.report.add("dropped", "tool_choice", "there are no tools", given=given)
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode.upper()
    elif choice.names is None:
        reason = "Cohere chooses freely where no choice is sent"
        call.report.add("converted", "tool_choice", reason, given=given)
