"""Whole messages of a text, calls and counts, as nearly all are: fewer steps than in ``body``.

It gives no meaning of its own to anything: what is unusual, or has to be recorded, is left to
``body``, which reads all the rest just so.
Source: https://platform.claude.com/docs/en/api/messages/create (the response).
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import arguments_text, finish_reason
from llmgate.types import (
    Choice,
    Completion,
    Function,
    Message,
    PromptTokensDetails,
    ToolCall,
    Usage,
)
from llmgate_anthropic.response.parts import OF_A_MESSAGE

__all__ = ["plain_completion"]


def plain_completion(payload: Any) -> Completion | None:
    """The completion of a message; None where something in it is unusual."""
    try:
        identifier, kind, model, content, native, counts = _VALUES(payload)
    except (KeyError, TypeError):
        return None
    if kind != "message" or not _FIELDS.issuperset(payload) or not is_array(content):
        return None
    if type(identifier) is not str or type(model) is not str or type(native) is not str:
        return None
    if payload.get("stop_sequence") is not None or payload.get("stop_details") is not None:
        return None
    message, usage = _message(content), _usage(counts)
    if message is None or usage is None or not identifier:
        return None
    reason = finish_reason(native, {}, has_calls=message.tool_calls is not None)
    choice = Choice(message, 0, reason, None, native)
    tier = counts.get("service_tier")
    return Completion([choice], identifier, model=model, usage=usage, service_tier=tier)


_VALUES = itemgetter("id", "type", "model", "content", "stop_reason", "usage")
_FIELDS = frozenset(OF_A_MESSAGE)


def _message(content: list[Any]) -> Message | None:
    """What a text before calls says, or one of them alone; None where there is anything else."""
    first = content[0] if content else None
    if not is_object(first) or first.get("type") != "text":
        calls = _calls(content)
        return Message(tool_calls=calls) if calls else None
    text = first.get("text")
    if type(text) is not str or len(first) != _OF_A_TEXT:
        return None
    if len(content) == 1:  # nearly always
        return Message(text or None)
    calls = _calls(content[1:])
    return Message(text or None, tool_calls=calls) if calls else None


def _calls(blocks: Iterable[Any]) -> list[ToolCall] | None:
    """The calls that blocks are; None where one is something else, or lacks anything."""
    calls: list[ToolCall] = []
    for block in blocks:
        if not is_object(block) or block.keys() != _OF_A_CALL or block["type"] != "tool_use":
            return None
        identifier, name, given = block["id"], block["name"], block["input"]
        if type(identifier) is not str or not identifier or type(name) is not str:
            return None
        if not is_object(given):
            return None
        calls.append(ToolCall(identifier, Function(name, arguments_text(given, "input", None))))
    return calls


_OF_A_TEXT = len(("type", "text"))
_OF_A_CALL = frozenset({"type", "id", "name", "input"})


def _usage(counts: Any) -> Usage | None:
    """The usage; None where it lacks a count, has details, or an odd value."""
    try:
        uncached, output, written, read = _COUNTS(counts)
    except (KeyError, TypeError):
        return None
    if type(uncached) is not int or type(output) is not int:
        return None
    if type(written) is not int or type(read) is not int:
        return None
    if not (0 <= uncached < _MOST and 0 <= output < _MOST):
        return None
    if not (0 <= written < _MOST and 0 <= read < _MOST):
        return None
    tier = counts.get("service_tier")
    if not _UNUSUAL.isdisjoint(counts) or not (tier is None or type(tier) is str):
        return None
    prompt = uncached + written + read
    details = PromptTokensDetails(read, written)
    extra = counts.copy()
    for name in _NAMES:
        del extra[name]
    return Usage(prompt, output, prompt + output, details, None, extra)


_NAMES = (
    *("input_tokens", "output_tokens"),
    *("cache_creation_input_tokens", "cache_read_input_tokens"),
)
_COUNTS = itemgetter(*_NAMES)
_UNUSUAL = frozenset(
    (
        *("prompt_tokens", "completion_tokens", "total_tokens", "output_tokens_details"),
        *("prompt_tokens_details", "completion_tokens_details"),
    )
)
"""What has a place of its own in :class:`Usage`, or is read in parts."""
_MOST = 2**63
