"""A call's messages as the items of the Responses API's ``input``, in their order.

Messages that hold nothing but text are sent unchanged. What an item cannot carry is in the report.
Source: https://platform.openai.com/docs/api-reference/responses/create (input)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import drop_others, own_data
from llmgate_openai.request.messages import ITEMS
from llmgate_openai.responses.dialect import ResponsesDialect
from llmgate_openai.responses.history import replayed_items

__all__ = ["input_items"]

Message = Mapping[str, Any]


def input_items(call: ProviderCall, dialect: ResponsesDialect) -> list[Any]:
    """The items.

    Raises:
        InvalidRequestError: when a message's ``provider_data`` is not a dictionary, or a result in
            the legacy form follows no call.
        UnsupportedError: for a part that no item can carry.
    """
    if isinstance(call.messages, TextMessages):
        return [
            each for each in call.messages if each.get("content") or each["role"] != "assistant"
        ]
    return _Items(call, dialect).of_all()


class _Items:
    """Makes the items of one call."""

    def __init__(self, call: ProviderCall, dialect: ResponsesDialect) -> None:
        self._call = call
        self._dialect = dialect
        self._custom = set[str]()  # the ids of calls of custom tools
        self._legacy: list[tuple[str, str]] = []  # names and ids of legacy calls without a result

    def of_all(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for index, message in enumerate(self._call.messages):
            items += self._of(message, f"messages[{index}]")
        return items

    def _of(self, message: Message, path: str) -> list[dict[str, Any]]:
        match message["role"]:
            case "assistant":
                return self._assistant(message, path)
            case "tool":
                return [self._result(message, path)]
            case "function":
                return [self._legacy_result(message, path)]
            case role:
                self._drop(message, ("role", "content"), path)
                return [{"role": role, "content": self._content(message["content"], path)}]

    def _drop(self, message: Message, known: tuple[str, ...], path: str) -> None:
        reason = "an item of the Responses API has no such field"
        drop_others(message, known, path, self._call, reason)

    # --- what the model gave ---

    def _assistant(self, message: Message, path: str) -> list[dict[str, Any]]:
        own = dict(own_data(message, self._dialect.provider, path, self._call) or {})
        native = own.pop(ITEMS, None)
        reason = "it is of chat completions"
        where = f"{path}.provider_data.{self._dialect.provider}"
        drop_others(own, (), where, self._call, reason)
        plain = self._plain(message, path)
        if is_array(native) and native:
            items, is_reasoned = replayed_items(native, plain, path, self._call, self._dialect)
        else:
            items, is_reasoned = plain, False
        if message.get("reasoning_content") and not is_reasoned:
            reason = "only reasoning that this API gave can be sent back"
            self._call.report.add("dropped", f"{path}.reasoning_content", reason)
        self._drop(message, _OF_ASSISTANT, path)
        return items

    def _plain(self, message: Message, path: str) -> list[dict[str, Any]]:
        """The items of a response of which nothing but the message is known."""
        items = [*self._spoken(message, path)]
        for number, call in enumerate(message.get("tool_calls") or ()):
            items.append(self._call_item(call, f"{path}.tool_calls[{number}]"))
        called = message.get("function_call")
        if called:
            identifier = f"call_{path[9:-1]}"
            self._legacy.append((called["name"], identifier))
            items.append(_function_call(identifier, called))
        return items

    def _spoken(self, message: Message, path: str) -> list[dict[str, Any]]:
        content, refusal = message.get("content"), message.get("refusal")
        if isinstance(content, str) and content and not refusal:
            return [{"role": "assistant", "content": content}]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        written = [
            _output_part(part, f"{path}.content[{place}]")
            for place, part in enumerate(parts or ())
            if part != _NO_TEXT
        ]
        if refusal:
            written.append({"type": "refusal", "refusal": refusal})
        return [{"role": "assistant", "content": written}] if written else []

    def _call_item(self, call: Mapping[str, Any], path: str) -> dict[str, Any]:
        match call:
            case {"type": "function", "id": identifier, "function": function}:
                return _function_call(identifier, function)
            case {"type": "custom", "id": identifier, "custom": custom}:
                self._custom.add(identifier)
                item = {"type": "custom_tool_call", "call_id": identifier}
                return {**item, "name": custom["name"], "input": custom["input"]}
            case _:
                reason = f"{path}: the Responses API has no call of the type {call['type']}"
                raise UnsupportedError(reason, parameter=path)

    # --- results ---

    def _result(self, message: Message, path: str) -> dict[str, Any]:
        self._drop(message, ("role", "content", "tool_call_id"), path)
        identifier = message["tool_call_id"]
        kind = "custom_tool_call" if identifier in self._custom else "function_call"
        content = self._content(message["content"], path)
        return {"type": f"{kind}_output", "call_id": identifier, "output": content}

    def _legacy_result(self, message: Message, path: str) -> dict[str, Any]:
        """The result of the last call of that name, in the form that has no ids."""
        name = message["name"]
        found = next((each for each in reversed(self._legacy) if each[0] == name), None)
        if found is None:
            raise InvalidRequestError(f"no call of {name!r:.60} precedes it", path=path)
        self._legacy.remove(found)
        output = message.get("content") or ""
        return {"type": "function_call_output", "call_id": found[1], "output": output}

    # --- content ---

    def _content(self, content: Any, path: str) -> Any:
        if not is_array(content):
            return content
        return [_input_part(part, f"{path}.content[{place}]") for place, part in enumerate(content)]


_NO_TEXT = {"type": "text", "text": ""}
_OF_ASSISTANT = (
    *("role", "content", "refusal", "reasoning_content", "tool_calls", "function_call"),
    "provider_data",
)


def _function_call(identifier: str, function: Mapping[str, Any]) -> dict[str, Any]:
    name, arguments = function["name"], function["arguments"]
    return {"type": "function_call", "call_id": identifier, "name": name, "arguments": arguments}


def _input_part(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A part of what the model is given; a part in the API's own form is sent as it is."""
    kind = part["type"]
    inner = part.get(kind)
    rest = {key: value for key, value in part.items() if key not in ("type", kind)}
    if kind == "text":
        return {"type": "input_text", "text": inner, **rest}
    if kind == "image_url" and is_object(inner):
        others = {key: value for key, value in inner.items() if key != "url"}
        return {"type": "input_image", "image_url": inner["url"], **others, **rest}
    if kind == "file" and is_object(inner):
        return {"type": "input_file", **_file(inner), **rest}
    if kind in ("input_audio", "refusal"):
        raise _cannot_carry(kind, path)
    return {**part}


def _file(given: Mapping[str, Any]) -> dict[str, Any]:
    """A file with its address, if that is what it has, in the field for it."""
    data = given.get("file_data")
    if not isinstance(data, str) or not data.startswith(("https://", "http://")):
        return {**given}
    return {**{key: value for key, value in given.items() if key != "file_data"}, "file_url": data}


def _output_part(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A part of what the model gave."""
    kind = part["type"]
    if kind == "text":
        rest = {key: value for key, value in part.items() if key != "type"}
        return {"type": "output_text", "annotations": [], **rest}
    if kind in ("image_url", "file", "input_audio"):
        raise _cannot_carry(kind, path)
    return {**part}


def _cannot_carry(kind: str, path: str) -> UnsupportedError:
    reason = f"{path}: the Responses API takes no part of the type {kind} here"
    return UnsupportedError(reason, parameter=path)
