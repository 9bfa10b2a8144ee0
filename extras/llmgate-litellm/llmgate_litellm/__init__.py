"""The names of litellm, on llmgate: ``import llmgate_litellm as litellm``.

:func:`install`, called once at the start of a program, makes ``import litellm`` give this module.
Settings are assigned to the module, as with litellm. What is not here raises AttributeError.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
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
from llmgate_litellm._cache import Cache, disable_cache, enable_cache, update_cache
from llmgate_litellm._cost import completion_cost, cost_per_token, register_model
from llmgate_litellm._install import install, uninstall
from llmgate_litellm._models import (
    ModelCost,
    get_llm_provider,
    get_max_tokens,
    get_model_info,
    get_supported_openai_params,
    supports_audio_input,
    supports_audio_output,
    supports_function_calling,
    supports_parallel_function_calling,
    supports_pdf_input,
    supports_prompt_caching,
    supports_reasoning,
    supports_response_schema,
    supports_system_messages,
    supports_tool_choice,
    supports_vision,
    supports_web_search,
    validate_environment,
)
from llmgate_litellm._responses import ResponsesAPIResponse, aresponses, responses
from llmgate_litellm._settings import initial
from llmgate_litellm._several import (
    acompletion_with_retries,
    batch_completion_models,
    batch_completion_models_all_responses,
    completion_with_retries,
)
from llmgate_litellm._text import atext_completion, text_completion
from llmgate_litellm._tokens import decode, encode, token_counter
from llmgate_litellm._verbose import turn_on_debug as _turn_on_debug
from llmgate_litellm.exceptions import (
    LITELLM_EXCEPTION_TYPES,
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
    "LITELLM_EXCEPTION_TYPES",
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
    "_turn_on_debug",
    "acompletion",
    "acompletion_with_retries",
    "aembedding",
    "arerank",
    "aresponses",
    "atext_completion",
    "batch_completion",
    "batch_completion_models",
    "batch_completion_models_all_responses",
    "completion",
    "completion_cost",
    "completion_with_retries",
    "cost_calculator",
    "cost_per_token",
    "decode",
    "disable_cache",
    "embedding",
    "enable_cache",
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
    "supports_audio_output",
    "supports_function_calling",
    "supports_parallel_function_calling",
    "supports_pdf_input",
    "supports_prompt_caching",
    "supports_reasoning",
    "supports_response_schema",
    "supports_system_messages",
    "supports_tool_choice",
    "supports_vision",
    "supports_web_search",
    "text_completion",
    "token_counter",
    "types",
    "uninstall",
    "update_cache",
    "utils",
    "validate_environment",
    "verbose_logger",
]

model_cost: dict[str, dict[str, Any]] = ModelCost()
verbose_logger = _logging.verbose_logger
provider_list = list(LlmProviders)
model_list: list[str] = []
globals().update(initial())
if TYPE_CHECKING:  # what may be assigned
    _current_cost: float
    anthropic_key: str | None
    api_base: str | None
    api_key: str | None
    api_version: str | None
    cache: Cache | None
    callbacks: list[Any]
    disable_aiohttp_transport: bool
    drop_params: bool
    enable_json_schema_validation: bool
    failure_callback: list[Any]
    max_budget: float | None
    modify_params: bool
    num_retries: int | None
    openai_key: str | None
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

    def __mro_entries__(self, _: Any) -> Any:
        raise NotImplementedError(self._reason)


LACKING = {
    **dict.fromkeys(
        [
            *("aimage_edit", "aimage_generation", "amoderation", "aspeech", "atranscription"),
            *("image_edit", "image_generation", "image_variation", "moderation", "speech"),
            "transcription",
        ],
        "call the provider's own SDK",
    ),
    **dict.fromkeys(
        ["acreate_batch", "acreate_file", "create_batch", "create_file"],
        "llmgate.batch runs many calls, and resumes them",
    ),
    "BudgetManager": "litellm.max_budget holds for the process, and llmgate's "
    "Limits(Limit(spend=…, by=…)) for each user",
    "CustomLLM": "write a provider (llmgate new-provider), and install it",
    "check_valid_key": "llmgate.list_models(provider, api_key=…) raises AuthenticationError",
    "get_valid_models": "llmgate.list_models(provider) asks the provider",
}
"""What is not to be had, and what to do instead."""
globals().update({name: _Lacking(name, instead) for name, instead in LACKING.items()})


def get_secret_bool(secret_name: str, default_value: bool | None = None) -> bool | None:
    """Whether a variable of the environment says true."""
    said = os.environ.get(secret_name)
    return default_value if said is None else said.strip().lower() in {"1", "true"}


if not TYPE_CHECKING:

    def __getattr__(name):
        reason = f"litellm on llmgate has no {name!r}"
        near = get_close_matches(name, __all__, 1, 0.8)
        hint = (
            f"; did you mean {near[0]!r}?" if near else ": docs/from-litellm.md has what there is"
        )
        raise AttributeError(reason + hint, name=name)
