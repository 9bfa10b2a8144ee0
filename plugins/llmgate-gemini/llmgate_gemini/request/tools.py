"""Functions and the choice among them, as Gemini's declarations and its ``toolConfig``.

Source: https://ai.google.dev/gemini-api/docs/function-calling
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
from llmgate_gemini.request.format import report_edits
from llmgate_gemini.request.schema import gemini_schema
from llmgate_gemini.traits import Traits

__all__ = ["names_of", "tools_of"]

_VENDOR = "Gemini"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_OWN = frozenset(
    {
        *("codeExecution", "computerUse", "enterpriseWebSearch", "exaAiSearch", "fileSearch"),
        *("googleMaps", "googleSearch", "googleSearchRetrieval", "mcpServers"),
        *("parallelAiSearch", "retrieval", "urlContext"),
    }
)
"""Gemini's own tools: ``{"type": "urlContext", "urlContext": {…}}``."""
_NO_FIELD = "a tool has no such field"


def names_of(call: ProviderCall) -> NameMap:
    """The functions' names in the characters that Gemini accepts."""
    return NameMap(function_names(call), _NAME, "Gemini accepts letters, digits and _.:- alone")


def tools_of(
    call: ProviderCall, traits: Traits, names: NameMap, *, is_vertex: bool
) -> dict[str, Any]:
    """The fields of the body for tools and for the choice among them.

    Raises:
        UnsupportedError: for a tool that is neither a function nor Gemini's own.
        InvalidRequestError: for a choice that is none.
    """
    choice = ToolChoice.of(call, _VENDOR)
    tools, own = function_tools(call, _VENDOR, _OWN), _own_tools(call)
    if choice is not None and choice.mode == "auto" and not traits.validated:
        tools = choice.select(tools)
    body: dict[str, Any] = {}
    if tools:
        declared = [_declaration(tool, place, call, traits, names) for place, tool in tools]
        body["tools"] = [{"functionDeclarations": declared}]
    config: dict[str, Any] = {}
    calling = _calling(choice, call, traits, names) if tools else None
    if calling is not None:
        config["functionCallingConfig"] = calling
    if own:
        body["tools"] = [*body.get("tools", ()), *own]
    if own and tools and traits.is_third and not is_vertex:
        config["includeServerSideToolInvocations"] = True
    return {**body, "toolConfig": config} if config else body


def _own_tools(call: ProviderCall) -> list[dict[str, Any]]:
    """The tools that Google's servers run."""
    own: list[dict[str, Any]] = []
    for place, tool in enumerate(parameter(call, "tools") or ()):
        if (kind := tool["type"]) in _OWN:
            drop_others(tool, ("type", kind), f"tools[{place}]", call, _NO_FIELD)
            own.append({kind: tool.get(kind) or {}})
    searching = parameter(call, "web_search_options")
    if searching is not None:
        drop_others(searching, (), "web_search_options", call, "Gemini's search has no options")
        reason = "sent as the server's own tool googleSearch"
        call.report.add("converted", "web_search_options", reason, given=searching)
        own += [] if any("googleSearch" in tool for tool in own) else [{"googleSearch": {}}]
    return own


def _declaration(
    tool: Mapping[str, Any], place: int, call: ProviderCall, traits: Traits, names: NameMap
) -> dict[str, Any]:
    function, path = tool["function"], f"tools[{place}].function"
    drop_others(tool, ("type", "function"), f"tools[{place}]", call, _NO_FIELD)
    drop_others(function, ("name", "description", "parameters", "strict"), path, call, _NO_FIELD)
    declared = {"name": names.sent(function["name"], f"{path}.name", call)}
    if function.get("description") is not None:
        declared["description"] = function["description"]
    schema = function.get("parameters")
    if function.get("strict") is not None and not traits.validated:
        call.report.add("dropped", f"{path}.strict", "the model holds to no schema of a call")
    if schema is None or (not traits.json_schema and not schema.get("properties")):
        return declared  # an object without fields is refused by older models
    written, edits = gemini_schema(schema, json_schema=traits.json_schema)
    report_edits(edits, f"{path}.parameters", call)
    declared["parametersJsonSchema" if traits.json_schema else "parameters"] = written
    return declared


def _calling(
    choice: ToolChoice | None, call: ProviderCall, traits: Traits, names: NameMap
) -> dict[str, Any] | None:
    """Whether functions may or must be called, and which."""
    functions = function_tools(call, _VENDOR, _OWN)
    strict = [place for place, tool in functions if tool["function"].get("strict")]
    is_auto = choice is None or choice.mode == "auto"
    if is_auto and strict and traits.validated:
        reason = "all calls are held to their schemas, by the mode VALIDATED"
        call.report.add("converted", f"tools[{strict[0]}].function.strict", reason)
        mode = "VALIDATED"
    elif choice is None:
        return None
    elif is_auto:
        mode = "VALIDATED" if choice.names is not None and traits.validated else "AUTO"
    else:
        mode = "NONE" if choice.mode == "none" else "ANY"
    calling: dict[str, Any] = {"mode": mode}
    if choice is not None and choice.names is not None and mode in ("ANY", "VALIDATED"):
        sent = [names.sent(name, "tool_choice", call) for name in choice.names]
        calling["allowedFunctionNames"] = sent
    return calling
