"""A call into the body of Cohere's ``POST /v2/chat``; pure, and what differs is in the report.

Parameters are here; messages, tools and formats have a module each.
Source: https://docs.cohere.com/reference/chat
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate_cohere.formats import hold_to_format
from llmgate_cohere.messages import turns_of
from llmgate_cohere.tools import add_tools, names_of

__all__ = ["Encoded", "encode"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request's body, the model that it names, and how to read its answer.

    ``names`` are those of tools that had to be sent under another name: sent name, given name.
    """

    body: dict[str, Any]
    model: str
    names: Mapping[str, str] = field(default_factory=dict[str, str])


def encode(call: ProviderCall) -> Encoded:
    """The request of a call.

    Raises:
        RequestError: for what Cohere cannot be asked.
    """
    names = names_of(call)
    body: dict[str, Any] = {"model": call.model, "messages": turns_of(call, names)}
    add_tools(body, call, names)
    hold_to_format(body, call)
    _add_sampling(body, call)
    _add_limits(body, call)
    _think(body, call)
    _leave_out_the_obvious(call)
    body["stream"] = call.stream
    body |= call.extra_body
    return Encoded(body, str(body["model"]), names.given)


def _given(call: ProviderCall, name: str) -> Any:
    """A parameter that was given; None otherwise."""
    return cast("Mapping[str, Any]", call.parameters).get(name)


# --- sampling -----------------------------------------------------------------------------

_RANGES: Mapping[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 1),
    "top_p": ("p", 0.01, 0.99),
    "frequency_penalty": ("frequency_penalty", 0, 1),
    "presence_penalty": ("presence_penalty", 0, 1),
}
"""Cohere's name for each, and the least and the most that it takes."""

_SEEDS = 2**64


def _add_sampling(body: dict[str, Any], call: ProviderCall) -> None:
    """What has a range, cut to Cohere's: what lies outside is refused with status 400."""
    for name, (theirs, least, most) in _RANGES.items():
        given = _given(call, name)
        if given is None:
            continue
        sent = body[theirs] = min(max(given, least), most)
        if sent != given:
            reason = f"Cohere takes {theirs} from {least} to {most}"
            call.report.add("clamped", name, reason, given=given, sent=sent)
    seed = _given(call, "seed")
    if seed is not None:
        body["seed"] = seed % _SEEDS
        if seed < 0:
            reason = "Cohere's seeds are not negative: another seed, always the same for this one"
            call.report.add("converted", "seed", reason, given=seed, sent=body["seed"])
    if _given(call, "logprobs") is not None:
        body["logprobs"] = _given(call, "logprobs")


# --- limits -------------------------------------------------------------------------------


def _add_limits(body: dict[str, Any], call: ProviderCall) -> None:
    limits = [
        (name, value)
        for name in ("max_completion_tokens", "max_tokens")
        if (value := _given(call, name)) is not None
    ]
    for place, (name, value) in enumerate(limits):
        if place == 0:
            body["max_tokens"] = value
        elif value != body["max_tokens"]:
            reason = "max_completion_tokens says otherwise"
            call.report.add("dropped", name, reason, given=value, sent=body["max_tokens"])
    stops = _given(call, "stop")
    if stops is not None:
        body["stop_sequences"] = [stops] if isinstance(stops, str) else stops


# --- reasoning ----------------------------------------------------------------------------

_BUDGETS: Mapping[str, int | None] = {
    "minimal": 512,
    "low": 2_048,
    "medium": 8_192,
    "high": None,  # without a limit, as Cohere recommends
    "xhigh": 31_000,  # leaves a thousand tokens of 32,000 for the answer
    "max": 31_000,
}
"""How many tokens an effort is worth. Source: https://docs.cohere.com/docs/reasoning"""

_UNTHINKING = re.compile(
    r"command(-light|-nightly|-light-nightly|-r\b.*|-r7b.*|-a-03-2025|-a-vision.*|-a-translate.*)?"
    r"|c4ai-.*"
)
"""Models that cannot reason, and refuse to be told how much; what is newer is told.

Source: https://docs.cohere.com/docs/models
"""


def _think(body: dict[str, Any], call: ProviderCall) -> None:
    effort = _given(call, "reasoning_effort")
    if effort is None:
        return
    if effort != "none" and effort not in _BUDGETS:
        known = ", ".join(("none", *_BUDGETS))
        reason = f"expected one of {known}, got {effort!r:.40}"
        raise InvalidRequestError(reason, path="reasoning_effort")
    if _UNTHINKING.fullmatch(call.model):
        call.report.drop("reasoning_effort", f"{call.model} does not reason", given=effort)
        return
    budget = _BUDGETS.get(effort)
    thinking: dict[str, Any] = {"type": "disabled" if effort == "none" else "enabled"}
    if budget is not None:
        thinking["token_budget"] = budget
    body["thinking"] = thinking
    reason = "Cohere counts in tokens, not in words"
    call.report.add("converted", "reasoning_effort", reason, given=effort, sent=thinking)


# --- what is so anyway --------------------------------------------------------------------


def _leave_out_the_obvious(call: ProviderCall) -> None:
    modalities = _given(call, "modalities")
    if modalities is not None:
        if modalities != ["text"]:
            raise UnsupportedError("Cohere answers in text only", parameter="modalities")
        call.report.add("dropped", "modalities", "every answer is text", given=modalities)
