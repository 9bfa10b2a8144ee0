"""A call as llama.cpp's chat endpoint takes it: what it would ignore is reported or refused.

It takes OpenAI's format, and is silent about what it ignores. What is written here was found by
experiment with xllamacpp 2026.10.11549, and in tools/server and common/chat.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import parameter, stop_list
from llmgate_local.request.messages import plain_messages, without_reasoning
from llmgate_local.request.schemas import unenforced
from llmgate_local.request.templates import Template

__all__ = ["SUPPORT", "plain", "within"]

SUPPORT: Mapping[str, Support] = {
    **dict.fromkeys(
        ("function_call", "functions", "parallel_tool_calls", "tool_choice", "tools"),
        Support.EMULATED,
    ),
    **dict.fromkeys(("logprobs", "n", "seed", "stop", "top_logprobs"), Support.TRANSLATED),
    **dict.fromkeys(
        (
            *("frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens"),
            *("presence_penalty", "reasoning_effort", "response_format", "temperature", "top_p"),
        ),
        Support.NATIVE,
    ),
}
"""How each parameter is taken. The others llama.cpp ignores: the core refuses or reports them."""


def plain(call: ProviderCall, parallel: int) -> ProviderCall:
    """The call in llama.cpp's terms, as far as they do not depend on the model.

    Args:
        call: The call, which is not changed but for its report.
        parallel: How many choices can be made at once.

    Raises:
        InvalidRequestError: for a value that would stop every completion before it begins.
        UnsupportedError: for what a text model cannot read or this one cannot do.
    """
    parameters: dict[str, Any] = {**call.parameters}
    if parameters.get("n", 1) > parallel:
        reason = f"n={parameters['n']} needs Local(parallel={parameters['n']}); it is {parallel}"
        raise UnsupportedError(reason, parameter="n")
    if "" in stop_list(call):
        raise InvalidRequestError("an empty text would stop every completion at once", path="stop")
    _fit_seed(parameters, call)
    _fit_logprobs(parameters, call)
    _report_unenforced(call)
    messages = plain_messages(call)
    return replace(call, messages=messages, parameters=cast("ChatParameters", parameters))


def _fit_seed(parameters: dict[str, Any], call: ProviderCall) -> None:
    """Seeds have 32 bits, of which the last value stands for any seed."""
    given = parameters.get("seed")
    if given is not None and given != given % (2**32 - 1):
        sent = parameters["seed"] = given % (2**32 - 1)
        reason = "brought into the range of 32 bits"
        call.report.add("converted", "seed", reason, given=given, sent=sent)


def _fit_logprobs(parameters: dict[str, Any], call: ProviderCall) -> None:
    """Without top_logprobs there are twenty of them, and with 0 no probability at all."""
    if parameters.get("logprobs") and not parameters.get("top_logprobs"):
        parameters["top_logprobs"] = 1
        reason = "each token has one alternative, without which there is no probability"
        call.report.add("converted", "logprobs", reason, given=True, sent=True)


def _report_unenforced(call: ProviderCall) -> None:
    """Report what of its schema a completion need not fulfil."""
    match parameter(call, "response_format"):
        case {"json_schema": {"schema": schema}}:
            for path in unenforced(schema, "response_format.json_schema.schema"):
                call.report.drop(path, "llama.cpp does not enforce it")
        case _:
            pass


def within(call: ProviderCall, template: Template) -> ProviderCall:
    """The call without what the model's template has no place for; only its report is changed."""
    parameters: dict[str, Any] = {**call.parameters}
    if "reasoning_effort" in parameters and not template.effort:
        effort = parameters.pop("reasoning_effort")
        reason = "this model's template has no place for it"
        call.report.drop("reasoning_effort", reason, given=effort)
    messages = call.messages if template.reasoning else without_reasoning(call)
    return replace(call, messages=messages, parameters=cast("ChatParameters", parameters))
