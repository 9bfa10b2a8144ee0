"""The body of ``generateContent`` from a call: pure. What differs is recorded in the call's report.

Source: https://ai.google.dev/api/generate-content; google-genai 3.6.1, models.py.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit import NameMap, merge_body, parameter, stop_list, token_limit
from llmgate_gemini.request.format import format_of, modalities_of
from llmgate_gemini.request.messages import Conversation
from llmgate_gemini.request.parts import Api
from llmgate_gemini.request.thinking import thinking_of
from llmgate_gemini.request.tools import names_of, tools_of
from llmgate_gemini.traits import traits_of

__all__ = ["Encoded", "encode"]

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
    "top_logprobs": "logprobs",
}
_TIERS = {"default": "standard"}


class Encoded(NamedTuple):
    """A body, and the names of functions as they were given."""

    body: dict[str, Any]
    names: NameMap


def encode(call: ProviderCall, api: Api) -> Encoded:
    """The body of the request.

    Raises:
        UnsupportedError: for what Gemini cannot do, without which the meaning would change.
        InvalidRequestError: for a part or a choice that is not what it says.
    """
    traits, names = traits_of(call.model), names_of(call)
    conversation = Conversation(call, traits, names, api)
    body: dict[str, Any] = {"contents": conversation.contents}
    if conversation.system:
        body["systemInstruction"] = {"parts": conversation.system}
    body |= tools_of(call, traits, names, is_vertex=api.is_vertex)
    config = _sampling(call)
    config |= format_of(call, traits) | modalities_of(call)
    thinking = thinking_of(call, traits)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    tier = parameter(call, "service_tier")
    if tier == "auto":
        call.report.add("dropped", "service_tier", "that is what Gemini does by itself", given=tier)
    elif tier is not None:
        body["serviceTier"] = _TIERS.get(tier, tier)
    if api.is_vertex:
        labels = _labels(call)
        body |= {"labels": labels} if labels else {}
    return Encoded(merge_body(body, call.extra_body), names)


def _sampling(call: ProviderCall) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, sent in _SAMPLING.items():
        value = parameter(call, name)
        if value is not None:
            config[sent] = value
    if call.stream and config.get("candidateCount", 1) > 1:
        raise UnsupportedError("Gemini streams one choice only", parameter="n")
    limit = token_limit(call)
    if limit is not None:
        config["maxOutputTokens"] = limit[1]
    stops = stop_list(call)
    if stops:
        config["stopSequences"] = stops
    if parameter(call, "logprobs") is not None:
        config["responseLogprobs"] = parameter(call, "logprobs")
    if config.get("logprobs") == 0:
        del config["logprobs"]
    return config


_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def _labels(call: ProviderCall) -> dict[str, str]:
    """``metadata`` and ``user`` as labels, as far as they are of the characters of one.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls
    """
    metadata: dict[str, str] = parameter(call, "metadata") or {}
    given = {f"metadata.{key}": (key, value) for key, value in metadata.items()}
    if parameter(call, "user") is not None:
        given["user"] = ("user", parameter(call, "user"))
    labels: dict[str, str] = {}
    for path, (key, value) in given.items():
        if _LABEL.fullmatch(key) and _LABEL_VALUE.fullmatch(value):
            labels[key] = value
            call.report.add("converted", path, "sent as a label", given=value)
        else:
            reason = "a label is of up to 63 small letters, digits, _ and -"
            call.report.drop(path, reason, given=value)
    return labels
