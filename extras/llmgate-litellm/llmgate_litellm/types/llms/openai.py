"""Types for annotations, under litellm's path: dictionaries, and the Responses API's shape."""

from typing import Any, TypeAlias

from llmgate_litellm._responses import ResponsesAPIResponse

__all__ = [
    "AllMessageValues",
    "ChatCompletionAssistantMessage",
    "ChatCompletionSystemMessage",
    "ChatCompletionToolMessage",
    "ChatCompletionToolParam",
    "ChatCompletionUserMessage",
    "ResponsesAPIResponse",
]

ChatCompletionToolParam: TypeAlias = dict[str, Any]
ChatCompletionAssistantMessage: TypeAlias = dict[str, Any]
ChatCompletionSystemMessage: TypeAlias = dict[str, Any]
ChatCompletionToolMessage: TypeAlias = dict[str, Any]
ChatCompletionUserMessage: TypeAlias = dict[str, Any]
AllMessageValues: TypeAlias = dict[str, Any]
