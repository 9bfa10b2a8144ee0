"""What stands around the content of a Gemini response, in OpenAI's shape; pure, no I/O.

Reasons, counts, logprobs and sources. What the shape has no place for stays as it was sent.
Source: https://ai.google.dev/api/generate-content; google-genai 3.6.1, types.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import SideFields, finish_reason
from llmgate.report import Report
from llmgate.types import CompletionTokensDetails, FinishReason, PromptTokensDetails, Usage

__all__ = ["annotations_of", "logprobs_of", "native_reason", "reason_of", "seconds_of", "usage_of"]

_WORDS: Mapping[str, FinishReason] = {
    "CONTINUATION": "length",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "JAILBREAK": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
_FAILED = frozenset(
    {
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "LANGUAGE", "OTHER"),
        *("NO_IMAGE", "IMAGE_OTHER"),
    }
)
"""Reasons that say something went wrong, also where there are calls beside them."""
_NUMBERED = ("", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION")
"""Reasons by their numbers, as some proxies ask for them; later numbers differ by the API."""


def native_reason(value: Any) -> str | None:
    """Gemini's own finish reason; None as long as there is none."""
    if type(value) is int:
        return _NUMBERED[value] or None if 0 <= value < len(_NUMBERED) else str(value)
    is_given = isinstance(value, str) and value and value != "FINISH_REASON_UNSPECIFIED"
    return value if is_given else None


def reason_of(native: str | None, *, has_calls: bool) -> FinishReason | None:
    """OpenAI's word for a finish reason. One that reports a failure is ``other``, never a stop."""
    return "other" if native in _FAILED else finish_reason(native, _WORDS, has_calls=has_calls)


def seconds_of(created: str) -> int:
    """A time in seconds since the epoch; 0 for what is none."""
    try:
        moment = datetime.fromisoformat(created)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0


# --- usage --------------------------------------------------------------------------------

_COUNTS = (
    *("promptTokenCount", "toolUsePromptTokenCount"),
    *("candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"),
)
_MAPPED = (*_COUNTS, "cachedContentTokenCount")


def usage_of(payload: Any, report: Report) -> Usage | None:
    """The usage in OpenAI's counts; None where nothing was counted.

    The prompt includes what tools of the server added to it, the completion its thoughts.
    """
    fields = SideFields(payload, report, "usageMetadata")
    prompt, tools, said, thoughts, total = (fields.integer(name) for name in _COUNTS)
    if (prompt, said, total) == (None, None, None):
        return None
    inputs, outputs = (prompt or 0) + (tools or 0), (said or 0) + (thoughts or 0)
    cached = fields.integer("cachedContentTokenCount")
    extra = fields.others(*_MAPPED)
    if tools is not None:
        extra |= {"promptTokenCount": prompt, "toolUsePromptTokenCount": tools}
    if thoughts is not None:
        extra["candidatesTokenCount"] = said
    given = _by_modality(fields.array("promptTokensDetails"))
    produced = _by_modality(fields.array("candidatesTokensDetails"))
    return Usage(
        inputs,
        outputs,
        inputs + outputs if total is None else total,
        _details(PromptTokensDetails, {"cached_tokens": cached, **given}),
        _details(CompletionTokensDetails, {"reasoning_tokens": thoughts, **produced}),
        extra,
    )


def _by_modality(entries: Sequence[Any]) -> dict[str, int]:
    """The counts of text, audio, images and so on, of which each kind may come several times."""
    counts: dict[str, int] = {}
    for entry in entries:
        modality = entry.get("modality") if is_object(entry) else None
        count = SideFields(entry).integer("tokenCount")
        if isinstance(modality, str) and count is not None:
            name = f"{modality.lower()}_tokens"
            counts[name] = counts.get(name, 0) + count
    return counts


def _details(shape: Any, counts: Mapping[str, int | None]) -> Any:
    known = {name: count for name, count in counts.items() if count is not None}
    return shape.model_validate(known) if known else None


# --- logprobs -----------------------------------------------------------------------------


def logprobs_of(payload: Any, report: Report) -> dict[str, Any] | None:
    """The logprobs of a piece of a response, token by token; None where there are none."""
    if payload is None:
        return None
    fields = SideFields(payload, report, "logprobsResult")
    chosen, alternatives = fields.objects("chosenCandidates"), fields.array("topCandidates")
    content: list[dict[str, Any]] = []
    for place, token in enumerate(chosen):
        others = alternatives[place] if place < len(alternatives) else None
        tokens: Any = others.get("candidates") if is_object(others) else None
        top = [_token(other, report) for other in tokens] if is_array(tokens) else []
        content.append({**_token(token, report), "top_logprobs": top})
    return {"content": content, **fields.others("chosenCandidates", "topCandidates")}


def _token(token: Any, report: Report) -> dict[str, Any]:
    fields = SideFields(token, report, "logprobsResult")
    text = fields.text("token") or ""
    logprob = fields.payload.get("logProbability", 0.0)
    known = {"token": text, "logprob": logprob, "bytes": [*text.encode("utf-8", "replace")]}
    identifier = fields.payload.get("tokenId")
    return known if identifier is None else {**known, "token_id": identifier}


# --- sources ------------------------------------------------------------------------------


def annotations_of(details: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """The sources of a text: a page of the web that is cited is OpenAI's ``url_citation``.

    Other sources (files, maps, pages that were read) keep Gemini's name and fields. Places are in
    characters.

    Args:
        details: What a candidate has beside its content.
        text: Its whole text, in which Gemini counts bytes.
    """
    data = text.encode("utf-8", "replace")
    found = [*_grounding(SideFields(details.get("groundingMetadata")), data)]
    recited = SideFields(details.get("citationMetadata"))
    for citation in recited.array("citations") or recited.array("citationSources"):
        if is_object(citation):
            page = {"url": citation.get("uri"), "title": citation.get("title")}
            found.append(_citation("url_citation", {**page, **_place(citation, data)}))
    read = SideFields(details.get("urlContextMetadata")).objects("urlMetadata")
    return [*found, *(_citation("urlMetadata", page) for page in read)]


def _grounding(metadata: SideFields, data: bytes) -> Iterator[dict[str, Any]]:
    """A citation for each source of each part of the text."""
    sources = metadata.array("groundingChunks")
    for support in metadata.array("groundingSupports"):
        fields = SideFields(support)
        place = _place(fields.object("segment").payload, data)
        for number in fields.array("groundingChunkIndices"):
            if type(number) is int and 0 <= number < len(sources):
                source: Any = sources[number]
                yield from _sources(source, place)


def _sources(source: Any, place: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, described in source.items() if is_object(source) else ():
        if not is_object(described):
            continue
        if kind == "web":
            page = {"url": described.get("uri"), "title": described.get("title")}
            yield _citation("url_citation", {**page, **place})
        else:
            yield _citation(kind, {**described, **place})


def _citation(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, kind: fields}


def _place(segment: Mapping[str, Any], data: bytes) -> dict[str, int]:
    """A place in the text, in characters; a place that is left out is its beginning."""
    start, end = (SideFields(segment).integer(name) or 0 for name in ("startIndex", "endIndex"))
    return {"start_index": _characters(data, start), "end_index": _characters(data, end)}


def _characters(data: bytes, count: int) -> int:
    return len(data[: max(count, 0)].decode("utf-8", "ignore"))
