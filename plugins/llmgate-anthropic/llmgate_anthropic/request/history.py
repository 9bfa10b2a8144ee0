"""Earlier responses on their way back: Anthropic's own blocks byte for byte, where they still hold.

It repairs no block: one that was changed is refused by the API, so it is sent as it came or not.
Source: https://platform.claude.com/docs/en/build-with-claude/thinking#preserving-thinking-blocks
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import arguments_object, own_data
from llmgate_anthropic.request.parts import Block, is_blank
from llmgate_anthropic.rules import Traits

__all__ = ["PROVIDER", "earlier_blocks"]

PROVIDER = "anthropic"
"""The key of our blocks in a message's ``provider_data``."""


def earlier_blocks(
    message: Mapping[str, Any],
    texts: list[Block],
    calls: list[Block],
    path: str,
    call: ProviderCall,
    traits: Traits,
) -> list[Block]:
    """The blocks of an earlier response.

    ``texts`` and ``calls`` are what the message itself says. Where its native blocks still say the
    same, these are sent as they came. Where the caller has changed it, or it was truncated, the
    message counts, after those blocks that it has no words for.
    """
    native = _native_blocks(message, path, call, traits)
    if not native:
        return texts + calls
    rest = [block for block in native if not is_blank(block)]
    is_same = _text_of(message) in (_text_in(native), _text_in(rest))
    if is_same and _calls_in(native) == _calls_in(calls):
        return rest
    where = f"{path}.provider_data.{PROVIDER}.content"
    reason = "text and calls are sent as the message has them, which is not as they came"
    call.report.add("converted", where, reason)
    wordless = [block for block in native if block["type"] not in ("text", "tool_use")]
    return wordless + texts + calls


def _native_blocks(
    message: Mapping[str, Any], path: str, call: ProviderCall, traits: Traits
) -> list[Block]:
    data = own_data(message, PROVIDER, path, call)
    if data is None:
        _report_reasoning(message, path, call)
        return []
    where = f"{path}.provider_data.{PROVIDER}.content"
    blocks = data.get("content")
    if not is_array(blocks):
        raise InvalidRequestError("must be a list of content blocks", path=where)
    native = list[Block]()
    for place, block in enumerate(blocks):
        own = f"{where}[{place}]"
        if not is_object(block) or not isinstance(block.get("type"), str):
            raise InvalidRequestError("must be a content block", path=own)
        if block["type"] == "thinking" and not block.get("signature") and traits.signs:
            reason = f"it has no signature, without which {call.model} refuses a thought"
            call.report.add("dropped", own, reason)
        elif block["type"] == "tool_use" and not is_object(block.get("input")):
            given = arguments_object(block.get("input"), f"{own}.input", call)
            native.append({**block, "input": given})
        else:
            native.append(block)
    return native


def _report_reasoning(message: Mapping[str, Any], path: str, call: ProviderCall) -> None:
    for key in ("reasoning_content", "annotations"):
        if message.get(key):
            reason = "Anthropic accepts only its own back, from provider_data"
            call.report.add("dropped", f"{path}.{key}", reason)


def _text_of(message: Mapping[str, Any]) -> str:
    """All that a message says in words, with what is blank."""
    content = message.get("content") or ""
    if is_array(content):
        content = _text_in(content)
    return f"{content}{message.get('refusal') or ''}"


def _text_in(blocks: Iterable[Mapping[str, Any]]) -> str:
    return "".join(str(block.get("text")) for block in blocks if block["type"] == "text")


def _calls_in(blocks: Iterable[Block]) -> list[tuple[Any, ...]]:
    return [
        (block.get("id"), block.get("name"), block.get("input"))
        for block in blocks
        if block["type"] == "tool_use"
    ]
