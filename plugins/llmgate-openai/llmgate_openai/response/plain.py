"""Whole responses of a text or calls, as nearly all are: fewer steps than in ``body``.

It gives no meaning of its own to anything: what is unusual, or has to be recorded, is left to
``body``, which reads all the rest just so.
Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from llmgate.provider.http import is_array
from llmgate.provider.kit import finish_reason
from llmgate.types import Choice, Completion, Function, Message, ToolCall
from llmgate_openai.response.parts import HEAD_FIELDS, is_plain_head
from llmgate_openai.response.usage import plain_usage

__all__ = ["plain_completion"]


def plain_completion(payload: Any) -> Completion | None:
    """The completion of a response with one choice; None where something in it is unusual."""
    try:
        identifier, model, kind, created, (given,), counts = _VALUES(payload)
    except (KeyError, TypeError, ValueError):
        return None
    fingerprint, tier = payload.get("system_fingerprint"), payload.get("service_tier")
    if not is_plain_head(identifier, created, model, kind, fingerprint, tier):
        return None
    if kind != "chat.completion" or "error" in payload:
        return None
    choice, usage = _choice(given), plain_usage(counts)
    if choice is None or usage is None:
        return None
    read = Completion([choice], identifier, created, model, kind, usage, fingerprint, tier)
    if not _HEAD.issuperset(payload):
        read.extra = {key: value for key, value in payload.items() if key not in _HEAD}
    return read


def _choice(given: Any) -> Choice | None:
    """A choice of a text, of calls, or of both; None where it has anything else."""
    try:
        message, native, index = _CHOICE_VALUES(given)
        text, role = _MESSAGE_VALUES(message)
    except (KeyError, TypeError):
        return None
    if not (_CHOICE.issuperset(given) and _MESSAGE.issuperset(message)) or role != "assistant":
        return None
    if type(native) is not str or native not in _REASONS:
        return None
    if type(index) is not int or abs(index) >= _MOST or given.get("logprobs") is not None:
        return None
    annotations, calls = message.get("annotations"), _calls(message.get("tool_calls"))
    if annotations not in (None, []) or message.get("refusal") is not None or calls is None:
        return None
    if type(text) is not str and (text is not None or not calls):
        return None
    made = Message(text, role, tool_calls=calls or None, annotations=annotations)
    reason = finish_reason(native, {}, has_calls=bool(calls))
    return Choice(made, index, reason, None, native)


def _calls(given: Any) -> list[ToolCall] | None:
    """The calls of functions; None where one is another call, or lacks anything."""
    calls: list[ToolCall] = []
    if given is None:
        return calls
    if not is_array(given):
        return None
    for call in given:
        try:
            identifier, kind, function = _CALL_VALUES(call)
            name, arguments = _FUNCTION_VALUES(function)
        except (KeyError, TypeError):
            return None
        if len(call) != _OF_A_CALL or len(function) != _OF_A_FUNCTION or kind != "function":
            return None
        if type(identifier) is not str or type(name) is not str or type(arguments) is not str:
            return None
        if not identifier or not name or not arguments or arguments.isspace():
            return None
        calls.append(ToolCall(identifier, Function(name, arguments)))
    return calls


_MOST = 2**63
_VALUES = itemgetter("id", "model", "object", "created", "choices", "usage")
_CHOICE_VALUES = itemgetter("message", "finish_reason", "index")
_MESSAGE_VALUES = itemgetter("content", "role")
_CALL_VALUES = itemgetter("id", "type", "function")
_FUNCTION_VALUES = itemgetter("name", "arguments")
_OF_A_CALL, _OF_A_FUNCTION = 3, 2
_HEAD = HEAD_FIELDS | {"choices"}
_CHOICE = frozenset({"index", "message", "finish_reason", "logprobs"})
_MESSAGE = frozenset({"role", "content", "refusal", "annotations", "tool_calls"})
_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls"})
