"""Converts messages and parameters from the spelling of hosts and other SDKs to OpenAI's.

It is used for what the check has refused, and leaves alone what it cannot read. Each change beyond
spelling is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgate._text.json import is_array, is_object
from llmgate._text.shape import Shape
from llmgate.report import Deviation, DeviationKind

_ROLES: Mapping[str, str] = {
    **{role: role for role in ("system", "developer", "user", "assistant", "tool", "function")},
    **dict.fromkeys(("model", "ai", "bot", "chatbot"), "assistant"),
    "human": "user",
}
"""The roles, by the names that hosts use for them."""


class Received:
    """Converts one call's messages and parameters to that form.

    ``changes`` is the list of recorded deviations.
    """

    def __init__(self) -> None:
        self.changes: list[Deviation] = []
        self._open: dict[str, str | None] = {}  # by id, the names of calls without a result so far

    def messages(self, given: list[Any], originals: list[Any]) -> list[Any]:
        """The converted messages; ``originals`` are the caller's own, in the same order."""
        return [
            self._message(message, index, isinstance(original, Shape))
            if is_object(message)
            else message
            for index, (message, original) in enumerate(zip(given, originals, strict=True))
        ]

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters."""
        parameters = dict(given)
        bias = parameters.get("logit_bias")
        if is_object(bias):  # by token ids, which are strings in JSON
            parameters["logit_bias"] = _with_text_keys(bias)
        tools = parameters.get("tools")
        if is_array(tools):
            parameters["tools"] = [
                self._with_type(tool, f"tools[{index}]") for index, tool in enumerate(tools)
            ]
        return parameters

    def _record(
        self, kind: DeviationKind, path: str, reason: str, given: Any = None, sent: Any = None
    ) -> None:
        self.changes.append(Deviation(kind, path, reason, given, sent))

    # --- messages ---

    def _message(self, given: dict[str, Any], index: int, is_response: bool) -> dict[str, Any]:
        message, path = dict(given), f"messages[{index}]"
        self._set_role(message, path, is_response)
        role = message.get("role")
        if not isinstance(role, str):  # which is refused, whatever else there is
            return message
        self._set_content(message, path)
        if role == "assistant":
            self._set_calls(message, index)
            self._set_function_call(message, path)
        elif role == "tool":
            self._set_id_of_call(message, path)
        return message

    def _set_role(self, message: dict[str, Any], path: str, is_response: bool) -> None:
        role = message.get("role")
        known = _ROLES.get(role.strip().lower()) if isinstance(role, str) else None
        known = known or ("assistant" if is_response else None)
        if known is not None and known != role:
            message["role"] = known
            self._record("converted", f"{path}.role", "the role under OpenAI's name", role, known)

    def _set_content(self, message: dict[str, Any], path: str) -> None:
        content = message.get("content", "")
        is_nothing = content is None and message.get("role") == "tool"
        if is_nothing or (is_array(content) and not content):
            message["content"] = ""
            self._record("converted", f"{path}.content", "sent as empty text", content, "")

    def _set_calls(self, message: dict[str, Any], index: int) -> None:
        calls = message.get("tool_calls")
        if not is_array(calls):
            return
        if not calls:
            del message["tool_calls"]  # hosts write an empty list, and refuse it
            return
        message["tool_calls"] = [
            self._call(call, index, call_index) if is_object(call) else call
            for call_index, call in enumerate(calls)
        ]

    def _call(self, given: dict[str, Any], index: int, call_index: int) -> dict[str, Any]:
        path = f"messages[{index}].tool_calls[{call_index}]"
        call: dict[str, Any] = self._with_type(given, path)
        function = call.get("function")
        if is_object(function):
            call["function"] = self._with_arguments(function, f"{path}.function")
        if _is_empty(call.get("id")) and (is_object(function) or is_object(call.get("custom"))):
            call["id"] = f"call_{index}_{call_index}"
            self._record("injected", f"{path}.id", "a result names its call", sent=call["id"])
        if isinstance(call.get("id"), str):
            name = function.get("name") if is_object(function) else None
            self._open[call["id"]] = name if isinstance(name, str) else None
        return call

    def _with_type(self, item: Any, path: str) -> Any:
        """A tool, or a call of one, with the type that follows from its other key."""
        if not is_object(item) or not _is_empty(item.get("type")):
            return dict(item) if is_object(item) else item
        kind = next((name for name in ("function", "custom") if is_object(item.get(name))), None)
        if kind is None:
            return dict(item)
        self._record("injected", f"{path}.type", "it holds one", sent=kind)
        return {**item, "type": kind}

    def _with_arguments(self, function: dict[str, Any], path: str) -> dict[str, Any]:
        """The function of a call, with its arguments as text; some hosts use an object."""
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            return function
        text = "{}"
        if arguments is not None:
            try:
                text = json.dumps(arguments, allow_nan=False, ensure_ascii=False)
            except (TypeError, ValueError, RecursionError):  # it is refused later, with its path
                return function
            self._record("converted", f"{path}.arguments", "sent as JSON text", arguments, text)
        return {**function, "arguments": text}

    def _set_function_call(self, message: dict[str, Any], path: str) -> None:
        called = message.get("function_call")
        if not is_object(called):
            return
        if _is_empty(called.get("name")) and _is_empty(called.get("arguments")):
            del message["function_call"]  # some hosts add an empty one to each text
        else:
            where = f"{path}.function_call"
            message["function_call"] = self._with_arguments(called, where)

    def _set_id_of_call(self, message: dict[str, Any], path: str) -> None:
        """Set which call a result belongs to: if it has no id, the first call without a result."""
        identifier, name = message.get("tool_call_id"), message.get("name")
        if _is_empty(identifier):
            is_any, name = name is None, name if isinstance(name, str) else ""
            named = [key for key, called in self._open.items() if is_any or name == called]
            if not named:
                return
            identifier = message["tool_call_id"] = named[0]
            reason = "it is the result of the first call that has none yet"
            self._record("injected", f"{path}.tool_call_id", reason, sent=identifier)
        if isinstance(identifier, str):
            self._open.pop(identifier, None)


def _is_empty(value: Any) -> bool:
    """Whether a value is null, or empty. An array of numpy's has no truth value, so it is not asked
    of what is no JSON."""
    return value is None or (isinstance(value, str | int | float | list | dict) and not value)


def _with_text_keys(bias: dict[Any, Any]) -> dict[Any, Any]:
    return {str(key) if type(key) is int else key: value for key, value in bias.items()}
