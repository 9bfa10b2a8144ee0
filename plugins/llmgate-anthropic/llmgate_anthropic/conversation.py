"""A call's messages as Anthropic's system prompt and turns; it reads no parameter but the model's.

Turns alternate, the results of tools come before all else in the turn that follows their calls, and
an earlier answer of Anthropic's own goes back block by block as it came.
Source: https://platform.claude.com/docs/en/api/messages/create (messages, system) and
/docs/en/build-with-claude/mid-conversation-system-messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from llmgate.errors import DecodeError, InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.tools import parse_arguments
from llmgate_anthropic.earlier import Ids, earlier_blocks
from llmgate_anthropic.models import Traits
from llmgate_anthropic.parts import Block, blocks_of, with_cache_mark

__all__ = ["Conversation", "conversation_of"]

Said = Mapping[str, Any]

_KNOWN: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "cache_control"}),
    "user": frozenset({"role", "content", "cache_control"}),
    "tool": frozenset({"role", "content", "tool_call_id", "is_error", "cache_control"}),
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
            "cache_control",
        }
    ),
}


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
    conversation, ids = Conversation(), Ids(call.messages)
    for index, message in enumerate(cast("list[Said]", call.messages)):
        path, role = f"messages[{index}]", message["role"]
        role = "system" if role == "developer" else role
        _report_unknown_keys(message, role, path, call)
        match role:
            case "system":
                _add_system(conversation, message, index, call, traits)
            case "user":
                conversation.add("user", _blocks(message, "user", path, call), path, call)
            case "assistant":
                conversation.add("assistant", _assistant(message, path, call, ids), path, call)
            case _:
                conversation.add("user", [_tool_result(message, path, call, ids)], path, call)
    if not conversation.turns:
        raise InvalidRequestError(
            "there is nothing to answer: no turn has content", path="messages"
        )
    _trim_last_turn(conversation.turns[-1], call)
    return conversation


def _blocks(message: Said, role: str, path: str, call: ProviderCall) -> list[Block]:
    blocks = blocks_of(message.get("content"), role, f"{path}.content", call)
    return with_cache_mark(blocks, message.get("cache_control"))


def _report_unknown_keys(message: Said, role: str, path: str, call: ProviderCall) -> None:
    for key, value in message.items():
        if key not in _KNOWN[role] and value is not None:
            call.report.drop(f"{path}.{key}", "a message has no such field", given=value)


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
    if traits.inner_system and follows_user and _is_answered_next(call.messages[index + 1 :]):
        conversation.add("system", blocks, path, call)
        return
    conversation.system.extend(blocks)
    reason = "moved to the system prompt: the model takes no instructions at that place"
    call.report.add("converted", path, reason)


def _is_answered_next(following: Iterable[Any]) -> bool:
    """Whether an answer, or the end, follows."""
    roles = (message["role"] for message in following)
    return next((r for r in roles if r not in ("system", "developer")), "assistant") == "assistant"


# --- answers and results ------------------------------------------------------------------


def _assistant(message: Said, path: str, call: ProviderCall, ids: Ids) -> list[Block]:
    """An earlier answer: as it came where it came from here, else made of what it says."""
    if message.get("audio"):
        raise UnsupportedError(
            f"{path}.audio: Anthropic cannot be told what was spoken", parameter=f"{path}.audio"
        )
    said = blocks_of(message.get("content"), "assistant", f"{path}.content", call)
    if message.get("refusal"):
        said.append({"type": "text", "text": message["refusal"]})
        call.report.add("converted", f"{path}.refusal", "an earlier refusal, sent as text")
    calls = [
        _tool_use(item, f"{path}.tool_calls[{place}]", call, ids)
        for place, item in enumerate(message.get("tool_calls") or ())
    ]
    blocks = earlier_blocks(message, said, calls, path, call)
    return with_cache_mark(blocks, message.get("cache_control"))


def _tool_use(item: Said, path: str, call: ProviderCall, ids: Ids) -> Block:
    if item["type"] != "function":
        raise UnsupportedError(f"{path}: Anthropic has functions only", parameter=path)
    function = item["function"]
    rest = {
        key: value
        for key, value in item.items()
        if key not in ("id", "type", "function") and value is not None
    }
    try:
        arguments = parse_arguments(function["arguments"])
    except DecodeError as error:
        failure = InvalidRequestError(error.message, path=f"{path}.function.arguments")
    else:
        identifier = ids.of(item["id"], f"{path}.id", call)
        block = {"type": "tool_use", "id": identifier, "name": function["name"]}
        return {**block, "input": arguments, **rest}
    raise failure


def _tool_result(message: Said, path: str, call: ProviderCall, ids: Ids) -> Block:
    content = message["content"]
    if not isinstance(content, str):
        content = blocks_of(content, "tool", f"{path}.content", call)
    result: Block = {
        "type": "tool_result",
        "tool_use_id": ids.of(message["tool_call_id"], f"{path}.tool_call_id", call),
        "content": content,
    }
    for key in ("is_error", "cache_control"):
        if message.get(key) is not None:
            result[key] = message[key]
    return result


def _trim_last_turn(turn: dict[str, Any], call: ProviderCall) -> None:
    """No white space at the end of an answer that is to be continued: the API refuses it."""
    last = turn["content"][-1]
    if (
        turn["role"] != "assistant"
        or last["type"] != "text"
        or last["text"] == last["text"].rstrip()
    ):
        return
    turn["content"][-1] = {**last, "text": last["text"].rstrip()}
    path = f"messages[{len(call.messages) - 1}].content"
    call.report.add("converted", path, "sent without the white space at its end")
