"""Tools, and the choice among them, in Ollama's terms; it reads no message.

Source: https://docs.ollama.com/capabilities/tool-calling
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import ToolChoice, drop_others, function_tools, parameter

__all__ = ["add_tools"]


def add_tools(body: dict[str, Any], call: ProviderCall) -> None:
    """Put the tools into the body, those that the choice allows.

    Ollama leaves the choice to the model: where a call is required, a message asks for it.

    Raises:
        UnsupportedError: for a custom tool.
        InvalidRequestError: for what is not a choice, and for a tool that is not offered.
    """
    tools = function_tools(call, "Ollama")
    choice = ToolChoice.of(call, "Ollama")
    if choice is not None:
        tools = _chosen(body, tools, choice, call)
    if tools:
        body["tools"] = [_tool(tool, f"tools[{place}]", call) for place, tool in tools]


def _chosen(
    body: dict[str, Any],
    tools: list[tuple[int, Mapping[str, Any]]],
    choice: ToolChoice,
    call: ProviderCall,
) -> list[tuple[int, Mapping[str, Any]]]:
    given = parameter(call, "tool_choice")
    selected = [] if choice.mode == "none" else choice.select(tools)
    for place, tool in tools:
        if (place, tool) not in selected:
            call.report.add("dropped", f"tools[{place}]", "tool_choice leaves it out", given=tool)
    if choice.mode == "required":
        names = " or ".join(tool["function"]["name"] for _, tool in selected)
        instruction = f"Call a function now, and do not answer in words: {names}"
        body["messages"] = [*body["messages"], {"role": "system", "content": instruction}]
        reason = "Ollama cannot require a call: a message asks for it"
        call.report.add("emulated", "tool_choice", reason, given=given, sent=instruction)
    else:
        reason = "Ollama leaves the choice to the model, among the tools that are sent"
        sent = [tool["function"]["name"] for _, tool in selected]
        call.report.add("converted", "tool_choice", reason, given=given, sent=sent)
    return selected


def _tool(tool: Mapping[str, Any], path: str, call: ProviderCall) -> dict[str, Any]:
    """A function as Ollama has it; of one without parameters, its templates expect empty ones."""
    lacks = "Ollama has no such field"
    drop_others(tool, ("type", "function"), path, call, lacks)
    function: Mapping[str, Any] = tool["function"]
    path = f"{path}.function"
    drop_others(function, ("name", "description", "parameters"), path, call, lacks)
    sent = {
        name: function[name] for name in ("name", "description") if function.get(name) is not None
    }
    sent["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}
    if not function.get("parameters"):
        reason = "Ollama requires them"
        call.report.add("defaulted", f"{path}.parameters", reason, sent=sent["parameters"])
    return {"type": "function", "function": sent}
