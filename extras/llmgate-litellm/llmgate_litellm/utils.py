"""litellm's helpers and shapes, under its path."""

from llmgate_litellm._builder import stream_chunk_builder
from llmgate_litellm._cost import register_model
from llmgate_litellm._models import (
    get_llm_provider,
    get_max_tokens,
    get_model_info,
    get_supported_openai_params,
    supports_audio_input,
    supports_function_calling,
    supports_reasoning,
    supports_response_schema,
    supports_vision,
    validate_environment,
)
from llmgate_litellm._tokens import decode, encode, token_counter
from llmgate_litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from llmgate_litellm.types.utils import (
    ChatCompletionDeltaToolCall,
    ChatCompletionMessageToolCall,
    Choices,
    Delta,
    EmbeddingResponse,
    Function,
    Message,
    ModelResponse,
    ModelResponseStream,
    StreamingChoices,
    TextCompletionResponse,
    Usage,
)

__all__ = [
    "ChatCompletionDeltaToolCall",
    "ChatCompletionMessageToolCall",
    "Choices",
    "CustomStreamWrapper",
    "Delta",
    "EmbeddingResponse",
    "Function",
    "Message",
    "ModelResponse",
    "ModelResponseStream",
    "StreamingChoices",
    "TextCompletionResponse",
    "Usage",
    "decode",
    "encode",
    "get_llm_provider",
    "get_max_tokens",
    "get_model_info",
    "get_supported_openai_params",
    "register_model",
    "stream_chunk_builder",
    "supports_audio_input",
    "supports_function_calling",
    "supports_reasoning",
    "supports_response_schema",
    "supports_vision",
    "token_counter",
    "validate_environment",
]
