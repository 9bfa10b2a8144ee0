"""llmgate's completions, chunks and embeddings as litellm's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llmgate import Chunk, Completion, Embeddings, Reranking
from llmgate import Usage as OurUsage
from llmgate.provider.http import is_array, is_object
from llmgate_litellm.types.utils import (
    Choices,
    Delta,
    EmbeddingResponse,
    Message,
    ModelResponse,
    ModelResponseStream,
    RerankResponse,
    StreamingChoices,
    Usage,
)

__all__ = [
    "embedding_response",
    "hidden_params",
    "model_response",
    "plain",
    "rerank_response",
    "stream_response",
    "usage_of",
]

_OF_RESPONSES = ("usage", "hidden_params", "system_fingerprint", "service_tier")
_PART_OF_MESSAGE = (
    *("content", "role", "tool_calls", "function_call"),
    *("provider_data", "provider_specific_fields", "thinking_blocks"),
)


def model_response(completion: Completion, *, model: str = "") -> ModelResponse:
    """A whole response, mutable, with everything that the provider said."""
    return ModelResponse(
        id=completion.id or None,
        created=completion.created or None,
        model=completion.model or model,
        choices=[
            Choices(
                finish_reason=_finish(choice.finish_reason),
                index=choice.index,
                message=_message(choice.message),
                logprobs=plain(choice.logprobs),
                **_without(choice.extra, Choices, "logprobs"),
            )
            for choice in completion.choices
        ],
        usage=None if completion.usage is None else usage_of(completion.usage),
        system_fingerprint=completion.system_fingerprint,
        service_tier=completion.service_tier,
        **_without(completion.extra, ModelResponse, *_OF_RESPONSES),
    )


def _without(extra: Mapping[str, Any], kind: type[Any], *more: str) -> dict[str, Any]:
    """Fields of the provider's own that do not hide one of the shape's."""
    fields: dict[str, Any] = plain(extra)
    taken = {*kind.model_fields, *more}
    return {name: value for name, value in fields.items() if name not in taken}


def _finish(reason: str | None) -> str | None:
    return "stop" if reason == "other" else reason


def plain(value: Any) -> Any:
    """Plain JSON of what reads by attribute as well."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return {key: plain(each) for key, each in pairs.items()}
    if is_array(value):
        return [plain(each) for each in value]
    return value


def _message(message: Any) -> Message:
    dumped = message.model_dump(exclude_none=True)
    thinking = _thinking_blocks(dumped.get("provider_data"))
    return Message(
        content=message.content,
        role=message.role,
        tool_calls=dumped.get("tool_calls"),
        function_call=dumped.get("function_call"),
        provider_specific_fields=_specific(dumped),
        thinking_blocks=thinking or dumped.get("thinking_blocks"),
        **{name: value for name, value in dumped.items() if name not in _PART_OF_MESSAGE},
    )


def _specific(dumped: dict[str, Any]) -> Any:
    """What only the provider knows: the format's own, and what the host itself has so named."""
    native, fields = dumped.get("provider_data"), dumped.get("provider_specific_fields")
    return {**fields, **native} if is_object(fields) and is_object(native) else native or fields


def _thinking_blocks(native: Any) -> list[Any] | None:
    """The signed thoughts of Anthropic's format, which callers look for under this name."""
    if not is_object(native):
        return None
    blocks = [
        block
        for data in native.values()
        if is_object(data) and is_array(data.get("content"))
        for block in data["content"]
        if is_object(block) and block.get("type") in {"thinking", "redacted_thinking"}
    ]
    return blocks or None


def stream_response(chunk: Chunk, *, model: str, ident: str, created: int) -> ModelResponseStream:
    """One chunk. The usage is left out: it comes at the end, to those who asked for it."""
    return ModelResponseStream(
        id=ident,
        created=created,
        model=chunk.model or model,
        choices=[
            StreamingChoices(
                finish_reason=_finish(choice.finish_reason),
                index=choice.index,
                delta=_delta(choice.delta),
                logprobs=plain(choice.logprobs),
            )
            for choice in chunk.choices
        ],
        system_fingerprint=chunk.system_fingerprint,
        **_without(chunk.extra, ModelResponseStream, *_OF_RESPONSES),
    )


def _delta(delta: Any) -> Delta:
    dumped = delta.model_dump(exclude_none=True)
    return Delta(
        content=delta.content,
        role=delta.role,
        tool_calls=dumped.get("tool_calls"),
        function_call=dumped.get("function_call"),
        provider_specific_fields=_specific(dumped),
        thinking_blocks=dumped.get("thinking_blocks"),
        **{name: value for name, value in dumped.items() if name not in _PART_OF_MESSAGE},
    )


def usage_of(usage: OurUsage) -> Usage:
    """Counts, with the cache's under litellm's names too."""
    dumped = usage.model_dump(exclude_none=True)
    details: dict[str, Any] = dumped.get("prompt_tokens_details") or {}
    cached: dict[str, Any] = {
        "cache_read_input_tokens": details.get("cached_tokens"),
        "cache_creation_input_tokens": details.get("cache_write_tokens"),
    }
    return Usage(**{**dumped, **{name: n for name, n in cached.items() if n is not None}})


def embedding_response(embeddings: Embeddings, *, model: str) -> EmbeddingResponse:
    """Vectors as plain dictionaries."""
    usage = embeddings.usage
    return EmbeddingResponse(
        model=embeddings.model or model,
        data=[
            {"embedding": list(each.embedding), "index": each.index, "object": "embedding"}
            for each in embeddings.data
        ],
        usage=Usage() if usage is None else usage_of(usage),
    )


def rerank_response(reranking: Reranking) -> RerankResponse:
    """Results as plain dictionaries, and the usage under Cohere's names."""
    usage = reranking.usage
    meta: dict[str, Any] = {}
    if usage is not None:
        counted = {"search_units": usage.search_units, "total_tokens": usage.total_tokens}
        meta = {
            "billed_units": {name: each for name, each in counted.items() if each is not None},
            "tokens": {"input_tokens": usage.prompt_tokens},
        }
    return RerankResponse(
        id=reranking.id or None,
        results=[plain(each.model_dump(exclude_none=True)) for each in reranking.results],
        meta=meta or None,
    )


def hidden_params(answer: Any, *, provider: str) -> dict[str, Any]:
    """What ``_hidden_params`` holds; the price comes later."""
    return {
        "custom_llm_provider": provider,
        "additional_headers": dict(answer.headers),
        "headers": dict(answer.headers),
    }
