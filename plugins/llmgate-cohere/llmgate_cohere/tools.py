"""Tools, their names, and how they are to be chosen, in Cohere's terms; it knows no message's text.

Source: https://docs.cohere.com/docs/tool-use-overview, https://docs.cohere.com/docs/structured-outputs
and https://docs.cohere.com/reference/errors
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall

__all__ = ["Names", "add_tools", "names_of"]

Named = Mapping[str, Any]

_FINE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Names:
    """Names of tools in the characters that Cohere takes, one for one.

    ``given`` maps what is sent to what the caller says, for the way back.
    """

    __slots__ = ("_sent", "given")

    def __init__(self, names: Iterable[str]) -> None:
        self.given: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        names = [*dict.fromkeys(names)]
        taken = {name for name in names if _FINE.fullmatch(name)}
        for name in names:
            if name not in taken:
                sent = re.sub(r"[^A-Za-z0-9_]", "_", name)
                sent = f"_{sent}" if sent[:1].isdigit() else sent
                while sent in taken or sent in self.given:
                    sent += "_"
                self._sent[name], self.given[sent] = sent, name

    def sent(self, name: str, path: str, call: ProviderCall) -> str:
        """The name to send for one that was given; a change is reported."""
        sent = self._sent.get(name)
        if sent is None:
            return name
        reason = "Cohere takes letters, digits and underscores; answers have the name as given"
        call.report.add("converted", path, reason, given=name, sent=sent)
        return sent


def names_of(call: ProviderCall) -> Names:
    """The names of all functions that a call offers, and that its history called."""
    parameters = cast("Mapping[str, Any]", call.parameters)
    offered = [tool["function"]["name"] for tool in parameters.get("tools", ()) if _is_of(tool)]
    called = [
        item["function"]["name"]
        for message in cast("list[Named]", call.messages)
        for item in message.get("tool_calls") or ()
        if _is_of(item)
    ]
    return Names(offered + called)


def _is_of(item: Named) -> bool:
    return bool(item["type"] == "function")


# --- tools --------------------------------------------------------------------------------


def add_tools(body: dict[str, Any], call: ProviderCall, names: Names) -> None:
    """Put the tools and the choice among them into the body.

    Raises:
        UnsupportedError: for a custom tool.
        InvalidRequestError: for a choice that is none, or of a tool that is not there.
    """
    parameters = cast("Mapping[str, Any]", call.parameters)
    choice = parameters.get("tool_choice")
    kept = [*enumerate(parameters.get("tools", ()))]
    for place, tool in kept:
        if not _is_of(tool):
            path = f"tools[{place}]"
            raise UnsupportedError(f"{path}: Cohere has no tools of free text", parameter=path)
    kept = _allowed(kept, choice, call)
    if kept:
        body["tools"] = [_tool(tool, f"tools[{place}]", call, names) for place, tool in kept]
        _add_strictness(body, kept, call)
    if choice is not None:
        _add_choice(body, choice, call)


def _tool(tool: Named, path: str, call: ProviderCall, names: Names) -> dict[str, Any]:
    function = dict(tool["function"])
    name = names.sent(function.pop("name"), f"{path}.function.name", call)
    sent: dict[str, Any] = {"name": name}
    description, schema = function.pop("description", None), function.pop("parameters", None)
    if description is not None:
        sent["description"] = description
    sent["parameters"] = schema or {"type": "object", "properties": {}}
    if not schema:
        reason = "Cohere requires it"
        where = f"{path}.function.parameters"
        call.report.add("defaulted", where, reason, given=schema, sent=sent["parameters"])
    function.pop("strict", None)  # it is said for all tools at once
    _drop_all(function, f"{path}.function", call)
    _drop_all({k: v for k, v in tool.items() if k not in ("type", "function")}, path, call)
    return {"type": "function", "function": sent}


def _drop_all(fields: Named, path: str, call: ProviderCall) -> None:
    for key, value in fields.items():
        if value is not None:
            call.report.drop(f"{path}.{key}", "Cohere has no such field", given=value)


def _add_strictness(body: dict[str, Any], tools: list[tuple[int, Any]], call: ProviderCall) -> None:
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


def _allowed(
    tools: list[tuple[int, Any]], choice: Any, call: ProviderCall
) -> list[tuple[int, Any]]:
    """Those of the tools that the choice allows: Cohere chooses among all that are sent."""
    match choice:
        case {"type": "allowed_tools", "allowed_tools": {"tools": list()}}:
            names = [_name_of(item) for item in choice["allowed_tools"]["tools"]]
        case {"type": "function"}:
            names = [_name_of(choice)]
        case _:
            return tools
    known = {tool["function"]["name"] for _, tool in tools}
    if missing := [name for name in names if name not in known]:
        raise InvalidRequestError(f"{missing[0]!r} is none of the tools", path="tool_choice")
    reason = "only these tools are sent: Cohere has no choice among a part of them"
    call.report.add("converted", "tool_choice", reason, given=choice, sent=names)
    for place, tool in tools:
        if tool["function"]["name"] not in names:
            call.report.add("dropped", f"tools[{place}]", "the choice leaves it out", given=tool)
    return [(place, tool) for place, tool in tools if tool["function"]["name"] in names]


def _name_of(item: Any) -> str:
    match item:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequestError(f"{item!r:.100} names no function", path="tool_choice")


def _add_choice(body: dict[str, Any], choice: Any, call: ProviderCall) -> None:
    sent = _choice(choice)
    if "tools" not in body and "tools" not in call.extra_body:
        if sent == "REQUIRED":
            raise InvalidRequestError("there is no tool to call", path="tool_choice")
        call.report.add("dropped", "tool_choice", "there are no tools", given=choice)
    elif sent is not None:
        body["tool_choice"] = sent
    elif choice == "auto":
        call.report.add("converted", "tool_choice", "Cohere is told so by silence", given=choice)


def _choice(choice: Any) -> str | None:
    """Cohere's word for a choice; None where it has to be left out."""
    match choice:
        case "auto" | {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}:
            return None
        case "none":
            return "NONE"
        case "required" | {"type": "function"}:
            return "REQUIRED"
        case {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}:
            return "REQUIRED"
        case {"type": "custom"}:
            raise UnsupportedError("Cohere has no tools of free text", parameter="tool_choice")
        case _:
            raise InvalidRequestError(f"{choice!r:.100} is no choice", path="tool_choice")
