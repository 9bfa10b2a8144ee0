"""A call into the body of Anthropic's "Create a message"; pure, and what differs is in the report.

Parameters are here; messages, tools, thinking and formats have a module each.
Source: https://platform.claude.com/docs/en/api/messages/create and /docs/en/api/versioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate_anthropic.conversation import Conversation, conversation_of
from llmgate_anthropic.models import Traits, traits_of
from llmgate_anthropic.structured import hold_to_format
from llmgate_anthropic.thinking import is_thinking, think
from llmgate_anthropic.tools import add_tools

__all__ = ["NEWEST", "WITH_SAMPLING", "Encoded", "encode"]

WITH_SAMPLING = "2023-06-01"
"""The version that still takes ``temperature`` and ``top_p``, and that all hosts know."""
NEWEST = "2026-10-21"

_LONGEST_UNSTREAMED = 21_333
"""Above so many tokens an answer may take ten minutes, for which few connections live unused.

Source: "Long requests", https://platform.claude.com/docs/en/api/errors; Anthropic's SDKs refuse it.
"""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request's body, the version of the API that it is for, and how to read its answer.

    ``answer_tool`` is the name of the tool whose input is the answer, where a schema is emulated.
    """

    body: dict[str, Any]
    version: str
    answer_tool: str | None = None


def encode(call: ProviderCall, version: str | None = None) -> Encoded:
    """The request of a call; ``version`` by default as new as what it holds allows.

    Raises:
        RequestError: for what Anthropic cannot be asked.
    """
    traits = traits_of(call.model)
    conversation = conversation_of(call, traits)
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": _max_tokens(call, traits),
        **({"system": conversation.system} if conversation.system else {}),
        "messages": conversation.turns,
    }
    add_tools(body, call, traits)
    answer_tool = hold_to_format(body, call, traits)
    think(body, call, traits)
    _add_sampling(body, call, traits, version)
    _add_the_rest(body, call)
    _stream(body, call)
    body = _merged(body, call.extra_body)
    return Encoded(body, version or _version(body, conversation), answer_tool)


def _merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's own fields last; those that hold independent settings are joined key by key."""
    merged = {**body, **extra}
    for key in ("output_config", "metadata"):
        ours, theirs = body.get(key), extra.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            merged[key] = {**ours, **theirs}
    return merged


def _version(body: Mapping[str, Any], conversation: Conversation) -> str:
    is_sampled = any(name in body for name in ("temperature", "top_p", "top_k"))
    return WITH_SAMPLING if is_sampled or _needs_old(conversation.turns) else NEWEST


def _needs_old(turns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a turn holds what later versions refuse: a document in an answer, or citations."""
    for turn in turns:
        for block in turn["content"]:
            if turn["role"] == "assistant" and block["type"] == "document":
                return True
            if turn["role"] == "user" and block["type"] == "text" and block.get("citations"):
                return True
    return False


# --- parameters ---------------------------------------------------------------------------


def _given(call: ProviderCall, name: str) -> Any:
    """A parameter that was given; None otherwise."""
    return cast("Mapping[str, Any]", call.parameters).get(name)


def _max_tokens(call: ProviderCall, traits: Traits) -> int:
    """The limit, which Anthropic requires."""
    limits = [
        (name, value)
        for name in ("max_completion_tokens", "max_tokens")
        if (value := _given(call, name)) is not None
    ]
    if not limits:
        reason = "Anthropic requires it: the most that the model can answer"
        call.report.add("defaulted", "max_tokens", reason, sent=traits.max_tokens)
        return traits.max_tokens
    (name, limit), *others = limits
    for other, value in others:
        if value != limit:
            call.report.add("dropped", other, f"{name} says otherwise", given=value, sent=limit)
    if limit <= traits.max_tokens or "claude" not in call.model:
        return int(limit)
    reason = f"{call.model} refuses more"
    for clamped in [name, *(other for other, value in others if value == limit)]:
        call.report.add("clamped", clamped, reason, given=limit, sent=traits.max_tokens)
    return traits.max_tokens


def _add_sampling(
    body: dict[str, Any], call: ProviderCall, traits: Traits, version: str | None
) -> None:
    """``temperature`` and ``top_p``, which newer models and newer versions refuse."""
    for name in ("temperature", "top_p"):
        value = _given(call, name)
        if value is None:
            continue
        reason = _why_not_sampled(name, value, {**body, **call.extra_body}, traits)
        if version is not None and version >= NEWEST:
            reason = f"version {version} of the API has no such parameter"
        if reason is not None:
            call.report.drop(name, reason, given=value)
        else:
            body[name] = _clamped(name, value, call)


def _why_not_sampled(
    name: str, value: float, body: Mapping[str, Any], traits: Traits
) -> str | None:
    if not traits.samples:
        return f"{body['model']} refuses it"
    if name == "top_p" and "temperature" in body and not traits.samples_both:
        return f"{body['model']} takes either temperature or top_p"
    if is_thinking(body, traits):
        at_least = 1 if name == "temperature" else 0.95
        if value < at_least:
            return f"{at_least} is the least that is taken while the model thinks"
    return None


def _clamped(name: str, value: float, call: ProviderCall) -> float:
    if value <= 1:
        return value
    call.report.add("clamped", name, "Anthropic's scale ends at 1", given=value, sent=1)
    return 1


def _add_the_rest(body: dict[str, Any], call: ProviderCall) -> None:
    stops = _given(call, "stop")
    if stops is not None:
        _add_stops(body, [stops] if isinstance(stops, str) else stops, call)
    _add_user(body, call)
    tier = _given(call, "service_tier")
    if tier in _TIERS:
        body["service_tier"] = _TIERS[tier]
    elif tier is not None:
        call.report.drop("service_tier", "Anthropic has no such tier", given=tier)
    modalities = _given(call, "modalities")
    if modalities is not None:
        if modalities != ["text"]:
            raise UnsupportedError("Anthropic answers in text only", parameter="modalities")
        call.report.add("dropped", "modalities", "every answer is text", given=modalities)


_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


def _add_stops(body: dict[str, Any], stops: list[str], call: ProviderCall) -> None:
    for place, stop in enumerate(stops):
        if not stop.strip():
            call.report.drop(f"stop[{place}]", "Anthropic stops at no white space", given=stop)
    if kept := [stop for stop in stops if stop.strip()]:
        body["stop_sequences"] = kept


_E_MAIL_OR_PHONE = re.compile(r".+@.+|\+[\d\s().-]{7,20}")


def _add_user(body: dict[str, Any], call: ProviderCall) -> None:
    """Who asks, as an opaque id: the API refuses addresses and telephone numbers."""
    for name in ("safety_identifier", "user"):
        value = _given(call, name)
        if value is None:
            continue
        if "metadata" in body:
            call.report.drop(name, "safety_identifier is sent in its place", given=value)
        elif _E_MAIL_OR_PHONE.fullmatch(value):
            call.report.drop(name, "Anthropic refuses e-mail addresses and telephone numbers")
        else:
            body["metadata"] = {"user_id": value}


def _stream(body: dict[str, Any], call: ProviderCall) -> None:
    if call.stream:
        body["stream"] = True
    elif {**body, **call.extra_body}["max_tokens"] > _LONGEST_UNSTREAMED:
        body["stream"] = True
        reason = "so long an answer is streamed and put together, lest the connection fall silent"
        call.report.add("injected", "stream", reason, given=False, sent=True)
