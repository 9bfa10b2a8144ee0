"""Parts of an answer, whole or streamed, in OpenAI's shape; pure, and nothing is made up.

What the shape has no place for is kept: in ``extra``, or for the way back.
Source: https://docs.cohere.com/reference/chat (the response)
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.accumulate import beside
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import finish_reason as translated_reason
from llmgate.types import CompletionTokensDetails, FinishReason, PromptTokensDetails, Usage
from llmgate_cohere.earlier import NAME

__all__ = [
    "Kept",
    "annotations_of",
    "finish_reason",
    "logprobs_of",
    "object_in",
    "optional_text",
    "says_nothing",
    "text_in",
    "usage_of",
    "without",
]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    # as older models end; the others have customary words
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}


def finish_reason(native: str | None, *, has_calls: bool) -> FinishReason | None:
    """OpenAI's word for a finish reason; what is new is ``other``."""
    return translated_reason(native, _FINISH_REASONS, has_calls=has_calls)


# --- reading ------------------------------------------------------------------------------


def object_in(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object that must be there.

    Raises:
        DecodeError: when it is not.
    """
    value = payload.get(key)
    if not is_object(value):
        raise DecodeError(f"{key} is no object: {value!r:.60}")
    return value


def text_in(payload: Mapping[str, Any], key: str) -> str:
    """A text that must be there.

    Raises:
        DecodeError: when it is not.
    """
    value = payload.get(key)
    if not isinstance(value, str):
        raise DecodeError(f"{key} is no text: {value!r:.60}")
    return value


def optional_text(payload: Mapping[str, Any], key: str) -> str | None:
    """A text that may be absent.

    Raises:
        DecodeError: when something else is in its place.
    """
    return None if payload.get(key) is None else text_in(payload, key)


def without(payload: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """What an object says beside these keys."""
    return {key: value for key, value in payload.items() if key not in known}


def says_nothing(arguments: str) -> bool:
    """Whether the arguments of a call are none: no text at all, or null."""
    return arguments.strip() in ("", "null")


# --- usage --------------------------------------------------------------------------------


def usage_of(payload: Any) -> Usage | None:
    """The usage in OpenAI's counts.

    ``tokens`` are what the model read and wrote, template included; an answer without them has its
    billed units instead. Tokens of images are counted apart from the others, and are added; tokens
    from the cache and of reasoning are among the others.

    Raises:
        DecodeError: when a count is no number.
    """
    if payload is None:
        return None
    if not is_object(payload):
        raise DecodeError("usage is no object")
    billed, tokens = payload.get("billed_units"), payload.get("tokens")
    if not (billed is None or is_object(billed)) or not (tokens is None or is_object(tokens)):
        raise DecodeError("usage holds no objects")
    counts = tokens or billed or {}
    images = _count(counts, "image_tokens")
    prompt = (_count(counts, "input_tokens") or 0) + (images or 0)
    answer = _count(counts, "output_tokens") or 0
    cached, reasoning = _count(payload, "cached_tokens"), _count(counts, "reasoning_tokens")
    extra = without(payload, "tokens", "cached_tokens")
    if rest := without(tokens or {}, *_COUNTED):
        extra["tokens"] = rest
    extra = {key: value for key, value in extra.items() if value is not None}
    return Usage(
        prompt,
        answer,
        prompt + answer,
        None
        if cached is images is None
        else PromptTokensDetails(cached_tokens=cached, image_tokens=images),
        None if reasoning is None else CompletionTokensDetails(reasoning_tokens=reasoning),
        beside(extra, Usage, NAME),
    )


_COUNTED = ("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens")


def _count(payload: Mapping[str, Any], key: str) -> int | None:
    """A count, which may be written as a float."""
    value = payload.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (type(value) is not int or abs(value) >= _MOST):
        raise DecodeError(f"usage: {key} is no number: {value!r:.60}")
    return value


_MOST = 2**63
"""Sums of what is larger can grow beyond what Python turns into text."""


# --- log probabilities --------------------------------------------------------------------


def logprobs_of(items: Any) -> dict[str, Any] | None:
    """Log probabilities in OpenAI's shape.

    Cohere gives them for pieces of text, which may be of several tokens; a piece's is then their
    sum, and the tokens' own are beside it.
    """
    if not items:
        return None
    if not is_array(items):
        raise DecodeError("logprobs is no list")
    return {"content": [_logprob(item) for item in items]}


def _logprob(item: Any) -> dict[str, Any]:
    if not is_object(item):
        raise DecodeError("an item of logprobs is no object")
    text, values = optional_text(item, "text") or "", item.get("logprobs")
    if values is not None and not _are_numbers(values):
        raise DecodeError("an item of logprobs has no numbers")
    return {
        "token": text,
        "logprob": fsum(values) if values else None,
        "bytes": [*text.encode()],
        "top_logprobs": [],
        **without(item, "text", "logprobs"),
        **({"token_logprobs": values} if values and len(values) > 1 else {}),
    }


def _are_numbers(values: Any) -> bool:
    return is_array(values) and all(
        isinstance(value, int | float) and -1e300 < value < 1e300 for value in values
    )


# --- citations ----------------------------------------------------------------------------


def annotations_of(citation: Mapping[str, Any], starts: Mapping[int, int]) -> list[dict[str, Any]]:
    """What a citation in the text is as annotations; ``starts`` is where each content item begins.

    A page of the web is OpenAI's ``url_citation``; other sources keep Cohere's fields. Citations in
    plans and thoughts are none, as annotations are of the text.
    """
    if citation.get("type") not in (None, "TEXT_CONTENT"):
        return []
    start, end, index = (citation.get(key) for key in ("start", "end", "content_index"))
    if type(start) is not int or type(end) is not int:
        return []
    offset = starts.get(index, 0) if type(index) is int else 0
    place = {"start_index": start + offset, "end_index": end + offset}
    sources = citation.get("sources")
    pages = [page for source in (sources if is_array(sources) else ()) for page in _page(source)]
    if pages:
        return [{"type": "url_citation", "url_citation": {**page, **place}} for page in pages]
    return [{"type": "citation", "citation": {**citation, **place}}]


def _page(source: Any) -> list[dict[str, Any]]:
    """The page of the web that a source is; none, where it is something else."""
    if not is_object(source):
        return []
    found = source.get("document") or source.get("tool_output")
    url = found.get("url") if is_object(found) else None
    if not is_object(found) or not isinstance(url, str) or not url.startswith("http"):
        return []
    return [{"url": url, "title": found.get("title")}]


class Kept:
    """The content of one answer as it came, for the way back.

    An answer that its text or its calls say completely needs none: so long it is held back.
    """

    __slots__ = ("_held", "_is_needed", "_seen")

    def __init__(self) -> None:
        self._held: list[dict[str, Any]] = []
        self._is_needed = False
        self._seen = 0

    def add(self, item: dict[str, Any]) -> dict[str, Any]:
        """Take an item; what is now to be added to what is kept."""
        is_plain = item.keys() == {"type", "text"} and item["type"] == "text"
        self._is_needed = self._is_needed or not is_plain or self._seen > 0
        self._seen += 1
        self._held.append(item)
        return self.need() if self._is_needed else {}

    def need(self) -> dict[str, Any]:
        """Something else says that it is needed; what is now to be added."""
        self._is_needed = True
        items, self._held = self._held, []
        return {"content": items} if items else {}
