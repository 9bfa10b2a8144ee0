"""Earlier answers on their way back: Anthropic's own blocks byte for byte, and ids that it accepts.

It repairs no block: one that was changed is refused by the API, so it is sent as it came or not.
Source: https://platform.claude.com/docs/en/build-with-claude/thinking#preserving-thinking-blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate_anthropic.parts import Block

__all__ = ["Ids", "earlier_blocks"]

NAME = "anthropic"
"""The key of our blocks in a message's ``provider_data``."""


def earlier_blocks(
    message: Mapping[str, Any], said: list[Block], calls: list[Block], path: str, call: ProviderCall
) -> list[Block]:
    """The blocks of an earlier answer.

    ``said`` and ``calls`` are what the message itself says. Where it still says what the kept
    blocks say, these are sent as they came. Where the caller has changed it, or it broke off, the
    message counts, after those blocks that it has no words for.
    """
    _report_what_is_not_ours(message, path, call)
    kept = _kept_blocks(message, path, call)
    if not kept:
        return said + calls
    if _texts(kept) == _texts(said) and _calls(kept) == _calls(calls):
        return kept
    where = f"{path}.provider_data.{NAME}.content"
    reason = "text and calls are sent as the message has them, which is not as they came"
    call.report.add("converted", where, reason)
    wordless = [block for block in kept if block["type"] not in ("text", "tool_use")]
    return wordless + said + calls


def _kept_blocks(message: Mapping[str, Any], path: str, call: ProviderCall) -> list[Block]:
    provider_data: Mapping[str, Any] = message.get("provider_data") or {}
    data = provider_data.get(NAME)
    if data is None:
        return []
    blocks = data.get("content") if is_object(data) else None
    where = f"{path}.provider_data.{NAME}"
    if not is_array(blocks):
        raise InvalidRequestError("not what an answer's message held", path=where)
    kept: list[Block] = []
    for place, block in enumerate(blocks):
        if not is_object(block) or not isinstance(block.get("type"), str):
            raise InvalidRequestError("not a content block", path=f"{where}.content[{place}]")
        if block["type"] == "thinking" and not block.get("signature"):
            reason = "a thought without its signature is refused: its stream broke off"
            call.report.add("dropped", f"{where}.content[{place}]", reason)
        elif not _says_nothing(block):
            kept.append(block)
    return kept


def _says_nothing(block: Block) -> bool:
    """An empty text, which is sent by the API but not taken back."""
    return block["type"] == "text" and not str(block.get("text", "")).strip()


def _texts(blocks: Iterable[Block]) -> str:
    return "".join(str(block.get("text")) for block in blocks if block["type"] == "text")


def _calls(blocks: Iterable[Block]) -> list[tuple[Any, ...]]:
    return [
        (block.get("id"), block.get("name"), block.get("input"))
        for block in blocks
        if block["type"] == "tool_use"
    ]


def _report_what_is_not_ours(message: Mapping[str, Any], path: str, call: ProviderCall) -> None:
    data: Mapping[str, Any] = message.get("provider_data") or {}
    for provider in data:
        if provider != NAME:
            where = f"{path}.provider_data.{provider}"
            call.report.add("dropped", where, "Anthropic cannot read it")
    if NAME in data:
        return
    for key in ("reasoning_content", "annotations"):
        if message.get(key):
            reason = "Anthropic takes only its own back, signed and in provider_data"
            call.report.add("dropped", f"{path}.{key}", reason)


class Ids:
    """The ids of tool calls, in the characters that Anthropic takes; one for one.

    Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
    """

    def __init__(self, messages: Iterable[Mapping[str, Any]]) -> None:
        self._taken = set(_ids_in(messages))
        self._sent: dict[str, str] = {}

    def of(self, given: str, path: str, call: ProviderCall) -> str:
        """The id to send for one that was given; a change is reported."""
        if _FINE.fullmatch(given):
            return given
        sent = self._sent.get(given) or self._free(re.sub(r"[^a-zA-Z0-9_-]", "_", given))
        self._sent[given] = sent
        reason = "has characters that Anthropic refuses in an id"
        call.report.add("converted", path, reason, given=given, sent=sent)
        return sent

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


_FINE = re.compile(r"[a-zA-Z0-9_-]+")


def _ids_in(messages: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for message in messages:
        yield message.get("tool_call_id") or ""
        for item in message.get("tool_calls") or ():
            yield item["id"]
