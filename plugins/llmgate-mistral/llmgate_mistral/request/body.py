"""A call with Mistral's names and values of parameters; the body is then OpenAI's to write. Pure.

A field that it does not know is refused by Mistral (status 422), so that none is sent.
Source: https://docs.mistral.ai/api/endpoint/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import (
    ToolChoice,
    check_text_only,
    function_tools,
    parameter,
    token_limit,
)
from llmgate_mistral.request.messages import messages_of

__all__ = ["NATIVE", "TRANSLATED", "in_mistrals_terms"]

NATIVE = (
    "frequency_penalty",
    "logprobs",
    "max_tokens",
    "metadata",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "response_format",
    "stop",
    "top_logprobs",
    "top_p",
)
"""What is sent as it is."""
TRANSLATED = (
    "max_completion_tokens",
    "modalities",
    "reasoning_effort",
    "seed",
    "service_tier",
    "temperature",
    "tool_choice",
    "tools",
)
_HOTTEST = 1.5


def in_mistrals_terms(call: ProviderCall) -> ProviderCall:
    """The call with Mistral's parameters and messages. What differs is in its report.

    Raises:
        RequestError: for what Mistral cannot be asked.
    """
    check_text_only(call, "Mistral")
    given = cast("Mapping[str, Any]", call.parameters)
    parameters: dict[str, Any] = {name: given[name] for name in NATIVE if name in given}
    limit = token_limit(call)
    if limit is not None:
        name, parameters["max_tokens"] = limit
        if parameters["max_tokens"] < 1:
            raise InvalidRequestError("expected 1 or more", path=name)
    if "seed" in given:
        parameters["random_seed"] = given["seed"]
    _add_temperature(parameters, call)
    _add_reasoning(parameters, call)
    _add_tier(parameters, call)
    _add_tools(parameters, call)
    return replace(
        call,
        messages=messages_of(call),
        parameters=cast("Any", parameters),
        include_usage=False,  # it comes with every stream, and asking for it is refused
    )


def _add_temperature(parameters: dict[str, Any], call: ProviderCall) -> None:
    value = parameter(call, "temperature")
    if value is None:
        return
    parameters["temperature"] = min(value, _HOTTEST)
    if value > _HOTTEST:
        reason = f"Mistral's scale ends at {_HOTTEST}"
        call.report.add("clamped", "temperature", reason, given=value, sent=_HOTTEST)


def _add_reasoning(parameters: dict[str, Any], call: ProviderCall) -> None:
    """How much to reason; Magistral always does, by a prompt of Mistral's if that is asked for."""
    effort = parameter(call, "reasoning_effort")
    if effort is None:
        return
    if not call.model.startswith("magistral"):
        parameters["reasoning_effort"] = effort
    elif effort == "none":
        call.report.drop("reasoning_effort", f"{call.model} always reasons", given=effort)
    else:
        parameters["prompt_mode"] = "reasoning"
        reason = f"{call.model} takes a prompt for it, and no measure"
        call.report.add("renamed", "reasoning_effort", reason, given=effort, sent="reasoning")


_TIERS: Mapping[str, str] = {
    "auto": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
}


def _add_tier(parameters: dict[str, Any], call: ProviderCall) -> None:
    tier = parameter(call, "service_tier")
    if tier in _TIERS:
        parameters["service_tier"] = _TIERS[tier]
    elif tier is not None:
        call.report.drop("service_tier", "Mistral has no such tier", given=tier)


def _add_tools(parameters: dict[str, Any], call: ProviderCall) -> None:
    """The tools that may be called, and how one is chosen among them."""
    tools = function_tools(call, "Mistral")
    choice = ToolChoice.of(call, "Mistral")
    if choice is None:
        selected = tools
    elif choice.mode == "none":
        selected = []  # with tools that it must not call, a model writes calls as text
        call.report.add("converted", "tool_choice", "no tools are sent", given="none")
    elif choice.allowed is not None:
        selected = choice.select(tools)
        reason = "only these tools are sent: Mistral chooses among all that it is sent"
        call.report.add("converted", "tool_choice", reason, sent=[*choice.allowed])
    else:
        selected = tools
    for place, tool in tools:
        if (place, tool) not in selected:
            call.report.add("dropped", f"tools[{place}]", "tool_choice leaves it out", given=tool)
    if selected:
        parameters["tools"] = [tool for _, tool in selected]
    if choice is not None and choice.function is not None:
        parameters["tool_choice"] = {"type": "function", "function": {"name": choice.function}}
    elif choice is not None and choice.mode != "none":
        parameters["tool_choice"] = "any" if choice.mode == "required" else "auto"
