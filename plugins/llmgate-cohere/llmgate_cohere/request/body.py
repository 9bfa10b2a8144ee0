"""The body of Cohere's ``POST /v2/chat`` from a call; pure, and what differs is in the report.

Parameters are here; messages, tools and formats have a module each.
Source: https://docs.cohere.com/reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import (
    NameMap,
    check_text_only,
    merge_body,
    parameter,
    stop_list,
    token_limit,
)
from llmgate_cohere.request.format import add_format
from llmgate_cohere.request.messages import messages_of
from llmgate_cohere.request.tools import add_tools, names_of

__all__ = ["Encoded", "encode"]


class Encoded(NamedTuple):
    """A request's body, the model that it names, and the names of its tools."""

    body: dict[str, Any]
    model: str
    names: NameMap


def encode(call: ProviderCall) -> Encoded:
    """The request of a call.

    Raises:
        RequestError: for what Cohere does not support.
    """
    names = names_of(call)
    body: dict[str, Any] = {"model": call.model, "messages": messages_of(call, names)}
    add_tools(body, call, names)
    add_format(body, call)
    _add_sampling(body, call)
    if limit := token_limit(call):
        body["max_tokens"] = limit[1]
    if parameter(call, "stop") is not None:
        body["stop_sequences"] = stop_list(call)
    _add_thinking(body, call)
    check_text_only(call, "Cohere")
    body["stream"] = call.stream
    body = merge_body(body, call.extra_body)
    return Encoded(body, str(body["model"]), names)


# --- sampling -----------------------------------------------------------------------------

_RANGES: Mapping[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 1),
    "top_p": ("p", 0.01, 0.99),
    "frequency_penalty": ("frequency_penalty", 0, 1),
    "presence_penalty": ("presence_penalty", 0, 1),
}
"""Cohere's name for each, and the least and the most that it accepts."""

_SEEDS = 2**64


def _add_sampling(body: dict[str, Any], call: ProviderCall) -> None:
    """What has a range, clamped to Cohere's: anything outside is refused with status 400."""
    for name, (native, least, most) in _RANGES.items():
        given = parameter(call, name)
        if given is None:
            continue
        sent = body[native] = min(max(given, least), most)
        if sent != given:
            reason = f"Cohere accepts {native} from {least} to {most}"
            call.report.add("clamped", name, reason, given=given, sent=sent)
    seed = parameter(call, "seed")
    if seed is not None:
        body["seed"] = seed % _SEEDS
        if seed < 0:
            reason = "Cohere's seeds are not negative: another seed, always the same for this one"
            call.report.add("converted", "seed", reason, given=seed, sent=body["seed"])
    if parameter(call, "logprobs") is not None:
        body["logprobs"] = parameter(call, "logprobs")


# --- reasoning ----------------------------------------------------------------------------

_BUDGETS: Mapping[str, int | None] = {
    "minimal": 512,
    "low": 2_048,
    "medium": 8_192,
    "high": None,  # without a limit, as Cohere recommends
    "xhigh": 31_000,  # leaves a thousand tokens of 32,000 for the text
    "max": 31_000,
}
"""The tokens of reasoning for each effort. Source: https://docs.cohere.com/docs/reasoning"""


def _add_thinking(body: dict[str, Any], call: ProviderCall) -> None:
    effort = parameter(call, "reasoning_effort")
    if effort is None:
        return
    if effort != "none" and effort not in _BUDGETS:
        known = ", ".join(("none", *_BUDGETS))
        reason = f"must be one of {known}, not {effort!r:.40}"
        raise InvalidRequestError(reason, path="reasoning_effort")
    budget = _BUDGETS.get(effort)
    thinking: dict[str, Any] = {"type": "disabled" if effort == "none" else "enabled"}
    if budget is not None:
        thinking["token_budget"] = budget
    body["thinking"] = thinking
    reason = "Cohere limits reasoning by tokens"
    call.report.add("converted", "reasoning_effort", reason, given=effort, sent=thinking)
