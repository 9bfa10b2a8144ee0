"""Marks of a prefix to be cached that are Anthropic's: OpenAI's own host knows others.

It drops them, and records that; what a mark means elsewhere is not its matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import repeat
from operator import contains
from typing import TYPE_CHECKING, Any, cast

from llmgate.provider.call import PlainMessages, ProviderCall
from llmgate.provider.http import is_array, is_object

if TYPE_CHECKING:
    from llmgate.messages import MessageParam, ToolDefinition
    from llmgate.options import ChatParameters

__all__ = ["without_cache_control"]

_MARK = "cache_control"
_REASON = "OpenAI caches prefixes by itself; its own mark is prompt_cache_breakpoint"


def without_cache_control(call: ProviderCall) -> ProviderCall:
    """The call without ``cache_control`` on messages, parts and tools; the same if there is none.

    Raises:
        UnsupportedError: when there is one, and the caller asked for ``unsupported="raise"``.
    """
    tools = call.parameters.get("tools") or ()
    if any(_MARK in tool for tool in tools):
        kept = [_without(tool, f"tools[{place}]", call) for place, tool in enumerate(tools)]
        parameters = {**call.parameters, "tools": cast("list[ToolDefinition]", kept)}
        call = replace(call, parameters=cast("ChatParameters", parameters))
    if isinstance(call.messages, PlainMessages) or not _may_be_marked(call.messages):
        return call
    messages = [
        _message(message, f"messages[{index}]", call) for index, message in enumerate(call.messages)
    ]
    if all(map(_is_same, messages, call.messages)):
        return call
    return replace(call, messages=cast("list[MessageParam]", messages))


def _may_be_marked(messages: list[MessageParam]) -> bool:
    """Whether one bears a mark, or has parts that may; asked of all messages in compiled code."""
    contents = map(_value_of, messages, repeat("content"))
    return any(map(contains, messages, repeat(_MARK))) or list in map(type, contents)


_value_of: Callable[[Any, str], Any] = dict[str, Any].get


def _message(message: Mapping[str, Any], path: str, call: ProviderCall) -> Mapping[str, Any]:
    message = _without(message, path, call)
    content = message.get("content")
    if not is_array(content):
        return message
    parts = [
        _without(part, f"{path}.content[{place}]", call) if is_object(part) else part
        for place, part in enumerate(content)
    ]
    return message if all(map(_is_same, parts, content)) else {**message, "content": parts}


def _is_same(one: object, other: object) -> bool:
    return one is other


def _without(marked: Mapping[str, Any], path: str, call: ProviderCall) -> Mapping[str, Any]:
    if _MARK not in marked:
        return marked
    call.report.drop(f"{path}.{_MARK}", _REASON, given=marked[_MARK])
    return {key: value for key, value in marked.items() if key != _MARK}
