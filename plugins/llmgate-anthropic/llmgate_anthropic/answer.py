"""Parts of an answer, whole or streamed, in OpenAI's shape; pure, and nothing is made up.

What the shape has no place for is kept: in ``extra``, or block by block for the way back.
Source: https://platform.claude.com/docs/en/api/messages (content blocks, stop reasons, usage).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import beside
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import finish_reason as translated_reason
from llmgate.types import (
    CompletionTokensDetails,
    FinishReason,
    PromptTokensDetails,
    Usage,
)

__all__ = [
    "Kept",
    "annotations_of",
    "finish_reason",
    "optional_text",
    "stop_extra",
    "text_in",
    "usage_of",
]


def finish_reason(native: str | None, *, has_calls: bool) -> FinishReason | None:
    """OpenAI's word for a stop reason; ``pause_turn`` and what is new are ``other``."""
    return translated_reason(native, {}, has_calls=has_calls)


def stop_extra(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What stopped the answer, where the shape has no place for it."""
    return {
        key: payload[key]
        for key in ("stop_sequence", "stop_details")
        if payload.get(key) is not None
    }


# --- usage --------------------------------------------------------------------------------

_COUNTED = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens_details",
    }
)


def usage_of(payload: Any) -> Usage | None:
    """The usage in OpenAI's counts: the prompt with what the cache gave and took.

    Raises:
        DecodeError: when a count is no number.
    """
    if payload is None:
        return None
    if not is_object(payload):
        raise DecodeError("usage is no object")
    uncached, answer = _count(payload, "input_tokens"), _count(payload, "output_tokens")
    written = _count(payload, "cache_creation_input_tokens")
    read = _count(payload, "cache_read_input_tokens")
    prompt = (uncached or 0) + (written or 0) + (read or 0)
    rest = {key: value for key, value in payload.items() if key not in _COUNTED}
    return Usage(
        prompt,
        answer or 0,
        prompt + (answer or 0),
        _prompt_details(read, written),
        _answer_details(payload.get("output_tokens_details")),
        beside(rest, Usage, "anthropic"),
    )


def _prompt_details(read: int | None, written: int | None) -> PromptTokensDetails | None:
    if read is None and written is None:
        return None
    return PromptTokensDetails(cached_tokens=read, cache_write_tokens=written)


def _answer_details(details: Any) -> CompletionTokensDetails | None:
    if details is None:
        return None
    if not is_object(details):
        raise DecodeError("usage.output_tokens_details is no object")
    rest = {key: value for key, value in details.items() if key != "thinking_tokens"}
    extra = beside(rest, CompletionTokensDetails, "anthropic")
    return CompletionTokensDetails(_count(details, "thinking_tokens"), extra=extra)


def _count(payload: Mapping[str, Any], key: str) -> int | None:
    value = payload.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or abs(value) >= _MOST):
        raise DecodeError(f"usage.{key} is no number: {value!r:.60}")
    return value


_MOST = 2**63
"""Sums of what is larger can grow beyond what Python turns into text."""


# --- blocks -------------------------------------------------------------------------------


def text_in(block: Mapping[str, Any], key: str) -> str:
    """A text that a block must have.

    Raises:
        DecodeError: when it has none.
    """
    value = block.get(key)
    if not isinstance(value, str):
        raise DecodeError(f"{key} of a {block.get('type')} is no text: {value!r:.60}")
    return value


def optional_text(payload: Mapping[str, Any], key: str) -> str | None:
    """A text that may be absent.

    Raises:
        DecodeError: when something else is in its place.
    """
    return None if payload.get(key) is None else text_in(payload, key)


def annotations_of(block: Mapping[str, Any], start: int, end: int) -> list[dict[str, Any]]:
    """The citations of a text block that stands at these places of the content.

    A page of the web is OpenAI's ``url_citation``; other sources keep Anthropic's name and fields.
    """
    citations = block.get("citations")
    if citations is None:
        return []
    if not is_array(citations):
        raise DecodeError("citations is no list")
    return [_annotation(citation, start, end) for citation in citations]


def _annotation(citation: Any, start: int, end: int) -> dict[str, Any]:
    if not is_object(citation):
        raise DecodeError("a citation is no object")
    place = {"start_index": start, "end_index": end}
    kind = str(citation.get("type"))
    if kind == "web_search_result_location":
        page = {"url": citation.get("url"), "title": citation.get("title")}
        return {"type": "url_citation", "url_citation": {**page, **place}}
    source = {key: value for key, value in citation.items() if key != "type"}
    return {"type": kind, kind: {**source, **place}}


class Kept:
    """The blocks of one answer as they came, for the way back.

    An answer that its text and calls say completely needs none: so long they are held back.
    """

    __slots__ = ("_held", "_is_needed", "_kinds")

    def __init__(self) -> None:
        self._held: list[dict[str, Any]] = []
        self._is_needed = False
        self._kinds = ""

    def add(self, block: dict[str, Any]) -> dict[str, Any] | None:
        """Take a block; what is now to be added to ``provider_data``, if anything."""
        self._held.append(block)
        self._is_needed = self._is_needed or not self._is_plain(block)
        if not self._is_needed:
            return None
        blocks, self._held = self._held, []
        return {"anthropic": {"content": blocks}}

    def _is_plain(self, block: Mapping[str, Any]) -> bool:
        """Whether it is the only text, before all calls, or a call, with nothing beside."""
        kind = str(block.get("type"))
        is_first = not self._kinds
        self._kinds += kind
        if kind == "text":
            return is_first and set(block) == {"type", "text"}
        return kind == "tool_use" and set(block) == {"type", "id", "name", "input"}
