"""The names of litellm, on llmgate: ``import llmgate_litellm as litellm``.

:func:`install`, called once at the start of a program, makes ``import litellm`` give this module.
Settings are assigned to the module, as with litellm. What is not here raises AttributeError.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmgate_litellm import (
    _logging,
    cost_calculator,
    exceptions,
    integrations,
    litellm_core_utils,
    types,
    utils,
)
from llmgate_litellm._arguments import CHAT_PARAMETERS as OPENAI_CHAT_COMPLETION_PARAMS
from llmgate_litellm._cache import Cache
from llmgate_litellm._cost import completion_cost, cost_per_token, register_model
from llmgate_litellm._install import install, uninstall
from llmgate_litellm._models import (
    ModelCost,
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
from llmgate_litellm._responses import ResponsesAPIResponse, aresponses, responses
from llmgate_litellm._settings import initial
from llmgate_litellm._text import atext_completion, text_completion
from llmgate_litellm._tokens import decode, encode, token_counter
from llmgate_litellm.exceptions import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    BudgetExceededError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    InvalidRequestError,
    JSONSchemaValidationError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    Timeout,
    UnprocessableEntityError,
    UnsupportedParamsError,
)
from llmgate_litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from llmgate_litellm.main import (
    acompletion,
    aembedding,
    arerank,
    batch_completion,
    completion,
    embedding,
    rerank,
    stream_chunk_builder,
)
from llmgate_litellm.router import Router
from llmgate_litellm.types.utils import (
    ChatCompletionDeltaToolCall,
    ChatCompletionMessageToolCall,
    Choices,
    Delta,
    EmbeddingResponse,
    Function,
    LlmProviders,
    Message,
    ModelResponse,
    ModelResponseStream,
    StreamingChoices,
    TextCompletionResponse,
    Usage,
)

__all__ = [
    "LACKING",
    "OPENAI_CHAT_COMPLETION_PARAMS",
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "BudgetExceededError",
    "Cache",
    "ChatCompletionDeltaToolCall",
    "ChatCompletionMessageToolCall",
    "Choices",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "CustomStreamWrapper",
    "Delta",
    "EmbeddingResponse",
    "Function",
    "InternalServerError",
    "InvalidRequestError",
    "JSONSchemaValidationError",
    "LlmProviders",
    "Message",
    "ModelResponse",
    "ModelResponseStream",
    "NotFoundError",
    "OpenAIError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponsesAPIResponse",
    "Router",
    "ServiceUnavailableError",
    "StreamingChoices",
    "TextCompletionResponse",
    "Timeout",
    "UnprocessableEntityError",
    "UnsupportedParamsError",
    "Usage",
    "_logging",
    "acompletion",
    "aembedding",
    "arerank",
    "aresponses",
    "atext_completion",
    "batch_completion",
    "completion",
    "completion_cost",
    "cost_calculator",
    "cost_per_token",
    "decode",
    "embedding",
    "encode",
    "exceptions",
    "get_llm_provider",
    "get_max_tokens",
    "get_model_info",
    "get_secret_bool",
    "get_supported_openai_params",
    "install",
    "integrations",
    "litellm_core_utils",
    "register_model",
    "rerank",
    "responses",
    "stream_chunk_builder",
    "supports_audio_input",
    "supports_function_calling",
    "supports_reasoning",
    "supports_response_schema",
    "supports_vision",
    "text_completion",
    "token_counter",
    "types",
    "uninstall",
    "utils",
    "validate_environment",
]

model_cost: dict[str, dict[str, Any]] = ModelCost()
provider_list = list(LlmProviders)
model_list: list[str] = []
globals().update(initial())
if TYPE_CHECKING:  # what may be assigned
    api_base: str | None
    api_key: str | None
    api_version: str | None
    cache: Cache | None
    callbacks: list[Any]
    disable_aiohttp_transport: bool
    drop_params: bool
    failure_callback: list[Any]
    max_budget: float | None
    modify_params: bool
    num_retries: int | None
    organization: str | None
    request_timeout: float
    set_verbose: bool
    ssl_verify: bool | str | None
    success_callback: list[Any]
    suppress_debug_info: bool
    telemetry: bool


class _Lacking:
    """What cannot be had: it says so when it is called."""

    def __init__(self, name: str, instead: str) -> None:
        self._reason = f"litellm.{name} is not to be had on llmgate: {instead}"

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(self._reason)


LACKING = dict.fromkeys(
    [
        "aimage_generation",
        "amoderation",
        "aspeech",
        "atranscription",
        "image_generation",
        "moderation",
        "speech",
        "transcription",
    ],
    "call the provider's own SDK",
)
"""What is not to be had, and what to do instead."""
globals().update({name: _Lacking(name, instead) for name, instead in LACKING.items()})


def get_secret_bool(secret_name: str, default_value: bool | None = None) -> bool | None:
    """Whether a variable of the environment says true."""
    said = os.environ.get(secret_name)
    return default_value if said is None else said.strip().lower() in {"1", "true"}
