"""A call's messages as one host takes them: reasoning, fields, roles and ids of earlier responses.

What is left out or changed is recorded in the call's report. Which host wants what is a row's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NameMap
from llmgate.provider.kit.history import call_ids
from llmgate_compatible.rows import Chat

if TYPE_CHECKING:
    from llmgate.messages import MessageParam

__all__ = ["fitted_messages"]

_Message = dict[str, Any]


def fitted_messages(call: ProviderCall, chat: Chat, title: str) -> list[MessageParam]:
    """The messages, changed where the host needs it; the given ones stay as they are."""
    messages: list[_Message] = cast("Any", call.messages)
    quirks = chat.quirks
    if not isinstance(call.messages, TextMessages):
        history = _History(call, chat, title)
        messages = [history.fitted(message, place) for place, message in enumerate(messages)]
    if "system_role" in quirks:
        messages = [_system(message, place, call) for place, message in enumerate(messages)]
    if "one_system" in quirks:
        messages = _joined(messages, call, title, _SYSTEM)
    if "alternating" in quirks:
        messages = _joined(messages, call, title, _SPEAKERS)
    return cast("list[MessageParam]", messages)


_SYSTEM = frozenset({"system", "developer"})
_SPEAKERS = frozenset({"user", "assistant"})


def _system(message: _Message, place: int, call: ProviderCall) -> _Message:
    if message["role"] != "developer":
        return message
    reason = "the role is sent under its older name"
    call.report.add("renamed", f"messages[{place}].role", reason, given="developer", sent="system")
    return {**message, "role": "system"}


def _joined(
    messages: Iterable[_Message], call: ProviderCall, title: str, roles: frozenset[str]
) -> list[_Message]:
    """The messages, with those of these roles that follow one of the same role joined to it.

    Those that hold more than text stay as they are.
    """
    joined = list[_Message]()
    for place, message in enumerate(messages):
        before = joined[-1] if joined else None
        if (
            before is not None
            and message["role"] in roles
            and (before["role"] == message["role"] or {before["role"], message["role"]} <= _SYSTEM)
            and _is_text(before)
            and _is_text(message)
        ):
            joined[-1] = {**before, "content": f"{before['content']}\n\n{message['content']}"}
            reason = f"joined to the message before it: {title} takes one at a time"
            call.report.add("merged", f"messages[{place}]", reason)
        else:
            joined.append(message)
    return joined


def _is_text(message: _Message) -> bool:
    return isinstance(message.get("content"), str) and message.keys() <= {"role", "content"}


class _History:
    """Fits the single messages of one call."""

    def __init__(self, call: ProviderCall, chat: Chat, title: str) -> None:
        self._call = call
        self._chat = chat
        self._reason = f"{title} does not take it"
        self._quirks = chat.quirks
        self._signed = {"extra_content"} if "signed_calls" in chat.quirks else set[str]()
        reason = f"{title} takes letters, digits, _ and - only"
        is_mapped = "plain_ids" in chat.quirks
        self._ids = NameMap(call_ids(call.messages), _PLAIN_ID, reason) if is_mapped else None

    def fitted(self, message: Mapping[str, Any], place: int) -> _Message:
        """One message; a copy where it is changed."""
        path, sent = f"messages[{place}]", dict(message)
        if sent["role"] == "assistant":
            self._fit_response(sent, path)
        elif self._ids is not None and isinstance(sent.get("tool_call_id"), str):
            sent["tool_call_id"] = self._ids.sent(
                sent["tool_call_id"], f"{path}.tool_call_id", self._call
            )
        if "no_names" in self._quirks:
            self._drop(sent, "name", path)
        if "text_content" in self._quirks:
            self._join_parts(sent, path)
        return sent

    def _fit_response(self, sent: _Message, path: str) -> None:
        if "content_parts" not in self._quirks:
            self._drop(sent, "content_parts", path)
        self._fit_reasoning(sent, path)
        if "known_fields" in self._quirks:
            kept = _RESPONSE_FIELDS | self._signed
            for name in [name for name in sent if name not in kept]:
                self._drop(sent, name, path)
        if is_array(sent.get("tool_calls")):
            if sent["tool_calls"]:
                self._fit_calls(sent, path)
            else:
                del sent["tool_calls"]  # an empty list says nothing, and some hosts refuse it

    def _fit_calls(self, sent: _Message, path: str) -> None:
        sent["tool_calls"] = [
            self._call_of(dict(call), f"{path}.tool_calls[{number}]")
            for number, call in enumerate(sent["tool_calls"])
        ]
        if "content_with_calls" in self._quirks and sent.get("content") is None:
            sent["content"] = ""

    def _call_of(self, call: _Message, path: str) -> _Message:
        quirks = self._quirks
        if "known_fields" in quirks:
            kept = _CALL_FIELDS | self._signed
            for name in [name for name in call if name not in kept]:
                self._drop(call, name, path)
        if self._ids is not None and isinstance(call.get("id"), str):
            call["id"] = self._ids.sent(call["id"], f"{path}.id", self._call)
        if "signatures_required" in quirks and not is_object(call.get("extra_content")):
            call["extra_content"] = _UNSIGNED
            reason = "another provider wrote this call: it is marked as not to be verified"
            self._call.report.add("injected", f"{path}.extra_content", reason)
        return call

    # --- reasoning ---

    def _fit_reasoning(self, sent: _Message, path: str) -> None:
        echo = self._chat.echo
        if echo == "given":
            return
        text = sent.get("reasoning_content") or sent.get("reasoning")
        text = text if isinstance(text, str) else None
        has_calls = bool(sent.get("tool_calls"))
        if echo == "details" and sent.get("reasoning_details"):
            self._keep_reasoning(sent, "reasoning_details", path)
        elif text and echo in ("reasoning", "details"):
            sent["reasoning"] = text
            self._keep_reasoning(sent, "reasoning", path)
        elif text and echo == "required":
            sent["reasoning_content"] = text
            self._keep_reasoning(sent, "reasoning_content", path)
        elif echo == "required" and has_calls:
            sent["reasoning_content"] = " "
            reason = "required beside tool calls, and the response had none"
            self._call.report.add("injected", f"{path}.reasoning_content", reason, sent=" ")
        elif text and echo == "tags" and isinstance(sent.get("content") or "", str):
            sent["content"] = f"<think>{text}</think>{sent.get('content') or ''}"
            self._keep_reasoning(sent, None, path)
        else:
            self._keep_reasoning(sent, "", path)

    def _keep_reasoning(self, sent: _Message, kept: str | None, path: str) -> None:
        """Leave out the reasoning but under one name; None stands for the content."""
        for name in _REASONING:
            if name == kept or sent.pop(name, None) is None:
                continue
            where = f"{path}.{name}"
            if kept == "":
                self._call.report.add("dropped", where, "reasoning is not accepted back")
            else:
                self._call.report.add("merged", where, f"sent as {kept or 'part of the content'}")

    # --- the rest ---

    def _drop(self, sent: _Message, name: str, path: str) -> None:
        if sent.pop(name, None) is not None:
            self._call.report.add("dropped", f"{path}.{name}", self._reason)

    def _join_parts(self, sent: _Message, path: str) -> None:
        parts = sent.get("content")
        if is_array(parts) and all(part.get("type") == "text" for part in parts):
            sent["content"] = "".join(part["text"] for part in parts)
            self._call.report.add("converted", f"{path}.content", "its parts are sent as one text")


_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
_RESPONSE_FIELDS = frozenset(
    {"role", "content", "name", "tool_calls", "function_call", "provider_data", *_REASONING}
)
_CALL_FIELDS = frozenset({"id", "type", "function", "custom"})
_UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}
"""What Gemini documents for calls that it did not make itself."""
