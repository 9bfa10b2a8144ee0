"""Parts of a response, whole or streamed, in OpenAI's shape; pure, and no value is invented.

What the shape has no place for is in ``extra``, or in the message's ``provider_data``.
Source: https://docs.cohere.com/reference/chat (the response)
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any

from llmgate.provider.accumulate import beside
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NativeContent, SideFields
from llmgate.provider.kit import finish_reason as translated_reason
from llmgate.types import CompletionTokensDetails, FinishReason, PromptTokensDetails, Usage
from llmgate_cohere.request.history import NAME

__all__ = [
    "annotations_of",
    "finish_reason",
    "is_empty_object",
    "kind_of",
    "logprobs_of",
    "native_content",
    "usage_in",
]

_FINISH_REASONS: Mapping[str, FinishReason] = {
    # of older models; the others have customary words
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}


def finish_reason(native: str | None, *, has_calls: bool) -> FinishReason | None:
    """OpenAI's word for a finish reason; what is new is ``other``."""
    return translated_reason(native, _FINISH_REASONS, has_calls=has_calls)


def kind_of(item: Mapping[str, Any]) -> str:
    """The kind of a content item, which shows in its fields where it is not named."""
    return item.get("type") or ("thinking" if "thinking" in item else "text")


def native_content() -> NativeContent:
    """The content items of one response, which a single text represents completely."""
    return NativeContent(lambda item, place: place == 0 and _is_text(item))


def _is_text(item: Mapping[str, Any]) -> bool:
    return {*item} == {"type", "text"} and item["type"] == "text"


def is_empty_object(arguments: str) -> bool:
    """Whether the arguments of a call stand for none: an empty text, or null."""
    return arguments.strip() in ("", "null")


# --- usage --------------------------------------------------------------------------------


def usage_in(fields: SideFields) -> Usage | None:
    """The usage in OpenAI's counts; None where it has none.

    ``tokens`` are what the model read and wrote, template included; a response without them has its
    billed units instead. Tokens of images are counted apart from the others, and are added; tokens
    from the cache and of reasoning are among the others.
    """
    usage = fields.object("usage")
    tokens = usage.object("tokens")
    counts = tokens if tokens.payload else usage.object("billed_units")
    counts = counts if counts.payload else usage  # as other formats have them
    images, reasoning = counts.integer("image_tokens"), counts.integer("reasoning_tokens")
    prompt, completion = counts.integer("input_tokens"), counts.integer("output_tokens")
    cached = usage.integer("cached_tokens")
    if prompt is completion is images is None:
        if usage.payload:
            fields.odd["usage"] = usage.payload
        return None
    prompt, completion = (prompt or 0) + (images or 0), completion or 0
    known = ("tokens", "cached_tokens", *(_COUNTED if counts is usage else ()))
    extra = {key: value for key, value in usage.others(*known).items() if value is not None}
    if others := tokens.others(*_COUNTED):
        extra["tokens"] = others
    return Usage(
        prompt,
        completion,
        prompt + completion,
        None
        if cached is images is None
        else PromptTokensDetails(cached_tokens=cached, image_tokens=images),
        None if reasoning is None else CompletionTokensDetails(reasoning_tokens=reasoning),
        beside(extra, Usage, NAME),
    )


_COUNTED = ("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens")


# --- log probabilities --------------------------------------------------------------------


def logprobs_of(items: list[Any], fields: SideFields) -> dict[str, Any] | None:
    """Log probabilities in OpenAI's shape; None where there are none that can be read.

    Cohere gives them for pieces of text, which may be of several tokens; a piece's is then their
    sum, and the tokens' own are beside it.
    """
    read = [_logprob(item) for item in items]
    if None in read:
        fields.drop("logprobs", "log probabilities")
        return None
    return {"content": read} if read else None


def _logprob(item: Any) -> dict[str, Any] | None:
    if not is_object(item):
        return None
    text, values = item.get("text"), item.get("logprobs")
    text = "" if text is None else text
    if not isinstance(text, str) or not (values is None or _are_numbers(values)):
        return None
    return {
        "token": text,
        "logprob": fsum(values) if values else None,
        "bytes": [*text.encode()],
        "top_logprobs": [],
        **{key: value for key, value in item.items() if key not in ("text", "logprobs")},
        **({"token_logprobs": values} if values and len(values) > 1 else {}),
    }


def _are_numbers(values: Any) -> bool:
    return is_array(values) and all(
        isinstance(value, int | float) and -1e300 < value < 1e300 for value in values
    )


# --- citations ----------------------------------------------------------------------------


def annotations_of(citation: Mapping[str, Any], starts: Mapping[int, int]) -> list[dict[str, Any]]:
    """The annotations of a citation; ``starts`` is where each content item begins in the text.

    A page of the web is OpenAI's ``url_citation``; other sources keep Cohere's fields. Citations in
    plans and thoughts have none, as annotations are of the text.
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
    """The page of the web that a source is; empty where it is something else."""
    if not is_object(source):
        return []
    found = source.get("document") or source.get("tool_output")
    url = found.get("url") if is_object(found) else None
    if not is_object(found) or not isinstance(url, str) or not url.startswith("http"):
        return []
    return [{"url": url, "title": found.get("title")}]
