"""The body of Converse from a call: pure, and what differs is in the report.

Parameters are here; messages, tools, reasoning and formats have a module each.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import (
    NameMap,
    check_text_only,
    merge_body,
    parameter,
    stop_list,
    token_limit,
)
from llmgate_bedrock.request.format import add_format
from llmgate_bedrock.request.messages import Conversation
from llmgate_bedrock.request.reasoning import add_reasoning, thinks
from llmgate_bedrock.request.tools import add_tools, names_of
from llmgate_bedrock.rules import Traits

__all__ = ["Encoded", "encode"]

_SAMPLING = {"temperature": "temperature", "top_p": "topP"}
_MOST_METADATA = 16


class Encoded(NamedTuple):
    """A request's body, and how to read its response: the names of functions as they were given,
    and the tool whose input is the text, where a schema is emulated."""

    body: dict[str, Any]
    names: NameMap
    output_tool: str | None


def encode(call: ProviderCall, traits: Traits) -> Encoded:
    """The request of a call.

    Raises:
        RequestError: for what Bedrock cannot be asked.
    """
    names = names_of(call)
    conversation = Conversation(call, traits, names)
    body: dict[str, Any] = {"messages": conversation.turns}
    if conversation.system:
        body["system"] = conversation.system
    _add_limits(body, call)
    add_tools(body, call, traits, names)
    output_tool = add_format(body, call, traits)
    body = add_reasoning(body, call, traits)
    _add_sampling(body, call, traits)
    _add_tier(body, call)
    _add_metadata(body, call)
    check_text_only(call, "Bedrock")
    if not body.get("inferenceConfig", True):
        del body["inferenceConfig"]
    if call.extra_body:
        body = merge_body(body, call.extra_body)
    return Encoded(body, names, output_tool)


def _add_limits(body: dict[str, Any], call: ProviderCall) -> None:
    config: dict[str, Any] = {}
    limit, stops = token_limit(call), stop_list(call)
    if limit is not None:
        config["maxTokens"] = limit[1]
    if stops:
        config["stopSequences"] = stops
    for name, sent in _SAMPLING.items():
        if parameter(call, name) is not None:
            config[sent] = parameter(call, name)
    body["inferenceConfig"] = config


def _add_sampling(body: dict[str, Any], call: ProviderCall, traits: Traits) -> None:
    """``temperature`` and ``top_p`` on Bedrock's scale, and as far as thinking leaves room."""
    config: dict[str, Any] = body["inferenceConfig"]
    is_thinking = traits.claude is not None and thinks(
        merge_body(body, call.extra_body), traits.claude
    )
    for name, sent in _SAMPLING.items():
        value = config.get(sent)
        if value is None:
            continue
        least = 1 if name == "temperature" else 0.95
        if is_thinking and value < least:
            del config[sent]
            reason = f"{call.model} accepts no less than {least} while it thinks"
            call.report.drop(name, reason, given=value)
        elif value > 1:
            config[sent] = 1
            call.report.add("clamped", name, "Bedrock's scale ends at 1", given=value, sent=1)


_TIERS = ("default", "flex", "priority", "reserved")


def _add_tier(body: dict[str, Any], call: ProviderCall) -> None:
    tier = parameter(call, "service_tier")
    if tier in _TIERS:
        body["serviceTier"] = {"type": tier}
    elif tier == "auto":
        reason = "that is what Bedrock does by itself"
        call.report.add("dropped", "service_tier", reason, given=tier)
    elif tier is not None:
        call.report.drop("service_tier", "Bedrock has no such tier", given=tier)


def _add_metadata(body: dict[str, Any], call: ProviderCall) -> None:
    given: Mapping[str, str] = parameter(call, "metadata") or {}
    sent = dict([*given.items()][:_MOST_METADATA])
    for key in [*given][_MOST_METADATA:]:
        reason = f"Bedrock takes {_MOST_METADATA} of them"
        call.report.drop(f"metadata.{key}", reason, given=given[key])
    if sent:
        body["requestMetadata"] = sent
