"""A call's messages as Mistral takes them: their order, their ids, and the fields that it knows.

Source: https://docs.mistral.ai/api/endpoint/chat (messages); what the API refused in 2026.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, cast

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import is_array
from llmgate.provider.kit import drop_others, own_data
from llmgate_mistral.request.parts import part_of, with_thinking

__all__ = ["messages_of"]

Said = dict[str, Any]

_LACKS = "Mistral refuses fields that it does not know"
_ROLES = frozenset({"system", "user"})


def messages_of(call: ProviderCall) -> list[Any]:
    """The messages. What is changed, moved, added or left out is in the call's report.

    Raises:
        UnsupportedError: for a call of a custom tool, and for a part that Mistral has nothing for.
    """
    messages = cast("list[Said]", call.messages)
    if isinstance(call.messages, TextMessages) and all(m["role"] in _ROLES for m in messages):
        return messages
    said: list[tuple[str, Said]] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        sent = _message(message, path, call)
        if sent is not None:
            said.append((path, sent))
    return _in_order(said, call)


def _message(message: Said, path: str, call: ProviderCall) -> Said | None:
    """One message; None where nothing is left of it."""
    match message["role"]:
        case "assistant":
            return _assistant(message, path, call)
        case "tool":
            drop_others(message, ("role", "content", "tool_call_id", "name"), path, call, _LACKS)
            identifier = _id(message["tool_call_id"], f"{path}.tool_call_id", call)
            sent = {"role": "tool", "content": _content(message, path, call)}
            if message.get("name") is not None:
                sent["name"] = message["name"]
            return {**sent, "tool_call_id": identifier}
        case "developer":
            reason = "Mistral's word for it is system"
            call.report.add("converted", f"{path}.role", reason, given="developer", sent="system")
            role = "system"
        case role:
            pass
    drop_others(message, ("role", "content"), path, call, _LACKS)
    return {"role": role, "content": _content(message, path, call)}


def _content(message: Said, path: str, call: ProviderCall) -> Any:
    content = message.get("content")
    if not is_array(content):
        return content
    return [part_of(part, f"{path}.content[{place}]", call) for place, part in enumerate(content)]


# --- earlier responses --------------------------------------------------------------------

_SENT = frozenset({"role", "content", "refusal", "tool_calls", "prefix", "provider_data"})
_THOUGHTS = frozenset({"reasoning_content", "content_parts"})


def _assistant(message: Said, path: str, call: ProviderCall) -> Said | None:
    content = _content(message, path, call)
    if refusal := message.get("refusal"):
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
        is_text = not is_array(content)
        content = (content or "") + refusal if is_text else [*content, _text(refusal)]
    calls = [
        _tool_call(item, f"{path}.tool_calls[{place}]", call)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    turn: Said = {"role": "assistant", "content": with_thinking(content, message, path, call)}
    if calls:
        turn["tool_calls"] = calls
    if message.get("prefix") is not None:
        turn["prefix"] = message["prefix"]
    for key, value in message.items():
        if key not in _SENT | _THOUGHTS and value is not None:
            call.report.add("dropped", f"{path}.{key}", _LACKS, given=value)
    turn |= own_data(message, "mistral", path, call) or {}
    if turn["content"] or calls:
        turn["content"] = turn["content"] or ""
        return turn
    call.report.add("dropped", path, "a message that says nothing is refused")
    return None


def _text(text: str) -> Said:
    return {"type": "text", "text": text}


def _tool_call(item: Mapping[str, Any], path: str, call: ProviderCall) -> Said:
    if item["type"] != "function":
        raise UnsupportedError(f"{path}: Mistral supports functions only", parameter=path)
    function: Mapping[str, Any] = item["function"]
    for where, fields, known in (
        (path, item, ("id", "type", "function", "index")),
        (f"{path}.function", function, ("name", "arguments")),
    ):
        for key, value in fields.items():
            if key not in known and value is not None:
                call.report.add("dropped", f"{where}.{key}", _LACKS, given=value)
    place = {} if item.get("index") is None else {"index": item["index"]}
    called = {"name": function["name"], "arguments": function["arguments"]}
    return {
        "id": _id(item["id"], f"{path}.id", call),
        "type": "function",
        "function": called,
        **place,
    }


_ID = re.compile(r"[A-Za-z0-9]{9}")


def _id(given: str, path: str, call: ProviderCall) -> str:
    """An id that Mistral accepts, the same for a call and for its result."""
    if _ID.fullmatch(given):
        return given
    sent = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:9]
    reason = "Mistral takes nine letters or digits"
    call.report.add("converted", path, reason, given=given, sent=sent)
    return sent


# --- order --------------------------------------------------------------------------------


def _in_order(said: list[tuple[str, Said]], call: ProviderCall) -> list[Said]:
    """The messages in an order that is not refused: no system message behind a response, no user
    behind a tool, and no response at the end but one that is to be continued."""
    instructions: list[Said] = []
    ordered: list[Said] = []
    for path, message in said:
        role, before = message["role"], ordered[-1]["role"] if ordered else "system"
        if role == "system" and before in ("assistant", "tool"):
            reason = "behind a response it is refused: it is sent before the conversation"
            call.report.add("converted", path, reason, given=message["content"])
            instructions.append(message)
            continue
        if role == "user" and before == "tool":
            reason = "between a tool's result and the user, a response is required"
            call.report.add("injected", path, reason, sent="OK")
            ordered.append({"role": "assistant", "content": "OK"})
        ordered.append(message)
    start = next((n for n, each in enumerate(ordered) if each["role"] != "system"), 0)
    ordered[start:start] = instructions
    if said:
        _continue(ordered, said[-1][0], call)
    return ordered


def _continue(ordered: list[Said], path: str, call: ProviderCall) -> None:
    """Let a response at the end be continued, as the API requires it."""
    last = ordered[-1]
    if last["role"] == "assistant" and "tool_calls" not in last and "prefix" not in last:
        ordered[-1] = {**last, "prefix": True}
        call.report.add("injected", f"{path}.prefix", "a response at the end is refused without")
