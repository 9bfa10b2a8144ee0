"""``reasoning_effort`` as Gemini's ``thinkingConfig``, by model; a level or a budget, never both.

Source: https://ai.google.dev/gemini-api/docs/thinking
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import parameter
from llmgate_gemini.traits import Traits

__all__ = ["thinking_of"]

_SCALE = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
_LEVELS: Mapping[str, str] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_BUDGETS: Mapping[str, int] = {
    "minimal": 128,
    "low": 2_048,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}


def thinking_of(call: ProviderCall, traits: Traits) -> dict[str, Any] | None:
    """The ``thinkingConfig`` of a call; None where it asks for none. Thoughts are asked for too."""
    given = parameter(call, "reasoning_effort")
    if given is None:
        return None
    if given != "none" and given not in _LEVELS:
        call.report.drop("reasoning_effort", "not a word that Gemini has", given=given)
        return None
    sent: dict[str, Any] | None
    if traits.levels:
        level = traits.levels[0] if given == "none" else _nearest(_LEVELS[given], traits.levels)
        sent = {"thinkingLevel": level}
        reason = "the model always thinks: sent as its lowest level" if given == "none" else _SENT
    elif traits.budgets is not None:
        least, most = traits.budgets
        budget = least if given == "none" else max(least, min(_BUDGETS[given], most))
        sent = {"thinkingBudget": budget}
        is_off = given == "none" and least > 0
        reason = "the model always thinks: sent as its least budget" if is_off else _SENT
    else:
        call.report.add("converted", "reasoning_effort", "the model does not think", given=given)
        return None
    if given != "none":
        sent["includeThoughts"] = True
    call.report.add("converted", "reasoning_effort", reason, given=given, sent=sent)
    return sent


_SENT = "sent as thinkingConfig"


def _nearest(wanted: str, levels: tuple[str, ...]) -> str:
    """The level itself, or the next higher one that the model has."""
    higher = _SCALE[_SCALE.index(wanted) :]
    return next(level for level in higher if level in levels)
