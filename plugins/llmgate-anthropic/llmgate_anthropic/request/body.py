"""The body of Anthropic's "Create a message" from a call: pure, and what differs is in the report.

Parameters are here; messages, tools, thinking and formats have a module each.
Source: https://platform.claude.com/docs/en/api/messages/create and /docs/en/api/versioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from llmgate.provider.call import ProviderCall, TextMessages
from llmgate.provider.kit import check_text_only, merge_body, parameter, stop_list, token_limit
from llmgate_anthropic.request.format import add_format
from llmgate_anthropic.request.messages import Conversation, conversation_of
from llmgate_anthropic.request.thinking import add_thinking, is_thinking
from llmgate_anthropic.request.tools import add_tools
from llmgate_anthropic.rules import NEWEST, WITH_SAMPLING, Traits, traits_of

__all__ = ["WITH_SAMPLING", "Encoded", "encode"]

_LONGEST_UNSTREAMED = 21_333
"""Above so many tokens a completion may take ten minutes, and few connections stay open so long
without traffic.

Source: "Long requests", https://platform.claude.com/docs/en/api/errors; Anthropic's SDKs refuse it.
"""


class Encoded(NamedTuple):
    """A request's body, the version of the API that it is for, and how to read its response.

    ``output_tool`` is the name of the tool whose input is the text, where a schema is emulated.
    """

    body: dict[str, Any]
    version: str
    output_tool: str | None = None


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
    output_tool = None
    if not _LIMITS.issuperset(call.parameters):  # most calls have no others
        output_tool = _add_parameters(body, call, traits)
    _add_stream(body, call)
    if call.extra_body:
        body = merge_body(body, call.extra_body)
    return Encoded(body, version or _version(body, call, conversation), output_tool)


_LIMITS = frozenset({"max_completion_tokens", "max_tokens"})


def _add_parameters(body: dict[str, Any], call: ProviderCall, traits: Traits) -> str | None:
    """Put all parameters but the limits into the body; the tool whose input is to be the text."""
    add_tools(body, call, traits)
    output_tool = add_format(body, call, traits)
    add_thinking(body, call, traits)
    _add_sampling(body, call, traits)
    _add_stops(body, call)
    _add_user(body, call)
    _add_tier(body, call)
    check_text_only(call, "Anthropic")
    return output_tool


def _version(body: Mapping[str, Any], call: ProviderCall, conversation: Conversation) -> str:
    if not _SAMPLING.isdisjoint(body):
        return WITH_SAMPLING
    has_blocks = not isinstance(call.messages, TextMessages)
    return WITH_SAMPLING if has_blocks and _needs_old(conversation.turns) else NEWEST


_SAMPLING = frozenset({"temperature", "top_p", "top_k"})


def _needs_old(turns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a turn has what later versions refuse: a document of the model, or citations."""
    for turn in turns:
        for block in turn["content"]:
            if turn["role"] == "assistant" and block["type"] == "document":
                return True
            if turn["role"] == "user" and block["type"] == "text" and block.get("citations"):
                return True
    return False


# --- parameters ---------------------------------------------------------------------------


def _max_tokens(call: ProviderCall, traits: Traits) -> int:
    """The limit, which Anthropic requires."""
    limit = token_limit(call)
    if limit is None:
        reason = "Anthropic requires it: the most that the model can generate"
        call.report.add("defaulted", "max_tokens", reason, sent=traits.max_tokens)
        return traits.max_tokens
    value = int(limit[1])
    if value <= traits.max_tokens or "claude" not in call.model:
        return value
    for name in ("max_completion_tokens", "max_tokens"):
        if parameter(call, name) == value:
            reason = f"{call.model} refuses more"
            call.report.add("clamped", name, reason, given=value, sent=traits.max_tokens)
    return traits.max_tokens


def _add_sampling(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """``temperature`` and ``top_p``; what a model refuses in any case is in its rules."""
    for name in ("temperature", "top_p"):
        value = parameter(call, name)
        if value is None:
            continue
        reason = _why_not_sampled(name, value, {**body, **call.extra_body}, traits)
        if reason is not None:
            call.report.drop(name, reason, given=value)
        else:
            body[name] = _clamped(name, value, call)


def _why_not_sampled(
    name: str, value: float, body: Mapping[str, Any], traits: Traits
) -> str | None:
    """Why the rest of the request leaves no room for a value; None when it does."""
    if name == "top_p" and "temperature" in body and not traits.samples_both:
        return f"{body['model']} accepts either temperature or top_p"
    least = 1 if name == "temperature" else 0.95
    if value < least and is_thinking(body, traits):
        return f"{body['model']} accepts no less than {least} while it thinks"
    return None


def _clamped(name: str, value: float, call: ProviderCall) -> float:
    if value <= 1:
        return value
    call.report.add("clamped", name, "Anthropic's scale ends at 1", given=value, sent=1)
    return 1


def _add_stops(body: dict[str, Any], call: ProviderCall) -> None:
    stops = list[str]()
    for place, stop in enumerate(stop_list(call)):
        if stop.strip():
            stops.append(stop)
        else:
            reason = "Anthropic refuses a stop sequence of white space"
            call.report.drop(f"stop[{place}]", reason, given=stop)
    if stops:
        body["stop_sequences"] = stops


_E_MAIL_OR_PHONE = re.compile(r".+@.+|\+[\d\s().-]{7,20}")


def _add_user(body: dict[str, Any], call: ProviderCall) -> None:
    """Who asks, as an opaque id: the API refuses addresses and telephone numbers."""
    for name in ("safety_identifier", "user"):
        value = parameter(call, name)
        if value is None:
            continue
        if "metadata" in body:
            call.report.drop(name, "safety_identifier is sent in its place", given=value)
        elif _E_MAIL_OR_PHONE.fullmatch(value):
            call.report.drop(name, "Anthropic refuses e-mail addresses and telephone numbers")
        else:
            body["metadata"] = {"user_id": value}


_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


def _add_tier(body: dict[str, Any], call: ProviderCall) -> None:
    tier = parameter(call, "service_tier")
    if tier in _TIERS:
        body["service_tier"] = _TIERS[tier]
    elif tier is not None:
        call.report.drop("service_tier", "Anthropic has no such tier", given=tier)


def _add_stream(body: dict[str, Any], call: ProviderCall) -> None:
    if call.stream:
        body["stream"] = True
        return
    most = call.extra_body.get("max_tokens", body["max_tokens"])
    if isinstance(most, int) and most > _LONGEST_UNSTREAMED:
        body["stream"] = True
        reason = (
            "a completion this long is requested as a stream, so that the connection is not idle"
        )
        call.report.add("injected", "stream", reason, given=False, sent=True)
