"""A call as one host takes it: its parameters, its messages, and what its row adds to the body.

What is changed is recorded in the call's report. The body itself is OpenAI's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from operator import ne
from typing import Any, cast

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import is_object
from llmgate.provider.kit import merge_body
from llmgate_compatible.history import fitted_messages
from llmgate_compatible.rows import Chat

__all__ = ["fitted_call", "leaves_unchanged"]


def leaves_unchanged(call: ProviderCall, chat: Chat) -> bool:
    """Whether a call is seen at a glance to be what the host takes, as most are: texts alone, and
    no parameter that rows are about."""
    if not isinstance(call.messages, TextMessages) or call.include_usage or chat.body:
        return False
    if not _WATCHED.isdisjoint(call.parameters):
        return False
    quirks = chat.quirks
    if "system_role" in quirks or "one_system" in quirks or "alternating" in quirks:
        return _has_plain_roles([message["role"] for message in call.messages])
    return True


def _has_plain_roles(roles: list[str]) -> bool:
    """Whether no host would have these roles otherwise: one system message, and turns after it."""
    return "developer" not in roles and all(map(ne, roles, roles[1:])) and "system" not in roles[1:]


_WATCHED = frozenset({"reasoning_effort", "response_format", "tool_choice"})


def fitted_call(call: ProviderCall, chat: Chat, title: str) -> ProviderCall:
    """The call that is to be sent in OpenAI's format. The given one stays as it is.

    Raises:
        UnsupportedError: when something is to be left out and the caller wants none of that.
    """
    messages = fitted_messages(call, chat, title)
    parameters: dict[str, Any] = {**call.parameters}
    added: dict[str, Any] = merge_body({}, chat.body)
    for name, value in chat.body.items():
        call.report.add("injected", name, f"{title} needs it", sent=value)
    if "reasoning_effort" in parameters:
        added = merge_body(added, _effort(parameters, call, chat, title))
    _fit_choice(parameters, call, chat, title)
    messages = _fit_format(parameters, messages, call, chat, title)
    include_usage = call.include_usage
    if include_usage and "no_stream_options" in chat.quirks:
        call.report.drop("stream_options.include_usage", f"{title} takes no stream_options")
        include_usage = False
    return replace(
        call,
        messages=messages,
        parameters=cast("Any", parameters),
        extra_body=merge_body(added, call.extra_body) if added else call.extra_body,
        include_usage=include_usage,
    )


# --- reasoning_effort ---------------------------------------------------------------------


def _effort(
    parameters: dict[str, Any], call: ProviderCall, chat: Chat, title: str
) -> Mapping[str, Any]:
    """What is merged into the body for the effort, which may leave the parameters."""
    given = parameters["reasoning_effort"]
    sent = chat.effort.get(given, chat.effort.get("*", given))
    if isinstance(sent, str) and not chat.effort_field:
        if sent != given:
            parameters["reasoning_effort"] = sent
            reason = f"{title} has no effort {given}"
            call.report.add("converted", "reasoning_effort", reason, given=given, sent=sent)
        return {}
    del parameters["reasoning_effort"]
    body = _nested(chat.effort_field, sent) if isinstance(sent, str) else sent
    reason = f"sent in {title}'s own terms"
    call.report.add("converted", "reasoning_effort", reason, given=given, sent=body)
    return body


def _nested(path: str, value: Any) -> dict[str, Any]:
    first, dot, rest = path.partition(".")
    return {first: _nested(rest, value) if dot else value}


# --- tool_choice --------------------------------------------------------------------------


def _fit_choice(parameters: dict[str, Any], call: ProviderCall, chat: Chat, title: str) -> None:
    choice = parameters.get("tool_choice")
    if choice is None or choice in ("auto", "none"):
        return
    if "free_choice_while_thinking" in chat.quirks and _thinks(call):
        reason = f"{title} lets no call be forced while it reasons; reasoning_effort='none' does"
        call.report.drop("tool_choice", reason, given=choice)
        del parameters["tool_choice"]
    elif "named_tool_as_required" in chat.quirks and is_object(choice):
        named = [
            tool for tool in parameters.get("tools") or () if _name_in(tool) == _name_in(choice)
        ]
        if named:
            parameters |= {"tools": named, "tool_choice": "required"}
            reason = "a tool cannot be chosen by name: it is the only one that is sent"
            call.report.add("converted", "tool_choice", reason, given=choice, sent="required")


def _name_in(item: Any) -> Any:
    """The name of the function that a tool is, or that a choice names."""
    function: Any = item.get("function")
    return function.get("name") if is_object(function) else None


def _thinks(call: ProviderCall) -> bool:
    thinking: Any = call.extra_body.get("thinking")
    is_off = is_object(thinking) and thinking.get("type") == "disabled"
    return not is_off and call.parameters.get("reasoning_effort") != "none"


# --- response_format ----------------------------------------------------------------------


def _fit_format(
    parameters: dict[str, Any], messages: Any, call: ProviderCall, chat: Chat, title: str
) -> Any:
    """The messages, which may have to say what the response has to look like."""
    given: Any = parameters.get("response_format")
    kind = given.get("type") if is_object(given) else None
    if kind == "json_object" and "object_as_schema" in chat.quirks:
        parameters["response_format"] = _ANY_OBJECT
        reason = f"{title} takes schemas only: this one allows any object"
        call.report.add("converted", "response_format", reason, given=given, sent=_ANY_OBJECT)
    elif kind == "json_schema" and "schema_in_prompt" in chat.quirks:
        parameters["response_format"] = {"type": "json_object"}
        reason = f"{title} takes no schema: it is in the prompt, and any JSON object is asked for"
        call.report.add("emulated", "response_format", reason, sent={"type": "json_object"})
        schema = json.dumps(given["json_schema"].get("schema", {}), ensure_ascii=False)
        return _with_system(messages, f"{_INSTRUCTION}\n{schema}")
    return messages


_ANY_OBJECT = {
    "type": "json_schema",
    "json_schema": {"name": "object", "schema": {"type": "object"}},
}
_INSTRUCTION = "Answer with a JSON object, and nothing else, that conforms to this JSON schema:"


def _with_system(messages: Any, text: str) -> Any:
    """The messages with a text at the end of the system message, which may have to be made."""
    first = messages[0] if messages else None
    if first is None or first["role"] != "system" or not isinstance(first["content"], str):
        return type(messages)([{"role": "system", "content": text}, *messages])
    changed = {**first, "content": f"{first['content']}\n\n{text}"}
    return type(messages)([changed, *messages[1:]])
