"""A call's messages as Cohere's turns; it reads no parameter.

The system's turn comes first, and an earlier answer of Cohere's own goes back as it came.
Source: https://docs.cohere.com/reference/chat (messages), https://docs.cohere.com/reference/errors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate_cohere.earlier import add_earlier, joined_text, kept_of
from llmgate_cohere.tools import Names

__all__ = ["turns_of"]

Said = Mapping[str, Any]
Part = dict[str, Any]

_KNOWN: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "assistant": frozenset(
        {
            "role",
            "content",
            "refusal",
            "tool_calls",
            "audio",
            "reasoning_content",
            "annotations",
            "provider_data",
        }
    ),
}


def turns_of(call: ProviderCall, names: Names) -> list[dict[str, Any]]:
    """The turns of a call.

    Raises:
        UnsupportedError: for a part or a call that Cohere cannot carry.
        InvalidRequestError: when nothing is left to be sent.
    """
    system, turns = list[tuple[str, Any]](), list[dict[str, Any]]()
    for index, message in enumerate(cast("list[Said]", call.messages)):
        path, role = f"messages[{index}]", message["role"]
        role = "system" if role == "developer" else role
        _report_unknown_keys(message, role, path, call)
        if role == "assistant":
            turn = _assistant(message, path, call, names)
            turns += [turn] if turn else []
            continue
        content = _content(message["content"], role, f"{path}.content", call)
        if role == "system":
            system.append((path, content))
            if turns:
                reason = "moved to the front: the system's turn must be the first"
                call.report.add("converted", path, reason)
        elif role == "tool":
            identifier = message["tool_call_id"]
            turns.append({"role": "tool", "tool_call_id": identifier, "content": content})
        else:
            turns.append({"role": "user", "content": content})
    turns[:0] = _system_turn(system, call)
    if not turns:
        raise InvalidRequestError("there is nothing to answer: no turn is left", path="messages")
    return turns


def _system_turn(said: list[tuple[str, Any]], call: ProviderCall) -> list[dict[str, Any]]:
    """One turn of all instructions, which stay apart as its parts."""
    if len(said) < 2:
        return [{"role": "system", "content": content} for _, content in said]
    parts: list[Part] = []
    for place, (path, content) in enumerate(said):
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
        if place and path not in call.report:
            call.report.add("merged", path, "joined with the system's turn before it")
    return [{"role": "system", "content": parts}]


def _report_unknown_keys(message: Said, role: str, path: str, call: ProviderCall) -> None:
    for key, value in message.items():
        if key in _KNOWN[role] or value is None:
            continue
        reason = "a message has no such field"
        if role == "assistant":  # it may be an answer's own, which nobody asked to be sent
            call.report.add("dropped", f"{path}.{key}", reason, given=value)
        else:
            call.report.drop(f"{path}.{key}", reason, given=value)


# --- parts --------------------------------------------------------------------------------


def _content(content: Any, role: str, path: str, call: ProviderCall) -> Any:
    """Text as it is, parts one by one."""
    if not is_array(content):
        return content
    return [_part(part, role, f"{path}[{place}]", call) for place, part in enumerate(content)]


def _part(part: Said, role: str, path: str, call: ProviderCall) -> Part:
    kind = part["type"]
    convert = _KINDS[role].get(kind)
    if convert is None:
        raise UnsupportedError(
            f"{path}: Cohere takes no {kind!r} in a message of the {role}", parameter=path
        )
    for key, value in part.items():
        if key not in ("type", kind) and value is not None:
            call.report.drop(f"{path}.{key}", "a part has no such field", given=value)
    return convert(part, path, call)


def _text(part: Said, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    return {"type": "text", "text": part["text"]}


def _refusal(part: Said, path: str, call: ProviderCall) -> Part:
    call.report.add("converted", path, "an earlier refusal, sent as text")
    return {"type": "text", "text": part["refusal"]}


def _image(part: Said, path: str, call: ProviderCall) -> Part:
    image = dict(part["image_url"])
    sent: dict[str, Any] = {"url": image.pop("url")}
    detail = image.pop("detail", None)
    if detail == "original":
        reason = "the most that Cohere looks at"
        where = f"{path}.image_url.detail"
        call.report.add("converted", where, reason, given=detail, sent="high")
        detail = "high"
    if detail is not None:
        sent["detail"] = detail
    for key, value in image.items():
        if value is not None:
            call.report.drop(f"{path}.image_url.{key}", "an image has no such field", given=value)
    return {"type": "image_url", "image_url": sent}


def _thinking(part: Said, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    if not isinstance(part.get("thinking"), str):
        raise InvalidRequestError("expected a text", path=f"{path}.thinking")
    return {"type": "thinking", "thinking": part["thinking"]}


def _document(part: Said, path: str, call: ProviderCall) -> Part:  # noqa: ARG001 - one signature
    """Cohere's own form of a tool's result, for those who know it."""
    if not is_object(part.get("document")):
        raise InvalidRequestError("expected an object", path=f"{path}.document")
    return {"type": "document", "document": part["document"]}


_KINDS: Mapping[str, Mapping[str, Callable[[Said, str, ProviderCall], Part]]] = {
    "system": {"text": _text},
    "user": {"text": _text, "image_url": _image},
    "assistant": {"text": _text, "refusal": _refusal, "thinking": _thinking},
    "tool": {"text": _text, "document": _document},
}


# --- answers ------------------------------------------------------------------------------


def _assistant(message: Said, path: str, call: ProviderCall, names: Names) -> dict[str, Any] | None:
    """An earlier answer: as it came where it came from here, else made of what it says."""
    if message.get("audio"):
        where = f"{path}.audio"
        raise UnsupportedError(f"{where}: Cohere cannot be told what was spoken", parameter=where)
    turn: dict[str, Any] = {"role": "assistant"}
    content = _content(message.get("content"), "assistant", f"{path}.content", call) or None
    if message.get("refusal"):
        content = _with_refusal(content, message["refusal"])
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
    calls = [
        _tool_call(item, f"{path}.tool_calls[{place}]", call, names)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    if calls:
        turn["tool_calls"] = calls
    kept = kept_of(message, path, call)
    if kept is not None:
        add_earlier(turn, content, kept, path, call)
    elif content is not None and calls:
        _add_plan(turn, content, path, call)
    elif content is not None:
        turn["content"] = content
    if len(turn) > 1:
        return turn
    call.report.add("dropped", path, "a message that says nothing is refused by the API")
    return None


def _with_refusal(content: Any, refusal: str) -> Any:
    if content is None:
        return refusal
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*parts, {"type": "text", "text": refusal}]


def _add_plan(turn: dict[str, Any], content: Any, path: str, call: ProviderCall) -> None:
    """Text beside calls, which Cohere calls the plan of them."""
    thoughts = [] if isinstance(content, str) else [p for p in content if p["type"] != "text"]
    plan = joined_text(content)
    if thoughts:
        turn["content"] = thoughts
    if plan:
        turn["tool_plan"] = plan
        reason = "text beside tool calls is sent as tool_plan"
        call.report.add("renamed", f"{path}.content", reason, sent=plan)


def _tool_call(item: Said, path: str, call: ProviderCall, names: Names) -> dict[str, Any]:
    if item["type"] != "function":
        raise UnsupportedError(f"{path}: Cohere has functions only", parameter=path)
    function: Mapping[str, Any] = item["function"]
    for where, fields, known in (
        (path, item, ("id", "type", "function")),
        (f"{path}.function", function, ("name", "arguments")),
    ):
        for key, value in fields.items():
            if key not in known and value is not None:
                call.report.add(
                    "dropped", f"{where}.{key}", "a call has no such field", given=value
                )
    name = names.sent(function["name"], f"{path}.function.name", call)
    called = {"name": name, "arguments": function["arguments"]}
    return {"id": item["id"], "type": "function", "function": called}
