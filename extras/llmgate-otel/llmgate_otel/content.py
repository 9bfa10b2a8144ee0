"""Messages and tools in the form of the conventions, as JSON; called only where they are recorded.

Source: ``gen-ai-input-messages.json``, ``gen-ai-output-messages.json`` and
``gen-ai-system-instructions.json`` of the conventions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from llmgate.middleware import ChatCall
from llmgate.types import Completion
from llmgate_otel import names

__all__ = ["as_attributes", "request_content", "response_content"]

Table: TypeAlias = Mapping[str, Any]
_OF_SYSTEM = ("system", "developer")


def request_content(call: ChatCall) -> dict[str, Any]:
    """What was asked: instructions, messages, and the tools."""
    messages: list[Table] = [dict(message) for message in call.messages]
    found: dict[str, Any] = {
        names.SYSTEM_INSTRUCTIONS: [
            part
            for message in messages
            if message.get("role") in _OF_SYSTEM
            for part in _content(message.get("content"))
        ],
        names.INPUT_MESSAGES: [
            {"role": message.get("role"), "parts": [*_parts(message)]}
            for message in messages
            if message.get("role") not in _OF_SYSTEM
        ],
        names.TOOL_DEFINITIONS: [*_tools(call)],
    }
    return {name: value for name, value in found.items() if value}


def response_content(completion: Completion) -> dict[str, Any]:
    """What was answered."""
    messages = [
        {
            "role": "assistant",
            "parts": [*_parts(choice.message.model_dump())],
            "finish_reason": choice.finish_reason or "",
        }
        for choice in completion.choices
    ]
    return {names.OUTPUT_MESSAGES: messages} if messages else {}


def as_attributes(content: Table) -> dict[str, str]:
    """The same for a span, where each is a text of JSON."""
    return {
        name: json.dumps(value, ensure_ascii=False, default=str) for name, value in content.items()
    }


def _tools(call: ChatCall) -> Iterator[Table]:
    tools: Any = call.parameters.get("tools") or ()
    for tool in tools:
        function = _table(tool.get("function"))
        yield {"type": "function", **function} if function else tool


def _parts(message: Table) -> Iterator[Table]:
    """The parts of a message: reasoning, texts and media, calls, or the result of one."""
    if message.get("role") == "tool":
        result = message.get("content")
        call = message.get("tool_call_id")
        yield {"type": "tool_call_response", "id": call, "response": result}
        return
    if message.get("reasoning_content"):
        yield {"type": "reasoning", "content": message["reasoning_content"]}
    yield from _content(message.get("content"))
    if message.get("role") in ("user", "function"):  # whose field of that name may hold anything
        return
    calls: Iterable[Table] = message.get("tool_calls") or ()
    for call in calls:
        function = _table(call.get("function")) or _table(call.get("custom"))
        arguments = _read(function.get("arguments", function.get("input")))
        about = {"id": call.get("id"), "name": function.get("name"), "arguments": arguments}
        yield {"type": "tool_call", **about}


def _table(value: Any) -> Table:
    """What a call or a tool says of itself; nothing where it is of a type that a host invented."""
    return cast("Table", value) if isinstance(value, Mapping) else {}


def _content(content: Any) -> Iterator[Table]:
    """Texts as the conventions have them; anything else under its own type."""
    if isinstance(content, str):
        yield {"type": "text", "content": content}
        return
    for part in content or ():
        if part.get("type") == "text":
            yield {"type": "text", "content": part.get("text")}
        else:
            yield dict(part)


def _read(arguments: Any) -> Any:
    """The arguments as JSON; as they are where they are none, or none that can be exported."""
    try:
        value = json.loads(arguments, parse_int=_integer)
        if "\\u" in arguments:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is a ValueError
    except (TypeError, ValueError, RecursionError):
        return arguments
    return value


def _integer(digits: str) -> int | str:
    """An integer; one that may not fit into 64 bits, as OpenTelemetry's have to, stays a text."""
    return int(digits) if len(digits) <= _DIGITS else digits


_DIGITS = 18
