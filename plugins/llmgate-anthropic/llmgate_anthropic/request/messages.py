"""A call's messages as Anthropic's system prompt and turns; it reads no parameter but the model's.

Turns alternate, the results of tools come before all else in the turn that follows their calls, and
an earlier response of Anthropic's own goes back block by block as it came.
Source: https://platform.claude.com/docs/en/api/messages/create (messages, system) and
/docs/en/build-with-claude/mid-conversation-system-messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.kit import NameMap, arguments_object, drop_others
from llmgate.provider.kit.history import call_ids, function_in, is_answered_next
from llmgate_anthropic.request.history import earlier_blocks
from llmgate_anthropic.request.parts import Block, blocks_of, with_cache_mark
from llmgate_anthropic.rules import Traits

__all__ = ["Conversation", "conversation_of"]

Said = Mapping[str, Any]

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "system": ("role", "content", "cache_control"),
    "user": ("role", "content", "cache_control"),
    "tool": ("role", "content", "tool_call_id", "is_error", "cache_control"),
    "assistant": (
        *("role", "content", "refusal", "tool_calls", "audio", "reasoning_content"),
        *("annotations", "provider_data", "cache_control"),
    ),
}
_IDS = re.compile(r"[a-zA-Z0-9_-]+")
_ANY_LENGTH = 2**31


@dataclass(slots=True)
class Conversation:
    """The system prompt, as blocks, and the turns."""

    system: list[Block] = field(default_factory=list[Block])
    turns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, role: str, blocks: list[Block], path: str, call: ProviderCall) -> None:
        """Append a message's blocks, to the last turn where that is of the same role."""
        if not blocks:
            return
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": blocks})
            return
        content: list[Block] = self.turns[-1]["content"]
        content.extend(blocks)
        content.sort(key=lambda block: block["type"] != "tool_result")
        call.report.add("merged", path, f"joined with the {role}'s turn before it")


def conversation_of(call: ProviderCall, traits: Traits) -> Conversation:
    """The system prompt and the turns of a call.

    Raises:
        UnsupportedError: for a part or a call that Anthropic cannot carry.
        InvalidRequestError: when nothing is left to be sent.
    """
    if isinstance(call.messages, TextMessages):
        plain = _plain_conversation(call.messages)
        if plain is not None:
            return plain
    conversation = Conversation()
    messages = cast("list[Said]", call.messages)
    ids = NameMap(
        call_ids(messages), _IDS, "Anthropic refuses its characters in an id", longest=_ANY_LENGTH
    )
    for index, message in enumerate(messages):
        path, role = f"messages[{index}]", message["role"]
        role = "system" if role == "developer" else role
        drop_others(message, _KNOWN[role], path, call, "a message has no such field")
        match role:
            case "system":
                _add_system(conversation, message, index, call, traits)
            case "user":
                conversation.add("user", _blocks(message, "user", path, call), path, call)
            case "assistant":
                blocks = _assistant(message, path, call, ids, traits)
                conversation.add("assistant", blocks, path, call)
            case _:
                conversation.add("user", [_tool_result(message, path, call, ids)], path, call)
    if not conversation.turns:
        raise InvalidRequestError("no message has content to respond to", path="messages")
    _finish_last_turn(conversation.turns[-1], call, traits)
    return conversation


def _plain_conversation(messages: TextMessages) -> Conversation | None:
    """Texts of the user and responses in turn, after instructions; None where there is more to do,
    or to report, than to write each as a block."""
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    before = None
    for message in cast("list[Said]", messages):
        role, text = message["role"], message["content"]
        if role == before or not text or text.isspace():
            return None
        block: Block = {"type": "text", "text": text}
        if role in _INSTRUCTIONS:
            if before is not None:
                return None
            system.append(block)
        else:
            before = role
            turns.append({"role": role, "content": [block]})
    return Conversation(system, turns) if before == "user" else None


_INSTRUCTIONS = ("system", "developer")


def _blocks(message: Said, role: str, path: str, call: ProviderCall) -> list[Block]:
    blocks = blocks_of(message.get("content"), role, f"{path}.content", call)
    return with_cache_mark(blocks, message.get("cache_control"))


# --- system messages ----------------------------------------------------------------------


def _add_system(
    conversation: Conversation, message: Said, index: int, call: ProviderCall, traits: Traits
) -> None:
    """Instructions: before the turns, or among them where the model takes them there."""
    path = f"messages[{index}]"
    blocks = _blocks(message, "system", path, call)
    if not conversation.turns:
        conversation.system.extend(blocks)
        return
    follows_user = conversation.turns[-1]["role"] in ("user", "system")
    if traits.inner_system and follows_user and is_answered_next(call.messages[index + 1 :]):
        conversation.add("system", blocks, path, call)
        return
    conversation.system.extend(blocks)
    reason = "moved to the system prompt: the model takes no instructions at that place"
    call.report.add("converted", path, reason)


# --- responses and results ----------------------------------------------------------------


def _assistant(
    message: Said, path: str, call: ProviderCall, ids: NameMap, traits: Traits
) -> list[Block]:
    """An earlier response: as it came where it came from here, else made of what it says."""
    if message.get("audio"):
        raise UnsupportedError(
            f"{path}.audio: Anthropic supports no audio", parameter=f"{path}.audio"
        )
    texts = blocks_of(message.get("content"), "assistant", f"{path}.content", call)
    if message.get("refusal"):
        texts.append({"type": "text", "text": message["refusal"]})
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
    calls = [
        _tool_use(item, f"{path}.tool_calls[{place}]", call, ids)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    blocks = earlier_blocks(message, texts, calls, path, call, traits)
    return with_cache_mark(blocks, message.get("cache_control"))


def _tool_use(item: Said, path: str, call: ProviderCall, ids: NameMap) -> Block:
    function = function_in(item)
    if function is None:
        raise UnsupportedError(f"{path}: Anthropic supports functions only", parameter=path)
    if item["type"] != "function":
        reason = "sent as the call of a function"
        call.report.add("converted", f"{path}.type", reason, given=item["type"])
    others = {
        key: value
        for key, value in item.items()
        if key not in ("id", "type", "function") and value is not None
    }
    return {
        "type": "tool_use",
        "id": ids.sent(item["id"], f"{path}.id", call),
        "name": function["name"],
        "input": arguments_object(function.get("arguments"), f"{path}.function.arguments", call),
        **others,
    }


def _tool_result(message: Said, path: str, call: ProviderCall, ids: NameMap) -> Block:
    content = message["content"]
    if not isinstance(content, str):
        content = blocks_of(content, "tool", f"{path}.content", call)
    result: Block = {
        "type": "tool_result",
        "tool_use_id": ids.sent(message["tool_call_id"], f"{path}.tool_call_id", call),
        "content": content,
    }
    for key in ("is_error", "cache_control"):
        if message.get(key) is not None:
            result[key] = message[key]
    return result


def _finish_last_turn(turn: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """The beginning of a response, which is to be continued: the API refuses white space there.

    Raises:
        UnsupportedError: when the model continues none. What only paused is no such beginning.
    """
    kinds, last = {block["type"] for block in turn["content"]}, turn["content"][-1]
    if turn["role"] != "assistant" or last["type"] != "text" or not kinds <= _OF_A_BEGINNING:
        return
    path = f"messages[{len(call.messages) - 1}]"
    if not traits.prefilled:
        raise UnsupportedError(
            f"{path}: {call.model} continues no response that was begun for it: let the messages "
            "end with one of the user",
            parameter=path,
        )
    if last["text"] != last["text"].rstrip():
        turn["content"][-1] = {**last, "text": last["text"].rstrip()}
        reason = "sent without the white space at its end"
        call.report.add("converted", f"{path}.content", reason)


_OF_A_BEGINNING = frozenset({"text", "thinking", "redacted_thinking"})
