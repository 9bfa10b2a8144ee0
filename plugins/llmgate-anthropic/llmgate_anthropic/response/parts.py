"""Parts of a response, whole or streamed, in OpenAI's shape; pure, and nothing is made up.

What the shape has no place for stays: in ``extra``, or block by block for the way back. An odd
value beside text and calls loses nothing: it is converted or left out, and recorded.
Source: https://platform.claude.com/docs/en/api/messages (content blocks, stop reasons, usage).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.provider.accumulate import beside
from llmgate.provider.kit import NativeContent, SideFields
from llmgate.types import CompletionTokensDetails, PromptTokensDetails, Usage

__all__ = [
    "OF_A_MESSAGE",
    "annotations_of",
    "native_content",
    "native_data",
    "stop_extra",
    "usage_of",
]

OF_A_MESSAGE = (
    *("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details"),
    "usage",
)
"""The fields of a message that have a place of their own."""


def stop_extra(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What stopped the response, where the shape has no place for it."""
    return {
        key: payload[key]
        for key in ("stop_sequence", "stop_details")
        if payload.get(key) is not None
    }


# --- usage --------------------------------------------------------------------------------

_COUNTED = (
    *("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"),
    *("cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens_details"),
)


def usage_of(fields: SideFields) -> Usage | None:
    """The usage in OpenAI's counts: the prompt with cache reads and writes. None without a count.

    Hosts of this format that use OpenAI's names for the two counts are understood as well.
    """
    uncached, output = fields.integer("input_tokens"), fields.integer("output_tokens")
    if uncached is None:
        uncached = fields.integer("prompt_tokens")
    if output is None:
        output = fields.integer("completion_tokens")
    written = fields.integer("cache_creation_input_tokens")
    read = fields.integer("cache_read_input_tokens")
    if uncached is output is written is read is None:
        return None
    prompt = (uncached or 0) + (written or 0) + (read or 0)
    cached = None
    if read is not None or written is not None:
        cached = PromptTokensDetails(cached_tokens=read, cache_write_tokens=written)
    return Usage(
        prompt,
        output or 0,
        prompt + (output or 0),
        cached,
        _output_details(fields.object("output_tokens_details")),
        beside(fields.others(*_COUNTED), Usage, "anthropic"),
    )


def _output_details(fields: SideFields) -> CompletionTokensDetails | None:
    if not fields.payload:
        return None
    thinking = fields.integer("thinking_tokens")
    extra = beside(fields.others("thinking_tokens"), CompletionTokensDetails, "anthropic")
    return CompletionTokensDetails(thinking, extra=extra)


# --- blocks -------------------------------------------------------------------------------


def annotations_of(block: SideFields, start: int, end: int) -> list[dict[str, Any]]:
    """The citations of a text block that stands at these places of the content.

    A page of the web is OpenAI's ``url_citation``; other sources keep Anthropic's name and fields.
    """
    return [_annotation(each, start, end) for each in block.objects("citations")]


def _annotation(citation: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    place = {"start_index": start, "end_index": end}
    kind = str(citation.get("type"))
    if kind == "web_search_result_location":
        page = {"url": citation.get("url"), "title": citation.get("title")}
        return {"type": "url_citation", "url_citation": {**page, **place}}
    source = {key: value for key, value in citation.items() if key != "type"}
    return {"type": kind, kind: {**source, **place}}


def native_content() -> NativeContent:
    """Holds the blocks of one response back until its text and calls do not represent them."""
    return NativeContent(_is_plain)


def _is_plain(block: Mapping[str, Any], place: int) -> bool:
    """Whether it is the only text, before all calls, or a call, and has no further fields."""
    if block.get("type") == "text":
        return place == 0 and set(block) == {"type", "text"}
    return block.get("type") == "tool_use" and block.keys() <= {"type", "id", "name", "input"}


def native_data(blocks: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Blocks as ``provider_data``; None without any."""
    content = [*blocks]
    return {"anthropic": {"content": content}} if content else None
