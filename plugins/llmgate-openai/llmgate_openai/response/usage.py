"""What was billed, in OpenAI's shape, whichever names and sums its imitators give.

What a host did not count stays absent: no count is invented, and no zero stands for one.
Source: https://platform.openai.com/docs/api-reference/chat/object (usage); recorded responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, TypeVar

from llmgate.provider.http import is_object
from llmgate.provider.kit import SideFields
from llmgate.report import Report
from llmgate.types import CompletionTokensDetails, PromptTokensDetails, Usage

__all__ = ["plain_usage", "read_usage"]

_new: Any = object.__new__
Details = TypeVar("Details", PromptTokensDetails, CompletionTokensDetails)


def read_usage(usage: Any, extra: dict[str, Any], report: Report) -> Usage | None:
    """The usage of a response or chunk; None where it has none, or none that can be read.

    In OpenAI's shape, ``completion_tokens`` contains the reasoning and ``prompt_tokens`` the audio.
    Where a host counts that beside it, as the sum shows, it is added.

    Args:
        usage: What the host sent.
        extra: Takes what could not be read at all, or Groq's object with the usage in it.
        report: Where it is recorded that something was read in another way than it was sent.
    """
    groq = extra.get("x_groq")
    if usage is None and is_object(groq):
        usage = groq.get("usage")
    if not usage and (usage is None or is_object(usage)):
        return None
    plain = plain_usage(usage)
    if plain is not None:
        return plain
    side = SideFields({"usage": usage}, report).object("usage")
    read = None if side.payload is not usage else _usage(side, report)
    if read is None:
        extra["usage"] = usage
    return read


def plain_usage(usage: Any) -> Usage | None:
    """The usage, where it is as OpenAI writes it and its numbers are as they have to be; else None.

    It is made by hand, since some hosts send one in each event.
    """
    try:
        prompt, completion, total = _COUNTED(usage)
    except (KeyError, TypeError):
        return None
    if type(prompt) is not int or type(completion) is not int or type(total) is not int:
        return None
    if prompt + completion != total or not (-_MOST < total < _MOST):
        return None
    if not (-_MOST < prompt < _MOST and -_MOST < completion < _MOST):
        return None
    made = _new(Usage)
    made.prompt_tokens, made.completion_tokens, made.total_tokens = prompt, completion, total
    made.prompt_tokens_details = made.completion_tokens_details = made.raw_extra = None
    if len(usage) > len(_COUNTS) and not _add_rest(made, usage):
        return None
    return made  # type: ignore[no-any-return] # all its fields are set


def _add_rest(made: Usage, usage: dict[str, Any]) -> bool:
    """Add what a usage has beside its counts; False where that is not as OpenAI writes it."""
    prompt, completion = usage.get(_FIELDS[3]), usage.get(_FIELDS[4])
    are_plain = _are_counts(prompt) and _are_counts(completion)
    if not are_plain or not _OTHER_NAMES.isdisjoint(usage):
        return False
    if prompt is not None:
        made.prompt_tokens_details = _plain(PromptTokensDetails, _PROMPT_PARTS, prompt)
    if completion is not None:
        made.completion_tokens_details = _plain(
            CompletionTokensDetails, _COMPLETION_PARTS, completion
        )
    if not _KNOWN.issuperset(usage):
        made.extra = {key: value for key, value in usage.items() if key not in _KNOWN}
    return True


def _plain(cls: type[Details], parts: frozenset[str], counts: dict[str, Any]) -> Details:
    return cls(**counts) if parts.issuperset(counts) else cls.model_validate(counts)


def _are_counts(details: Any) -> bool:
    """Whether there are no details, or all that they say are counts."""
    if details is None:
        return True
    if not is_object(details):
        return False
    for value in details.values():
        if value is not None and (type(value) is not int or abs(value) >= _MOST):
            return False
    return True


_MOST = 2**63
"""Sums of what is larger can grow beyond what Python turns into text."""


def _usage(side: SideFields, report: Report) -> Usage | None:
    prompt = _first(side, "prompt_tokens", "input_tokens")
    completion = _first(side, "completion_tokens", "output_tokens")
    total = side.integer("total_tokens")
    if prompt is None and completion is None and total is None:
        return None
    prompt_details = _details(PromptTokensDetails, side, _PROMPT_DETAILS, _IN_PROMPT)
    details = _details(CompletionTokensDetails, side, _COMPLETION_DETAILS, _IN_COMPLETION)
    if total is not None and completion is None and prompt is not None:
        completion = total - prompt
    prompt = prompt or 0
    counted = completion = completion or 0
    beside = 0 if total is None else total - prompt - completion
    reasoning = (details.reasoning_tokens if details is not None else None) or 0
    sounds = (prompt_details.audio_tokens if prompt_details is not None else None) or 0
    if beside == sounds > 0:  # Mistral
        reason = "the host counts audio beside it; OpenAI's shape contains it"
        sent = prompt + beside
        report.add("converted", "response.usage.prompt_tokens", reason, given=prompt, sent=sent)
        prompt = sent
    elif beside > 0 and reasoning in (0, beside):
        completion += beside
    if completion != counted and _PATH not in report:
        reason = "the host counts reasoning beside it; OpenAI's shape contains it"
        report.add("converted", _PATH, reason, given=counted, sent=completion)
    return Usage(
        prompt,
        completion,
        prompt + completion if total is None else total,
        prompt_details,
        details,
        extra=side.others(*_FIELDS),
    )


def _parts_of(cls: type[PromptTokensDetails | CompletionTokensDetails]) -> tuple[str, ...]:
    return tuple(name for name in cls.__dataclass_fields__ if name != "extra")


_PROMPT_PARTS = frozenset(_parts_of(PromptTokensDetails))
_COMPLETION_PARTS = frozenset(_parts_of(CompletionTokensDetails))
_PATH = "response.usage.completion_tokens"
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_FIELDS = (*_COUNTS, "prompt_tokens_details", "completion_tokens_details")
_COUNTED, _KNOWN = itemgetter(*_COUNTS), frozenset(_FIELDS)
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details")
_COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details")
_IN_PROMPT: Mapping[str, tuple[str, ...]] = {
    "cached_tokens": ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens"),
    "audio_tokens": ("audio_prompt_tokens", "prompt_audio_tokens"),
}
_IN_COMPLETION: Mapping[str, tuple[str, ...]] = {
    "reasoning_tokens": ("reasoning_tokens",),
    "audio_tokens": ("audio_completion_tokens", "completion_audio_tokens"),
}
"""Where hosts give parts of a count that they have no details for."""

_OTHER_NAMES = frozenset(
    name for names in (*_IN_PROMPT.values(), *_IN_COMPLETION.values()) for name in names
).union(_PROMPT_DETAILS[1:], _COMPLETION_DETAILS[1:])


def _first(side: SideFields, *names: str) -> int | None:
    """The first of these counts that is there."""
    return next((count for name in names if (count := side.integer(name)) is not None), None)


def _details(
    cls: type[Details],
    side: SideFields,
    names: tuple[str, ...],
    beside: Mapping[str, tuple[str, ...]],
) -> Details | None:
    given = [name for name in names if side.payload.get(name) is not None]
    fields = side.object(given[0] if given else names[0])
    parts: dict[str, Any] = {name: fields.integer(name) for name in _parts_of(cls)}
    for name, others in beside.items():
        if parts[name] is None:
            parts[name] = _first(side, *others) or None  # a zero says no more than no details
    extra = fields.others(*parts)
    is_empty = not extra and all(part is None for part in parts.values())
    return (
        None
        if is_empty and not is_object(side.payload.get(names[0]))
        else cls(**parts, extra=extra)
    )
