"""Parts of a response of the Responses API in the shape of chat: errors, usage, texts, citations.

What a response says (texts, calls) is read strictly; an odd value beside it loses nothing else.
Source: https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.errors import DecodeError, ProviderError, ServerError
from llmgate.provider.http import is_array, is_object
from llmgate.report import Report
from llmgate.types import FinishReason, Usage
from llmgate_openai.response.errors import error_from_payload
from llmgate_openai.response.usage import read_usage
from llmgate_openai.responses.history import CALLS

__all__ = [
    "annotation_of",
    "failure_in",
    "is_plain_item",
    "logprobs_of",
    "reason_of",
    "text_of",
    "texts_of_reasoning",
    "usage_of",
]

Object = Mapping[str, Any]


def text_of(value: Any, path: str) -> str:
    """A text; null is an empty one.

    Raises:
        DecodeError: when it is something else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise DecodeError(f"{path} must be a string")


# --- how it ended -------------------------------------------------------------------------


def failure_in(response: Object) -> ProviderError | None:
    """The error of a response that has none of what was asked for; None where it has."""
    status = response.get("status")
    if status == "failed":
        error = error_from_payload({"error": response.get("error")})
        return error or ServerError("the response failed", in_stream=True)
    if status in ("cancelled", "queued", "in_progress"):
        reason = f"the response is {status}: what runs in the background is not waited for"
        return ProviderError(reason, code=status, retryable=False, in_stream=True)
    return None


def reason_of(response: Object, *, has_calls: bool) -> tuple[FinishReason, str]:
    """Why a response ended: in OpenAI's word of chat, and in its own."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        native = details.get("reason") if is_object(details) else None
        reason = native if isinstance(native, str) else "incomplete"
        return "content_filter" if reason == "content_filter" else "length", reason
    return "tool_calls" if has_calls else "stop", "completed"


def usage_of(response: Object, extra: dict[str, Any], report: Report) -> Usage | None:
    """The usage, under the names of chat."""
    usage = response.get("usage")
    if is_object(usage):
        usage = {_USAGE.get(name, name): value for name, value in usage.items()}
    return read_usage(usage, extra, report)


_USAGE = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}


# --- items --------------------------------------------------------------------------------


def is_plain_item(item: Object, place: int) -> bool:
    """Whether chat's message represents an item completely, in the order that it has there: one
    text, then calls of functions. What it is called and how it ended stands for nothing there."""
    kind = item.get("type")
    if _has_others(item, _ITEM):
        return False
    if kind == "message":
        parts: Any = item.get("content")
        are_plain = is_array(parts) and all(map(_is_plain_part, parts))
        return place == 0 and are_plain and not item.get("phase")
    if kind == "reasoning":
        return not (item.get("encrypted_content") or item.get("content") or item.get("summary"))
    return kind in CALLS and not (item.get("namespace") or item.get("caller"))


def _is_plain_part(part: Any) -> bool:
    if not is_object(part) or _has_others(part, _PART):
        return False
    annotations: Any = part.get("annotations")
    found = annotations if is_array(annotations) else []
    return all(is_object(each) and each.get("type") == "url_citation" for each in found)


_ITEM = frozenset(
    {
        *("type", "id", "status", "role", "content", "phase", "summary", "encrypted_content"),
        *("call_id", "name", "arguments", "input", "namespace", "caller"),
    }
)
_PART = frozenset({"type", "text", "refusal", "annotations", "logprobs"})


def _has_others(fields: Object, known: frozenset[str]) -> bool:
    """Whether a field that is not known has a value."""
    return not fields.keys() <= known and any(
        fields[name] is not None for name in fields.keys() - known
    )


def texts_of_reasoning(item: Object) -> list[str]:
    """The texts of a reasoning item: what was thought, or else the summary of it."""
    return _texts_in(item.get("content")) or _texts_in(item.get("summary"))


def _texts_in(parts: Any) -> list[str]:
    found: Iterable[Any] = parts if is_array(parts) else ()
    texts = [part.get("text") for part in found if is_object(part)]
    return [text for text in texts if isinstance(text, str) and text]


def annotation_of(annotation: Any, start: int) -> dict[str, Any] | None:
    """A citation of a page, as chat has it; None for any other, which chat does not have.

    ``start`` is where the cited part begins in the whole text.
    """
    if not is_object(annotation) or annotation.get("type") != "url_citation":
        return None
    cited = {key: value for key, value in annotation.items() if key != "type"}
    for key in ("start_index", "end_index"):
        if type(cited.get(key)) is int:
            cited[key] += start
    return {"type": "url_citation", "url_citation": cited}


def logprobs_of(given: Any) -> dict[str, Any] | None:
    """Log probabilities of a piece of text; None where there are none."""
    return {"content": given, "refusal": None} if is_array(given) and given else None
