"""A call's messages as Ollama takes them: a text each, images and calls beside it.

Source: https://docs.ollama.com/api/chat (messages)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import is_array
from llmgate.provider.kit import arguments_object, drop_others, own_data

__all__ = ["messages_of"]

_LACKS = "Ollama has no such field"
_ROLES = frozenset({"system", "user", "assistant"})


def messages_of(call: ProviderCall) -> list[dict[str, Any]]:
    """The messages. What is changed or left out of them is recorded in the call's report.

    Raises:
        UnsupportedError: for what is neither text nor an inline image, and for a custom tool.
    """
    messages = cast("list[dict[str, Any]]", call.messages)
    if isinstance(call.messages, TextMessages) and all(m["role"] in _ROLES for m in messages):
        return messages
    names: dict[str, str] = {}
    return [
        _message(each, f"messages[{index}]", call, names) for index, each in enumerate(messages)
    ]


def _message(
    message: Mapping[str, Any], path: str, call: ProviderCall, names: dict[str, str]
) -> dict[str, Any]:
    match message["role"]:
        case "assistant":
            return _assistant(message, path, call, names)
        case "tool":
            return _tool_result(message, path, call, names)
        case "developer":
            reason = "Ollama's word for it is system"
            call.report.add("converted", f"{path}.role", reason, given="developer", sent="system")
            role = "system"
        case role:
            pass
    drop_others(message, ("role", "content"), path, call, _LACKS)
    return {"role": role, **_content(message, path, call)}


def _tool_result(
    message: Mapping[str, Any], path: str, call: ProviderCall, names: Mapping[str, str]
) -> dict[str, Any]:
    """A result; Ollama finds the call by the function's name, and newer servers by its id too."""
    drop_others(message, ("role", "content", "name", "tool_call_id"), path, call, _LACKS)
    identifier = message["tool_call_id"]
    name = names.get(identifier) or message.get("name")
    named = {} if name is None else {"tool_name": name}
    return {"role": "tool", **_content(message, path, call), **named, "tool_call_id": identifier}


# --- earlier responses --------------------------------------------------------------------

_SENT = ("role", "content", "refusal", "reasoning_content", "tool_calls", "provider_data")


def _assistant(
    message: Mapping[str, Any], path: str, call: ProviderCall, names: dict[str, str]
) -> dict[str, Any]:
    """An earlier response, with its thinking, without what only other providers understand."""
    turn = {"role": "assistant", **_content(message, path, call, between="")}
    if refusal := message.get("refusal"):
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
        turn["content"] += refusal
    if thinking := message.get("reasoning_content"):
        turn["thinking"] = thinking
    calls = [
        _tool_call(item, f"{path}.tool_calls[{place}]", call, names)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    if calls:
        turn["tool_calls"] = calls
    for key, value in message.items():
        if key not in _SENT and value is not None:
            call.report.add("dropped", f"{path}.{key}", _LACKS, given=value)
    return turn | (own_data(message, "ollama", path, call) or {})


def _tool_call(
    item: Mapping[str, Any], path: str, call: ProviderCall, names: dict[str, str]
) -> dict[str, Any]:
    """A call, whose arguments are an object here."""
    if item["type"] != "function":
        raise UnsupportedError(f"{path}: Ollama supports functions only", parameter=path)
    function: Mapping[str, Any] = item["function"]
    names[item["id"]] = function["name"]
    for where, fields, known in (
        (path, item, ("id", "type", "function")),
        (f"{path}.function", function, ("name", "arguments", "index")),
    ):
        for key, value in fields.items():
            if key not in known and value is not None:
                call.report.add("dropped", f"{where}.{key}", _LACKS, given=value)
    arguments = arguments_object(function["arguments"], f"{path}.function.arguments", call)
    place = {} if function.get("index") is None else {"index": function["index"]}
    called = {**place, "name": function["name"], "arguments": arguments}
    return {"id": item["id"], "function": called}


# --- content ------------------------------------------------------------------------------


def _content(
    message: Mapping[str, Any], path: str, call: ProviderCall, between: str = "\n"
) -> dict[str, Any]:
    """The content as one text, and the images in it."""
    content = message.get("content")
    if not is_array(content):
        return {"content": content or ""}
    texts: list[str] = []
    images: list[str] = []
    for place, part in enumerate(content):
        where = f"{path}.content[{place}]"
        match part["type"]:
            case "text" | "refusal" as kind:
                texts.append(part[kind])
                drop_others(part, ("type", kind), where, call, _LACKS)
            case "image_url":
                images.append(_image(part, where, call))
            case _:
                reason = "Ollama takes text and images only"
                raise UnsupportedError(f"{where}: {reason}", parameter=where)
    if len(texts) > 1:
        call.report.add("merged", f"{path}.content", "a message has one text here")
    return {"content": between.join(texts), **({"images": images} if images else {})}


def _image(part: Mapping[str, Any], path: str, call: ProviderCall) -> str:
    """An inline image's base64, which is all that Ollama takes of it."""
    image: Mapping[str, Any] = part["image_url"]
    url: str = image["url"]
    if not url.startswith("data:"):
        reason = "Ollama loads no image: pass what it holds, as llmgate.image(path) does"
        raise UnsupportedError(f"{path}: {reason}", parameter=path)
    drop_others(part, ("type", "image_url"), path, call, _LACKS)
    path = f"{path}.image_url"
    drop_others(image, ("url",), path, call, _LACKS)
    call.report.add("converted", f"{path}.url", "Ollama takes the base64 without its type")
    return url.partition(",")[2]
