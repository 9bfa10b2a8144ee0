"""The body of Ollama's "Generate a chat message" from a call; pure.

What it leaves out, changes or adds is recorded in the call's report.
Source: https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import check_text_only, merge_body, parameter, stop_list, token_limit
from llmgate_ollama.request.messages import messages_of
from llmgate_ollama.request.tools import add_tools

__all__ = ["encode"]

_OPTIONS = ("frequency_penalty", "presence_penalty", "seed", "temperature", "top_p")
_AS_GIVEN = ("logprobs", "top_logprobs")
_FORMAT = "response_format"


def encode(call: ProviderCall, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request.

    Args:
        call: The call.
        defaults: Fields that are sent where the call does not say otherwise: ``keep_alive``, and
            ``options``.

    Raises:
        RequestError: for what Ollama cannot be asked.
    """
    body: dict[str, Any] = {
        "model": call.model,
        "messages": messages_of(call),
        "stream": call.stream,  # without it, Ollama streams
    }
    check_text_only(call, "Ollama")
    add_tools(body, call)
    _add_format(body, call)
    _add_thinking(body, call)
    body |= {name: value for name in _AS_GIVEN if (value := parameter(call, name)) is not None}
    if options := _options(call):
        body["options"] = options
    return merge_body(merge_body(defaults, body), call.extra_body)


def _options(call: ProviderCall) -> dict[str, Any]:
    """What the model is to heed while it generates."""
    options = {name: value for name in _OPTIONS if (value := parameter(call, name)) is not None}
    limit = token_limit(call)
    if limit is not None:
        options["num_predict"] = limit[1]
    if stops := stop_list(call):
        options["stop"] = stops
    return options


def _add_format(body: dict[str, Any], call: ProviderCall) -> None:
    """JSON, or a schema by itself."""
    given = parameter(call, _FORMAT)
    match given:
        case None:
            pass
        case {"type": "text"}:
            call.report.add("dropped", _FORMAT, "every response is text", given=given)
        case {"type": "json_object"}:
            body["format"] = "json"
        case {"type": "json_schema", "json_schema": {"schema": schema}} if is_object(schema):
            reason = "Ollama takes the schema alone, and always holds the model to it"
            call.report.add("converted", _FORMAT, reason, given=given, sent=schema)
            body["format"] = schema
        case _:
            expected = "expected text, json_object, or json_schema with its schema"
            raise InvalidRequestError(expected, path=_FORMAT)


_WITH_EFFORT = "gpt-oss"
_EFFORTS = ("low", "medium", "high")
_NEAREST: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}


def _add_thinking(body: dict[str, Any], call: ProviderCall) -> None:
    """Whether the model thinks; how much, is for gpt-oss alone to be asked."""
    effort = parameter(call, "reasoning_effort")
    if effort is None:
        return
    if effort == "none":
        think: bool | str = False
    elif _WITH_EFFORT in call.model:
        think = _NEAREST.get(effort, effort)
    else:
        think = True
    body["think"] = think
    if think is True:
        reason = "the model thinks or does not: only gpt-oss takes how much"
        call.report.add("converted", "reasoning_effort", reason, given=effort, sent=think)
    elif think not in (False, effort):
        reason = f"Ollama takes one of {', '.join(_EFFORTS)}"
        call.report.add("converted", "reasoning_effort", reason, given=effort, sent=think)
