"""A call into the body of OpenAI's "Create chat completion"; pure, and the identity wherever it can be.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from llmgate.messages import AssistantMessage, MessageParam
from llmgate.options import Call
from llmgate.wire import HttpRequest, encode_json

__all__ = ["Dialect", "chat_request", "encode"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a host departs from what the caller's format is.

    ``gated`` applies OpenAI's own rules for models that reason. ``stream_usage`` asks for the usage
    at the end of every stream. ``takes_reasoning`` sends ``reasoning_content`` of earlier answers
    back. ``provider`` is the key under which the host's own data of an earlier answer is kept.
    """

    provider: str = "openai"
    gated: bool = True
    stream_usage: bool = True
    takes_reasoning: bool = False


COMPATIBLE = Dialect(gated=False, stream_usage=False, takes_reasoning=True)
"""A host of which nothing is known: it is sent just what the caller gave."""


def chat_request(call: Call, url: str, dialect: Dialect) -> HttpRequest:
    """The request of one chat completion, without credentials."""
    return HttpRequest(
        "POST",
        url,
        {"content-type": "application/json"},
        encode_json(encode(call, dialect)),
        stream=call.stream,
    )


def encode(call: Call, dialect: Dialect) -> dict[str, Any]:
    """The body of the request. What differs from the call is in its report."""
    body: dict[str, Any] = {
        "model": call.model,
        "messages": _messages(call, dialect),
        **call.parameters,
    }
    if call.stream:
        body["stream"] = True
        _ask_for_usage(body, call, dialect)
    if dialect.gated:
        _keep_to_the_gates(body, call)
    return {**body, **call.extra_body} if call.extra_body else body


def _ask_for_usage(body: dict[str, Any], call: Call, dialect: Dialect) -> None:
    options = body.get("stream_options") or {}
    if dialect.stream_usage and "include_usage" not in options:
        body["stream_options"] = {**options, "include_usage": True}
        call.report.add(
            "injected",
            "stream_options.include_usage",
            "so that the stream ends with its usage",
            sent=True,
        )


# --- messages -----------------------------------------------------------------------------


def _messages(call: Call, dialect: Dialect) -> list[MessageParam]:
    return [
        _assistant(message, index, call, dialect) if message["role"] == "assistant" else message
        for index, message in enumerate(call.messages)
    ]


def _assistant(
    message: AssistantMessage, index: int, call: Call, dialect: Dialect
) -> AssistantMessage:
    """An earlier answer, without what only other providers understand."""
    sent = cast("dict[str, Any]", message)
    path = f"messages[{index}]"
    for provider in set(sent.get("provider_data") or {}) - {dialect.provider}:
        call.report.add(
            "dropped", f"{path}.provider_data.{provider}", f"{dialect.provider} cannot read it"
        )
    if "provider_data" in sent:
        own = (sent["provider_data"] or {}).get(dialect.provider) or {}
        sent = {key: value for key, value in sent.items() if key != "provider_data"} | own
    if not dialect.takes_reasoning and "reasoning_content" in sent:
        sent = {key: value for key, value in sent.items() if key != "reasoning_content"}
        call.report.add("dropped", f"{path}.reasoning_content", "reasoning is not taken back")
    audio = sent.get("audio")
    if audio and set(audio) != {"id"}:
        sent = {**sent, "audio": {"id": audio.get("id")}}
        call.report.add("converted", f"{path}.audio", "sent by its id, as OpenAI wants it back")
    return cast("AssistantMessage", sent)


# --- models that reason -------------------------------------------------------------------

_NOT_WHILE_REASONING = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
_DEFAULTS = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}

_REASONS_BY_DEFAULT = re.compile(
    r"o[134](-|$)|gpt-5(-(?!chat)|$)|gpt-5\.[1-4]-pro|gpt-5\.[1-3]-chat|gpt-5\.[5-9]|gpt-6"
)
_CAN_REASON = re.compile(r"o[134](-|$)|gpt-5(?!-chat)|gpt-6")


def _keep_to_the_gates(body: dict[str, Any], call: Call) -> None:
    """What OpenAI answers with 400 for a model that reasons, dropped or renamed, and reported."""
    model = call.model.removeprefix("ft:")
    if not _CAN_REASON.match(model):
        return
    if "max_tokens" in body and "max_completion_tokens" not in body:
        limit = body["max_completion_tokens"] = body.pop("max_tokens")
        call.report.add(
            "renamed",
            "max_tokens",
            "sent as max_completion_tokens, which also counts the reasoning",
            given=limit,
            sent=limit,
        )
    effort = body.get("reasoning_effort")
    if effort == "none" or (effort is None and not _REASONS_BY_DEFAULT.match(model)):
        return
    for name in _NOT_WHILE_REASONING:
        if name in body and body[name] != _DEFAULTS.get(name):
            call.report.drop(name, f"{call.model} refuses it while it reasons", given=body[name])
            del body[name]
