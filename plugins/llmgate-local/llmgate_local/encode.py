"""A call as llama.cpp's chat endpoint understands it: what it would ignore is reported or refused.

It takes OpenAI's format, and is silent about what it does not honour. What is said here was found
by experiment with xllamacpp 2026.10.11549, and in tools/server and common/chat.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, cast

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.messages import MessageParam
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array
from llmgate_local.schemas import unenforced
from llmgate_local.templates import Template

__all__ = [
    "SUPPORT",
    "check_answer",
    "check_forced",
    "forces_call",
    "plain",
    "with_native_tools",
    "within",
]

_EMULATED = ("function_call", "functions", "parallel_tool_calls", "tool_choice", "tools")
_TRANSLATED = ("logprobs", "n", "seed", "stop", "top_logprobs")
_NATIVE = (
    "frequency_penalty",
    "logit_bias",
    "max_completion_tokens",
    "max_tokens",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "temperature",
    "top_p",
)

SUPPORT: Mapping[str, Support] = {
    **dict.fromkeys(_EMULATED, Support.EMULATED),
    **dict.fromkeys(_TRANSLATED, Support.TRANSLATED),
    **dict.fromkeys(_NATIVE, Support.NATIVE),
}
"""How each parameter is taken. The others llama.cpp ignores: the core refuses or reports them."""


def plain(call: ProviderCall, parallel: int) -> ProviderCall:
    """The call in llama.cpp's terms, as far as they do not depend on the model.

    Args:
        call: the call, which stays as it is but for its report.
        parallel: how many choices can be made at once.

    Raises:
        InvalidRequestError: for a value that would stop every answer before it begins.
        UnsupportedError: for what a text model cannot read or this one cannot do.
    """
    messages = [
        _plain_message(message, f"messages[{index}]", call)
        for index, message in enumerate(call.messages)
    ]
    parameters: dict[str, Any] = {**call.parameters}
    if parameters.get("n", 1) > parallel:
        reason = f"n={parameters['n']} needs Local(parallel={parameters['n']}); it is {parallel}"
        raise UnsupportedError(reason, parameter="n")
    stop = parameters.get("stop", [])
    if "" in ([stop] if isinstance(stop, str) else stop):
        raise InvalidRequestError("an empty text would stop every answer at once", path="stop")
    for name, convert in _CONVERSIONS.items():
        if name in parameters:
            _convert(parameters, name, convert, call)
    return _changed(call, messages, parameters)


def _changed(
    call: ProviderCall, messages: list[MessageParam], parameters: dict[str, Any]
) -> ProviderCall:
    return replace(call, messages=messages, parameters=cast("ChatParameters", parameters))


# --- parameters ---------------------------------------------------------------------------


def _convert(
    parameters: dict[str, Any],
    name: str,
    convert: Callable[[dict[str, Any]], str],
    call: ProviderCall,
) -> None:
    """Let a conversion change the parameters, and report what it says that it did."""
    before = parameters[name]
    reason = convert(parameters)
    if reason:
        call.report.add("converted", name, reason, given=before, sent=parameters[name])


def _seed(parameters: dict[str, Any]) -> str:
    """Seeds have 32 bits, of which the last value stands for any seed."""
    given = parameters["seed"]
    parameters["seed"] = given % (2**32 - 1)
    return "" if given == parameters["seed"] else "brought into the range of 32 bits"


def _logprobs(parameters: dict[str, Any]) -> str:
    """Without top_logprobs there are twenty of them, and with none no probability at all."""
    if not parameters["logprobs"] or parameters.get("top_logprobs"):
        return ""
    parameters["top_logprobs"] = 1
    return "the answer has one alternative for each token, without which there is no probability"


_CONVERSIONS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "seed": _seed,
    "logprobs": _logprobs,
}


# --- messages -----------------------------------------------------------------------------

_KNOWN = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "reasoning_content", "provider_data"}
)


def _plain_message(message: MessageParam, path: str, call: ProviderCall) -> MessageParam:
    sent: dict[str, Any] = {key: value for key, value in message.items() if value is not None}
    sent.setdefault("content", None)
    if sent["role"] == "developer":
        sent["role"] = "system"
        call.report.add("converted", f"{path}.role", "sent as system", given="developer")
    if is_array(sent["content"]):
        sent["content"] = [
            _plain_part(part, f"{path}.content[{place}]", call)
            for place, part in enumerate(sent["content"])
        ]
    refusal = sent.pop("refusal", None)
    if refusal is not None:
        _put_refusal(sent, refusal, f"{path}.refusal", call)
    known = _KNOWN | {"name"} if sent["role"] == "tool" else _KNOWN
    for key in sorted(sent.keys() - known):
        call.report.drop(
            f"{path}.{key}", "chat templates have no place for it", given=sent.pop(key)
        )
    return cast("MessageParam", sent)


def _plain_part(part: Any, path: str, call: ProviderCall) -> Any:
    match part["type"]:
        case "text":
            return part
        case "refusal":
            call.report.add("converted", path, "a refusal, sent as text")
            return {"type": "text", "text": part["refusal"]}
        case kind:
            raise UnsupportedError(f"{path}: a text model cannot read {kind!r}", parameter=path)


def _put_refusal(message: dict[str, Any], refusal: str, path: str, call: ProviderCall) -> None:
    if message["content"]:
        call.report.drop(path, "there is a text beside it", given=refusal)
    else:
        message["content"] = refusal
        call.report.add("converted", path, "sent as the message's text", given=refusal)


# --- what depends on the model ------------------------------------------------------------


def within(call: ProviderCall, template: Template) -> ProviderCall:
    """The call without what the model's template has no place for; the given call stays as it is
    but for its report."""
    parameters: dict[str, Any] = {**call.parameters}
    if "reasoning_effort" in parameters and not template.effort:
        effort = parameters.pop("reasoning_effort")
        reason = "this model's template has no place for it"
        call.report.drop("reasoning_effort", reason, given=effort)
    messages = [
        message if template.reasoning else _without_reasoning(message, f"messages[{index}]", call)
        for index, message in enumerate(call.messages)
    ]
    return _changed(call, messages, parameters)


def _without_reasoning(message: MessageParam, path: str, call: ProviderCall) -> MessageParam:
    if "reasoning_content" not in message:
        return message
    call.report.drop(f"{path}.reasoning_content", "this model's template has no place for it")
    kept = {key: value for key, value in message.items() if key != "reasoning_content"}
    return cast("MessageParam", kept)


def forces_call(call: ProviderCall) -> bool:
    """Whether the answer has to be a call.

    llama.cpp cannot promise that, for it does not find out every template's form of a call.
    """
    match {**call.parameters}.get("tool_choice", "auto"):
        case "auto" | "none" | {"allowed_tools": {"mode": "auto"}}:
            return False
        case _:
            return True


def with_native_tools(call: ProviderCall) -> ProviderCall:
    """The call for a template that knows tools, of which only the allowed ones are sent.

    Raises:
        InvalidRequestError: when none of the tools is allowed.
    """
    parameters: dict[str, Any] = {**call.parameters}
    match parameters.get("tool_choice"):
        case {"allowed_tools": {"tools": allowed}} as given:
            names = {tool["function"]["name"] for tool in allowed}
        case _:
            return call
    chosen = [tool for tool in parameters.get("tools", []) if tool["function"]["name"] in names]
    if not chosen:
        raise InvalidRequestError("it allows none of the tools", path="tool_choice")
    parameters |= {"tools": chosen, "tool_choice": "auto"}
    reason = "only the allowed tools are sent"
    call.report.add("converted", "tool_choice", reason, given=given, sent="auto")
    return _changed(call, call.messages, parameters)


# --- schemas ------------------------------------------------------------------------------


def check_answer(call: ProviderCall) -> None:
    """Report what of the answer's schema the answer need not fulfil."""
    parameters: dict[str, Any] = {**call.parameters}
    schema = parameters.get("response_format", {}).get("json_schema", {}).get("schema")
    for path in unenforced(schema, "response_format.json_schema.schema"):
        call.report.drop(path, "llama.cpp does not enforce it")


def check_forced(call: ProviderCall, names: Collection[str]) -> None:
    """Refuse to force a call of these functions, if its arguments need not fulfil their schema.

    Raises:
        UnsupportedError: naming the path of what llama.cpp does not enforce.
    """
    parameters: dict[str, Any] = {**call.parameters}
    for index, tool in enumerate(parameters.get("tools", [])):
        if tool["function"]["name"] in names:
            schema = tool["function"].get("parameters")
            for path in unenforced(schema, f"tools[{index}].function.parameters"):
                reason = f"{path}: llama.cpp cannot enforce it, so that no call can be forced"
                raise UnsupportedError(reason, parameter="tools")
