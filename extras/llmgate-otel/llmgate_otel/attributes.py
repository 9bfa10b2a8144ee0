"""Attributes of spans and metrics from calls and responses. It records nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from llmgate.middleware import ChatCall, EmbeddingCall
from llmgate.types import Completion, Usage
from llmgate_otel import names

__all__ = [
    "Attributes",
    "error_type",
    "of_address",
    "of_chat_call",
    "of_completion",
    "of_embedding_call",
    "of_usage",
    "provider_name",
]

Attributes: TypeAlias = dict[str, Any]
_PORTS = {"http": 80, "https": 443}


def provider_name(name: str) -> str:
    """A provider's name in the conventions; that of llmgate where they have none."""
    return names.PROVIDERS.get(name, name)


def error_type(error: BaseException) -> str:
    """The class of an error, with its module where that is not Python's own."""
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"


def of_chat_call(call: ChatCall, provider: str | None) -> Attributes:
    """What a chat was asked with; ``provider`` has its name in the conventions, if it is known."""
    parameters: Mapping[str, Any] = {**call.parameters}
    found: Attributes = {
        attribute: parameters[name]
        for name, attribute in names.PARAMETERS.items()
        if parameters.get(name) is not None
    }
    body = call.extra_body
    found |= {name: body[key] for key, name in names.OF_BODY.items() if key in body}
    found |= {key: each for key, each in call.labels.items() if key.startswith(names.OWN_LABELS)}
    if call.stream:
        found[names.REQUEST_STREAM] = True
    stop = parameters.get("stop")
    if stop:
        found[names.STOP_SEQUENCES] = (stop,) if isinstance(stop, str) else tuple(stop)
    count, format = parameters.get("n"), parameters.get("response_format")
    if count not in (None, 1):
        found[names.CHOICE_COUNT] = count
    if "service_tier" in parameters and provider in names.OPENAIS:
        found[names.OPENAI_REQUEST_TIER] = parameters["service_tier"]
    media = parameters.get("modalities") or ()
    if "audio" in media or "image" in media:
        found[names.OUTPUT_TYPE] = "speech" if "audio" in media else "image"
    elif format is not None:
        found[names.OUTPUT_TYPE] = "text" if format.get("type") == "text" else "json"
    return found


def of_embedding_call(call: EmbeddingCall) -> Attributes:
    """What embeddings were asked with."""
    dimensions, encoding = (call.parameters.get(name) for name in ("dimensions", "encoding_format"))
    found: Attributes = {} if dimensions is None else {names.DIMENSION_COUNT: dimensions}
    return found if encoding is None else {**found, names.ENCODING_FORMATS: (encoding,)}


def of_completion(completion: Completion, provider: str | None) -> Attributes:
    """What a response says of itself; ``provider`` is its name in the conventions."""
    found: Attributes = {}
    if completion.id:
        found[names.RESPONSE_ID] = completion.id
    if completion.model:
        found[names.RESPONSE_MODEL] = completion.model
    reasons = tuple(each.finish_reason for each in completion.choices if each.finish_reason)
    if reasons:
        found[names.FINISH_REASONS] = reasons
    if provider in names.OPENAIS:
        if completion.service_tier:
            found[names.OPENAI_RESPONSE_TIER] = completion.service_tier
        if completion.system_fingerprint:
            found[names.OPENAI_FINGERPRINT] = completion.system_fingerprint
    return found


def of_usage(usage: Usage | None) -> Attributes:
    """What was billed; nothing where the provider did not say. Input holds what came from a cache,
    output holds reasoning."""
    if usage is None:
        return {}
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    found: Attributes = {
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.OUTPUT_TOKENS: usage.completion_tokens,
        names.CACHE_READ: None if prompt is None else prompt.cached_tokens,
        names.CACHE_WRITE: None if prompt is None else prompt.cache_write_tokens,
        names.REASONING: None if completion is None else completion.reasoning_tokens,
    }
    for kind, details in ((names.INPUT_TOKENS, prompt), (names.OUTPUT_TOKENS, completion)):
        for modality, name in names.BY_MODALITY[kind].items():
            found[name] = getattr(details, f"{modality}_tokens", None)
    always = (names.INPUT_TOKENS, names.OUTPUT_TOKENS)
    return {name: v for name, v in found.items() if v or (v is not None and name in always)}


def of_address(url: str) -> Attributes:
    """The host of a request and its port."""
    parts = urlsplit(url)
    if not parts.hostname:
        return {}
    port = parts.port or _PORTS.get(parts.scheme)
    found: Attributes = {names.SERVER_ADDRESS: parts.hostname}
    return found if port is None else {**found, names.SERVER_PORT: port}
