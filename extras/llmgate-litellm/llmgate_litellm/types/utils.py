"""Responses as litellm shapes them: pydantic models that can be read by key and changed.

Optional fields that came with no value are absent, as they are in litellm: they are kept among
pydantic's extra fields, and ``getattr(message, "refusal", None)`` reads them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import PrivateAttr

from llmgate.provider.http import is_object
from llmgate_litellm.types._base import (
    CompletionTokensDetailsWrapper,
    OpenAIObject,
    PromptTokensDetailsWrapper,
    Usage,
    present,
)

__all__ = [
    "ChatCompletionDeltaToolCall",
    "ChatCompletionMessageToolCall",
    "Choices",
    "CompletionTokensDetailsWrapper",
    "Delta",
    "EmbeddingResponse",
    "Function",
    "GenericStreamingChunk",
    "LlmProviders",
    "Message",
    "ModelResponse",
    "ModelResponseBase",
    "ModelResponseStream",
    "OpenAIObject",
    "PromptTokensDetailsWrapper",
    "RerankResponse",
    "StreamingChoices",
    "TextChoices",
    "TextCompletionResponse",
    "Usage",
]


class Function(OpenAIObject):
    """What is called: a name, and arguments as JSON text."""

    arguments: str
    name: str | None = None

    def __init__(
        self,
        /,
        arguments: str | Mapping[str, Any] | None = None,
        name: str | None = None,
        **extra: Any,
    ) -> None:
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            import json  # noqa: PLC0415 - seldom

            arguments = json.dumps(arguments)
        super().__init__(arguments=arguments, name=name, **extra)


class _Call(OpenAIObject):
    id: str | None = None
    type: str | None = "function"
    function: Function

    def __init__(
        self,
        /,
        function: Mapping[str, Any] | Function | None = None,
        id: str | None = None,
        type: str | None = None,
        **extra: Any,
    ) -> None:
        made = Function(**function) if is_object(function) else function or Function()
        super().__init__(id=id, type=type or "function", function=made, **extra)


class ChatCompletionMessageToolCall(_Call):
    """A call of a function."""

    def __init__(
        self,
        /,
        function: Mapping[str, Any] | Function | None = None,
        id: str | None = None,
        type: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(function, id or f"call_{uuid.uuid4().hex}", type, **extra)


class ChatCompletionDeltaToolCall(_Call):
    """A fragment of a call of a function."""

    index: int = 0


def _calls(given: Iterable[Any] | None, kind: type[_Call]) -> list[Any] | None:
    if given is None:
        return None
    return [kind(**call) if is_object(call) else call for call in given]


class Message(OpenAIObject):
    """The message of a response; append it to ``messages``."""

    content: str | None
    role: str
    tool_calls: list[ChatCompletionMessageToolCall] | None
    function_call: Function | None
    if TYPE_CHECKING:
        reasoning_content: str
        thinking_blocks: list[Any]
        provider_specific_fields: dict[str, Any] | None

    def __init__(
        self,
        /,
        content: Any = None,
        role: str = "assistant",
        function_call: Any = None,
        tool_calls: Iterable[Any] | None = None,
        **optional: Any,
    ) -> None:
        called = Function(**function_call) if is_object(function_call) else function_call
        super().__init__(
            content=content,
            role=role or "assistant",
            function_call=called,
            tool_calls=_calls(tool_calls, ChatCompletionMessageToolCall),
            provider_specific_fields=optional.pop("provider_specific_fields", None),
            **present(**optional),
        )

    def __contains__(self, key: object) -> bool:
        return False


class Delta(OpenAIObject):
    """What a chunk adds to a message."""

    content: str | None
    role: str | None
    function_call: Any
    tool_calls: list[ChatCompletionDeltaToolCall] | None
    if TYPE_CHECKING:
        reasoning_content: str
        thinking_blocks: list[Any]
        provider_specific_fields: dict[str, Any] | None

    def __init__(
        self,
        /,
        content: str | None = None,
        role: str | None = None,
        function_call: Any = None,
        tool_calls: Iterable[Any] | None = None,
        **optional: Any,
    ) -> None:
        super().__init__(
            content=content,
            role=role,
            function_call=function_call,
            tool_calls=_calls(tool_calls, ChatCompletionDeltaToolCall),
            provider_specific_fields=optional.pop("provider_specific_fields", None),
            **present(**optional),
        )

    def __contains__(self, key: object) -> bool:
        return False


class Choices(OpenAIObject):
    """One of ``n`` answers."""

    finish_reason: str
    index: int
    message: Message

    def __init__(
        self,
        /,
        finish_reason: str | None = None,
        index: int = 0,
        message: Any = None,
        logprobs: Any = None,
        **extra: Any,
    ) -> None:
        made = Message(**message) if is_object(message) else message or Message()
        super().__init__(
            finish_reason=finish_reason or "stop",
            index=index,
            message=made,
            **present(logprobs=logprobs),
            **extra,
        )


class StreamingChoices(OpenAIObject):
    """What a chunk adds to one of ``n`` answers."""

    finish_reason: str | None
    index: int
    delta: Delta
    logprobs: Any = None

    def __init__(
        self,
        /,
        finish_reason: str | None = None,
        index: int = 0,
        delta: Any = None,
        logprobs: Any = None,
        **extra: Any,
    ) -> None:
        made = Delta(**delta) if is_object(delta) else delta or Delta()
        super().__init__(
            finish_reason=finish_reason, index=index, delta=made, logprobs=logprobs, **extra
        )


class _Hidden(OpenAIObject):
    """What a dump does not show: price, headers, the provider's name."""

    _hidden_params: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])
    _response_headers: dict[str, Any] | None = PrivateAttr(default=None)
    _response_ms: float | None = PrivateAttr(default=None)

    def hide(self, **facts: Any) -> None:
        """Add to what a dump does not show."""
        self._hidden_params.update(facts)

    def record(self, headers: Mapping[str, str], milliseconds: float) -> None:
        """Keep what is known of the exchange."""
        self._response_headers, self._response_ms = dict(headers), milliseconds


class ModelResponseBase(_Hidden):
    """What whole and streamed responses have in common."""

    id: str
    created: int
    model: str | None = None
    object: str
    system_fingerprint: str | None = None

    if TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None: ...


def _stamp(id: str | None, created: int | None) -> dict[str, Any]:
    return {
        "id": id or f"chatcmpl-{uuid.uuid4()}",
        "created": int(time.time()) if created is None else created,
    }


def _usage(given: Any) -> Any:
    return Usage(**given) if is_object(given) and given else given


class ModelResponse(ModelResponseBase):
    """A whole response. ``usage`` is one of its extra fields."""

    choices: list[Choices]
    if TYPE_CHECKING:
        usage: Usage

    def __init__(
        self,
        /,
        id: str | None = None,
        choices: Iterable[Any] | None = None,
        created: int | None = None,
        model: str | None = None,
        object: str | None = None,
        usage: Any = None,
        hidden_params: Mapping[str, Any] | None = None,
        **extra: Any,
    ) -> None:
        made = [Choices(**each) if is_object(each) else each for each in choices or ()]
        super().__init__(
            **_stamp(id, created),
            choices=made or [Choices()],
            model=model,
            object=object or "chat.completion",
            usage=Usage() if usage is None else _usage(usage),
            **extra,
        )
        if hidden_params is not None:
            self._hidden_params = dict(hidden_params)


class ModelResponseStream(ModelResponseBase):
    """A chunk. It has ``usage`` only where that was asked for, at the end."""

    choices: list[StreamingChoices]
    if TYPE_CHECKING:
        usage: Usage

    def __init__(
        self,
        /,
        id: str | None = None,
        choices: Iterable[Any] | None = None,
        created: int | None = None,
        model: str | None = None,
        object: str | None = None,
        usage: Any = None,
        **extra: Any,
    ) -> None:
        made = [StreamingChoices(**each) if is_object(each) else each for each in choices or ()]
        super().__init__(
            **_stamp(id, created),
            choices=made or [StreamingChoices()],
            model=model,
            object=object or "chat.completion.chunk",
            **present(usage=_usage(usage)),
            **extra,
        )


class EmbeddingResponse(_Hidden):
    """Vectors; ``data`` holds plain dictionaries."""

    model: str | None = None
    data: list[dict[str, Any]]
    object: str = "list"
    usage: Usage | None = None


class TextChoices(OpenAIObject):
    """One of ``n`` texts."""

    finish_reason: str | None = None
    index: int = 0
    text: str | None = None
    logprobs: Any = None


class TextCompletionResponse(_Hidden):
    """What ``/completions`` answers."""

    id: str = ""
    object: str = "text_completion"
    created: int = 0
    model: str | None = None
    choices: list[TextChoices]
    usage: Usage | None = None


class RerankResponse(_Hidden):
    """Documents in their new order."""

    id: str | None = None
    results: list[dict[str, Any]] | None = None
    meta: dict[str, Any] | None = None


class GenericStreamingChunk(TypedDict, total=False):
    """The chunk of a custom handler, for annotations."""

    text: str
    is_finished: bool
    finish_reason: str
    usage: Any
    index: int
    tool_use: Any


_PROVIDERS = (
    *("openai", "azure", "anthropic", "cohere", "replicate", "gemini", "vertex_ai"),
    *("bedrock", "ollama", "ollama_chat", "groq", "mistral", "deepseek", "together_ai"),
    *("fireworks_ai", "openrouter", "xai", "perplexity", "cerebras", "huggingface", "hosted_vllm"),
    *("lm_studio", "nvidia_nim", "sambanova", "databricks", "custom_openai", "litellm_proxy"),
)
LlmProviders = StrEnum(  # type: ignore[misc] # mypy wants a literal, and the names are many
    "LlmProviders", {name.upper(): name for name in _PROVIDERS}
)
