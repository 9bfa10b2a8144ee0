# Made by scripts/stubs.py.
#
# The first overload that fits counts, and they overlap: ExactMessages are among MistakenMessages,
# and both among Messages, as llmgate/_typing.py explains. ``**unknown: Never`` takes nothing; by it
# pyright prefers these overloads for ``**settings`` of type ``dict[str, Any]``.
# mypy: disable-error-code="overload-overlap, override"
# pyright: reportOverlappingOverload=false, reportIncompatibleMethodOverride=false

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Never, TypedDict, Unpack, overload

from pydantic import TypeAdapter
from typing_extensions import deprecated

from llmgate._base_error import LLMGateError as LLMGateError
from llmgate._core.client import Client as _Client
from llmgate._core.default import defaults as defaults
from llmgate._core.hosts import add_host as add_host
from llmgate._core.knowledge import model_info as model_info
from llmgate._core.preview import Preview as Preview
from llmgate._core.retry import RetryPolicy as RetryPolicy
from llmgate._core.stream import Stream as Stream
from llmgate._core.sync import SyncStream as SyncStream
from llmgate._core.tool_rounds import SyncToolStream as SyncToolStream
from llmgate._core.tool_rounds import ToolLoopError as ToolLoopError
from llmgate._core.tool_rounds import ToolRun as ToolRun
from llmgate._core.tool_rounds import ToolStream as ToolStream
from llmgate._typing import (
    ExactMessages,
    ForMypy,
    ForPyright,
    Given,
    Messages,
    MistakenMessages,
    Parsed,
)
from llmgate.batch import BatchRecord as BatchRecord
from llmgate.batch import abatch as abatch
from llmgate.batch_files import batch_file as batch_file
from llmgate.cost import Cost as Cost
from llmgate.embeddings import Embedding as Embedding
from llmgate.embeddings import EmbeddingInput
from llmgate.embeddings import Embeddings as Embeddings
from llmgate.errors import AuthenticationError as AuthenticationError
from llmgate.errors import BadRequestError as BadRequestError
from llmgate.errors import ClosedError as ClosedError
from llmgate.errors import ConflictError as ConflictError
from llmgate.errors import ConnectError as ConnectError
from llmgate.errors import ContentFilterError as ContentFilterError
from llmgate.errors import ContextWindowError as ContextWindowError
from llmgate.errors import DeadlineExceededError as DeadlineExceededError
from llmgate.errors import DecodeError as DecodeError
from llmgate.errors import InternalError as InternalError
from llmgate.errors import InvalidRequestError as InvalidRequestError
from llmgate.errors import MissingKeyError as MissingKeyError
from llmgate.errors import NotFoundError as NotFoundError
from llmgate.errors import OutputError as OutputError
from llmgate.errors import OutputRefusedError as OutputRefusedError
from llmgate.errors import OutputTruncatedError as OutputTruncatedError
from llmgate.errors import OutputValidationError as OutputValidationError
from llmgate.errors import OverloadedError as OverloadedError
from llmgate.errors import PermissionDeniedError as PermissionDeniedError
from llmgate.errors import PluginError as PluginError
from llmgate.errors import ProtocolError as ProtocolError
from llmgate.errors import ProviderError as ProviderError
from llmgate.errors import QuotaExceededError as QuotaExceededError
from llmgate.errors import RateLimitError as RateLimitError
from llmgate.errors import ReadError as ReadError
from llmgate.errors import RequestError as RequestError
from llmgate.errors import RequestTimeoutError as RequestTimeoutError
from llmgate.errors import ResponseTooLargeError as ResponseTooLargeError
from llmgate.errors import ServerError as ServerError
from llmgate.errors import StreamTruncatedError as StreamTruncatedError
from llmgate.errors import TLSError as TLSError
from llmgate.errors import TransportError as TransportError
from llmgate.errors import UnknownProviderError as UnknownProviderError
from llmgate.errors import UnsupportedError as UnsupportedError
from llmgate.hooks import Hook
from llmgate.hooks import LoggingHook as LoggingHook
from llmgate.hooks import StructlogHook as StructlogHook
from llmgate.mcp import mcp_server as mcp_server
from llmgate.media import audio as audio
from llmgate.media import file as file
from llmgate.media import image as image
from llmgate.messages import FunctionDefinition, MessageLike, ToolDefinition
from llmgate.models import Model as Model
from llmgate.models import ModelInfo as ModelInfo
from llmgate.models import ModelList as ModelList
from llmgate.models import TokenCount as TokenCount
from llmgate.options import Timeout as Timeout
from llmgate.provider.http import Secret
from llmgate.report import Deviation as Deviation
from llmgate.report import Policy
from llmgate.report import Report as Report
from llmgate.reranking import RerankDocuments
from llmgate.reranking import Reranking as Reranking
from llmgate.reranking import RerankResult as RerankResult
from llmgate.tool_loop import arun_tools as arun_tools
from llmgate.tool_loop import run_tools as run_tools
from llmgate.tools import Tool as Tool
from llmgate.tools import function_tool as function_tool
from llmgate.tools import tool as tool
from llmgate.types import Chunk as Chunk
from llmgate.types import Completion as Completion
from llmgate.types import Message as Message
from llmgate.types import Usage as Usage

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "BatchRecord",
    "Chunk",
    "Client",
    "ClosedError",
    "Completion",
    "ConflictError",
    "ConnectError",
    "ContentFilterError",
    "ContextWindowError",
    "Cost",
    "DeadlineExceededError",
    "DecodeError",
    "Deviation",
    "Embedding",
    "Embeddings",
    "InternalError",
    "InvalidRequestError",
    "LLMGateError",
    "LoggingHook",
    "Message",
    "MissingKeyError",
    "Model",
    "ModelInfo",
    "ModelList",
    "NotFoundError",
    "OutputError",
    "OutputRefusedError",
    "OutputTruncatedError",
    "OutputValidationError",
    "OverloadedError",
    "PermissionDeniedError",
    "PluginError",
    "Preview",
    "ProtocolError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "ReadError",
    "Report",
    "RequestError",
    "RequestTimeoutError",
    "RerankResult",
    "Reranking",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Stream",
    "StreamTruncatedError",
    "StructlogHook",
    "SyncStream",
    "SyncToolStream",
    "TLSError",
    "Timeout",
    "TokenCount",
    "Tool",
    "ToolLoopError",
    "ToolRun",
    "ToolStream",
    "TransportError",
    "UnknownProviderError",
    "UnsupportedError",
    "Usage",
    "abatch",
    "acompletion",
    "acount_tokens",
    "add_host",
    "aembedding",
    "alist_models",
    "arerank",
    "arun_tools",
    "audio",
    "batch_file",
    "completion",
    "count_tokens",
    "defaults",
    "embedding",
    "file",
    "function_tool",
    "image",
    "list_models",
    "mcp_server",
    "model_info",
    "rerank",
    "run_tools",
    "tool",
]
__version__: str

class _Others(TypedDict, total=False):
    audio: dict[str, Any] | None
    frequency_penalty: float | None
    function_call: Literal["none", "auto"] | dict[str, Any] | None
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None
    logit_bias: Mapping[Any, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    metadata: Mapping[str, str] | None
    modalities: list[str] | tuple[str, ...] | None
    moderation: dict[str, Any] | None
    n: int | None
    parallel_tool_calls: bool | None
    prediction: dict[str, Any] | None
    presence_penalty: float | None
    prompt_cache_key: str | None
    prompt_cache_options: dict[str, Any] | None
    prompt_cache_retention: str | None
    reasoning_effort: str | None
    safety_identifier: str | None
    seed: int | None
    service_tier: str | None
    stop: str | list[str] | tuple[str, ...] | None
    store: bool | None
    stream_options: dict[str, Any] | None
    temperature: float | None
    tool_choice: str | dict[str, Any] | None
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None
    top_logprobs: int | None
    top_p: float | None
    user: str | None
    verbosity: str | None
    web_search_options: dict[str, Any] | None
    api_key: str | Secret | None
    base_url: str | None
    api_base: str | None
    api_version: str | None
    provider_settings: Mapping[str, Any] | None
    timeout: float | Timeout | None
    max_retries: int | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    unsupported: Policy | None
    hooks: Iterable[Hook] | None
    labels: Mapping[str, str | int | float | bool] | None
    force_timeout: float | None
    forceTimeout: float | None
    logger_fn: Callable[[dict[str, Any]], object] | None
    verbose: bool | None
    hedge_after: float | None
    repair: int | None
    azure: bool | None
    replicate: bool | None

class _Keywords(_Others, total=False):
    response_format: object

class Client(_Client):
    @overload
    async def acompletion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]:
        """A model's completion of a conversation, in OpenAI's shape.

        An argument that is None counts as absent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
                passes unchanged.
        """
    @overload
    async def acompletion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    async def acompletion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    async def acompletion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> Stream: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    async def acompletion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    async def acompletion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    async def acompletion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    async def acompletion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> Stream: ...
    @overload
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]: ...
    @overload
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> Stream: ...
    @overload
    async def acompletion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: ForMypy | None,
        **keywords: Unpack[_Keywords],
    ) -> Completion[Any] | Stream:
        """A model's completion of a conversation, in OpenAI's shape.

        An argument that is None counts as absent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
                passes unchanged.
        """
    @overload
    def completion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]:
        """:meth:`acompletion` for code that is not async; it also works while a loop is running.

        An argument that is None counts as absent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`.
        """
    @overload
    def completion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    def completion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    def completion(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> SyncStream: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    def completion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    def completion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    def completion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    def completion(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> SyncStream: ...
    @overload
    def completion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
        azure: bool | None = None,
        replicate: bool | None = None,
        **unknown: Never,
    ) -> Completion[Any]: ...
    @overload
    def completion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        response_format: type[Parsed] | TypeAdapter[Parsed],
        **keywords: Unpack[_Others],
    ) -> Completion[Parsed]: ...
    @overload
    def completion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[False] | None = False,
        response_format: object,
        **keywords: Unpack[_Others],
    ) -> Completion[Any]: ...
    @overload
    def completion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: Literal[True],
        **keywords: Unpack[_Keywords],
    ) -> SyncStream: ...
    @overload
    def completion(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: ForMypy | None,
        **keywords: Unpack[_Keywords],
    ) -> Completion[Any] | SyncStream:
        """:meth:`acompletion` for code that is not async; it also works while a loop is running.

        An argument that is None counts as absent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`.
        """
    @overload
    def preview(
        self,
        model: ForPyright,
        messages: ExactMessages,
        *,
        stream: bool | None = False,
        **keywords: Unpack[_Keywords],
    ) -> Preview:
        """The request that :meth:`acompletion` would send without middleware, byte for byte;
        nothing is sent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: whatever the call would raise before sending, except for a missing key.
        """
    @overload
    @deprecated("a message has a wrong role, a wrong key or a wrong value")
    def preview(
        self,
        model: ForPyright,
        messages: MistakenMessages,
        *,
        stream: bool | None = False,
        **keywords: Unpack[_Keywords],
    ) -> Preview: ...
    @overload
    def preview(
        self,
        model: str | Sequence[str],
        messages: Messages[Given],
        *,
        stream: bool | None = False,
        **keywords: Unpack[_Keywords],
    ) -> Preview:
        """The request that :meth:`acompletion` would send without middleware, byte for byte;
        nothing is sent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            stream: Whether the completion comes in chunks while the model writes it.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: whatever the call would raise before sending, except for a missing key.
        """
    async def acount_tokens(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Any | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
    ) -> TokenCount:
        """The number of tokens in the prompt of a call, tools included; no completion is made.

        The provider counts where it can. Elsewhere the result is marked as an estimate: from the
        bytes of the prompt, and from the usage of this client's calls since the first count.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, as for every call.
        """
    def count_tokens(
        self,
        model: str,
        messages: Iterable[MessageLike],
        *,
        audio: dict[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
        functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
        logit_bias: Mapping[Any, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: list[str] | tuple[str, ...] | None = None,
        moderation: dict[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: dict[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: dict[str, Any] | None = None,
        prompt_cache_retention: str | None = None,
        reasoning_effort: str | None = None,
        response_format: Any | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | list[str] | tuple[str, ...] | None = None,
        store: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: str | None = None,
        web_search_options: dict[str, Any] | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
        repair: int | None = None,
    ) -> TokenCount:
        """:meth:`acount_tokens` for code that is not async.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
                completions unchanged.
            audio: The voice and format of spoken output, if ``modalities`` asks for it.
            frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
                have occurred.
            function_call: The legacy form of ``tool_choice``.
            functions: The legacy form of ``tools``.
            logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
            logprobs: Whether the log probability of each output token is returned.
            max_completion_tokens: The most tokens that the model may write, reasoning included.
            max_tokens: The most tokens that the model may write; the older name of
                ``max_completion_tokens``.
            metadata: Up to 16 pairs of strings that the provider stores with the completion.
            modalities: The kinds of output: ``"text"``, ``"audio"``.
            moderation: How the provider moderates the call, as the provider's own object.
            n: How many choices are returned; each is billed.
            parallel_tool_calls: Whether one response may call several tools.
            prediction: Text that the output will mostly repeat, which makes it faster.
            presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
                likely.
            prompt_cache_key: A key that calls with a common beginning share, so that they find the
                prompt cache.
            prompt_cache_options: How the prompt cache is used, as the provider's own object.
            prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
            reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
                ``"high"``.
            response_format: A pydantic model or another Python type, whose value is then in
                ``parsed``; or OpenAI's object. The output is JSON that fits it.
            safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
            seed: The same seed and parameters give the same output, as far as the provider can.
            service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
                ``"priority"``.
            stop: Up to four strings at which the output ends; they are not part of it.
            store: Whether the provider stores the completion.
            stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
                usage. ``stream.usage`` has the usage in any case.
            temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
                2.
            tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
            tools: The tools that the model may call: Python functions, or OpenAI's objects.
            top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
                20.
            top_p: Sample only from the likeliest tokens that together have this probability.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
            web_search_options: How the model searches the web, if it does, as OpenAI's object.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
            repair: How often the model is asked again when its response does not fit the type in
                ``response_format``; it is told what is wrong. 0 by default.
        """
    async def aembedding(
        self,
        model: str | Sequence[str],
        input: EmbeddingInput,
        *,
        dimensions: int | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        input_type: str | None = None,
        truncate: bool | str | None = None,
        user: str | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
    ) -> Embeddings:
        """The embeddings of texts, in OpenAI's shape and in the order of the input.

        An argument that is None counts as absent.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            input: A string, a list of strings, the token ids of a text, or a list of those. More
                than the provider takes in one request are sent in several, within one deadline.
            dimensions: The length of each vector.
            encoding_format: How vectors are sent; they are decoded to floats in any case.
            input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
                word.
            truncate: Whether a text that is too long is cut, or on which side.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.

        Raises:
            LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
                passes unchanged.
        """
    def embedding(
        self,
        model: str | Sequence[str],
        input: EmbeddingInput,
        *,
        dimensions: int | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        input_type: str | None = None,
        truncate: bool | str | None = None,
        user: str | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        hedge_after: float | None = None,
    ) -> Embeddings:
        """:meth:`aembedding` for code that is not async; it also works while a loop is running.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            input: A string, a list of strings, the token ids of a text, or a list of those. More
                than the provider takes in one request are sent in several, within one deadline.
            dimensions: The length of each vector.
            encoding_format: How vectors are sent; they are decoded to floats in any case.
            input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
                word.
            truncate: Whether a text that is too long is cut, or on which side.
            user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
                replace it.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            hedge_after: Seconds without a response after which the call is made a second time, to
                the next model of a list if there is one; the first response wins.
        """
    async def arerank(
        self,
        model: str,
        query: str,
        documents: RerankDocuments,
        *,
        top_n: int | None = None,
        truncate: bool | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        return_documents: bool | None = None,
    ) -> Reranking:
        """Documents ordered by their relevance to a query, the most relevant first.

        An argument that is None counts as absent. All documents go in one request, since scores
        from different requests cannot be compared.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            query: The text that the documents are compared with.
            documents: Strings, or objects with a ``text`` (or other fields, if the provider takes
                them).
            top_n: How many of the most relevant documents are returned; by default all.
            truncate: Whether a text that is too long is cut, or on which side.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            return_documents: Whether each result holds its document.

        Raises:
            UnsupportedError: when the provider does not rerank documents.
            LLMGateError: of one of the other kinds, as for every call.
        """
    def rerank(
        self,
        model: str,
        query: str,
        documents: RerankDocuments,
        *,
        top_n: int | None = None,
        truncate: bool | None = None,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        return_documents: bool | None = None,
    ) -> Reranking:
        """:meth:`arerank` for code that is not async; it also works while a loop is running.

        Args:
            model: ``provider/model``, an unprefixed name that an installed provider claims, or a
                name from the client's ``models``. Given a list, each next model is asked when the
                one before fails.
            query: The text that the documents are compared with.
            documents: Strings, or objects with a ``text`` (or other fields, if the provider takes
                them).
            top_n: How many of the most relevant documents are returned; by default all.
            truncate: Whether a text that is too long is cut, or on which side.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            return_documents: Whether each result holds its document.
        """
    async def alist_models(
        self,
        provider: str | None = None,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        max_age: float | None = None,
    ) -> ModelList:
        """The models that a provider lists, or those of every provider that has a key.

        An argument that is None counts as absent.

        Args:
            provider: The provider's name. Without one, all known providers that can list their
                models are asked at once; those without a key are left out, and other failures are
                in the list's ``errors``.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            max_age: How old, in seconds, a list may be that this client received before; by default
                a new one is requested.

        Raises:
            UnsupportedError: when the provider does not list its models.
            LLMGateError: of one of the other kinds, as for every call.
        """
    def list_models(
        self,
        provider: str | None = None,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        provider_settings: Mapping[str, Any] | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        unsupported: Policy | None = None,
        hooks: Iterable[Hook] | None = None,
        labels: Mapping[str, str | int | float | bool] | None = None,
        force_timeout: float | None = None,
        forceTimeout: float | None = None,
        logger_fn: Callable[[dict[str, Any]], object] | None = None,
        verbose: bool | None = None,
        max_age: float | None = None,
    ) -> ModelList:
        """:meth:`alist_models` for code that is not async.

        Args:
            provider: The provider's name. Without one, all known providers that can list their
                models are asked at once; those without a key are left out, and other failures are
                in the list's ``errors``.
            api_key: The provider's key for this call, instead of the one from the environment.
            base_url: The address of the provider's API for this call.
            api_base: An earlier name of ``base_url``.
            api_version: The version of the provider's API, where it has one.
            provider_settings: Further arguments of the provider's factory, by name.
            timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
            max_retries: How many times a failed request is retried.
            extra_headers: Headers that are sent in addition to the provider's own.
            extra_body: Fields that are merged into the request's body last, unchecked.
            unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
                support; ``"raise"`` refuses the call.
            hooks: Callables that receive each event of this call, after those of the client.
            labels: Your own words for this call: middleware and hooks see them, providers do
                not.
            force_timeout: An earlier name of ``timeout``.
            forceTimeout: An earlier name of ``timeout``.
            logger_fn: A function that receives each event of this call as a dictionary.
            verbose: Whether this call's events, with prompt and output, go to standard
                error.
            max_age: How old, in seconds, a list may be that this client received before; by default
                a new one is requested.
        """

@overload
async def acompletion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]:
    """A model's completion of a conversation, in OpenAI's shape.

    An argument that is None counts as absent.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        stream: Whether the completion comes in chunks while the model writes it.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
            passes unchanged.
    """

@overload
async def acompletion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
async def acompletion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
async def acompletion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> Stream: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
async def acompletion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
async def acompletion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
async def acompletion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
async def acompletion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> Stream: ...
@overload
async def acompletion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]: ...
@overload
async def acompletion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
async def acompletion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
async def acompletion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> Stream: ...
@overload
async def acompletion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: ForMypy | None,
    **keywords: Unpack[_Keywords],
) -> Completion[Any] | Stream:
    """A model's completion of a conversation, in OpenAI's shape.

    An argument that is None counts as absent.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        stream: Whether the completion comes in chunks while the model writes it.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
            passes unchanged.
    """

@overload
def completion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]:
    """:func:`acompletion` for code that is not async; it also works while a loop is running.

    An argument that is None counts as absent.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        stream: Whether the completion comes in chunks while the model writes it.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`.
    """

@overload
def completion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
def completion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
def completion(
    model: ForPyright,
    messages: ExactMessages,
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> SyncStream: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
def completion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
def completion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
def completion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
@deprecated("a message has a wrong role, a wrong key or a wrong value")
def completion(
    model: ForPyright,
    messages: MistakenMessages,
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> SyncStream: ...
@overload
def completion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Mapping[str, Any] | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
    azure: bool | None = None,
    replicate: bool | None = None,
    **unknown: Never,
) -> Completion[Any]: ...
@overload
def completion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    response_format: type[Parsed] | TypeAdapter[Parsed],
    **keywords: Unpack[_Others],
) -> Completion[Parsed]: ...
@overload
def completion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[False] | None = False,
    response_format: object,
    **keywords: Unpack[_Others],
) -> Completion[Any]: ...
@overload
def completion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: Literal[True],
    **keywords: Unpack[_Keywords],
) -> SyncStream: ...
@overload
def completion(
    model: str | Sequence[str],
    messages: Messages[Given],
    *,
    stream: ForMypy | None,
    **keywords: Unpack[_Keywords],
) -> Completion[Any] | SyncStream:
    """:func:`acompletion` for code that is not async; it also works while a loop is running.

    An argument that is None counts as absent.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        stream: Whether the completion comes in chunks while the model writes it.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`.
    """

async def acount_tokens(
    model: str,
    messages: Iterable[MessageLike],
    *,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Any | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
) -> TokenCount:
    """The number of tokens in the prompt of a call, tools included; no completion is made.

    The provider counts where it can. Elsewhere the result is marked as an estimate: from the
    bytes of the prompt, and from the usage of this client's calls since the first count.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`, as for every call.
    """

def count_tokens(
    model: str,
    messages: Iterable[MessageLike],
    *,
    audio: dict[str, Any] | None = None,
    frequency_penalty: float | None = None,
    function_call: Literal["none", "auto"] | dict[str, Any] | None = None,
    functions: Iterable[FunctionDefinition | Mapping[str, Any]] | None = None,
    logit_bias: Mapping[Any, float] | None = None,
    logprobs: bool | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    metadata: Mapping[str, str] | None = None,
    modalities: list[str] | tuple[str, ...] | None = None,
    moderation: dict[str, Any] | None = None,
    n: int | None = None,
    parallel_tool_calls: bool | None = None,
    prediction: dict[str, Any] | None = None,
    presence_penalty: float | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_options: dict[str, Any] | None = None,
    prompt_cache_retention: str | None = None,
    reasoning_effort: str | None = None,
    response_format: Any | None = None,
    safety_identifier: str | None = None,
    seed: int | None = None,
    service_tier: str | None = None,
    stop: str | list[str] | tuple[str, ...] | None = None,
    store: bool | None = None,
    stream_options: dict[str, Any] | None = None,
    temperature: float | None = None,
    tool_choice: str | dict[str, Any] | None = None,
    tools: Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]] | None = None,
    top_logprobs: int | None = None,
    top_p: float | None = None,
    user: str | None = None,
    verbosity: str | None = None,
    web_search_options: dict[str, Any] | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
    repair: int | None = None,
) -> TokenCount:
    """:func:`acount_tokens` for code that is not async.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
            completions unchanged.
        audio: The voice and format of spoken output, if ``modalities`` asks for it.
        frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
            have occurred.
        function_call: The legacy form of ``tool_choice``.
        functions: The legacy form of ``tools``.
        logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
        logprobs: Whether the log probability of each output token is returned.
        max_completion_tokens: The most tokens that the model may write, reasoning included.
        max_tokens: The most tokens that the model may write; the older name of
            ``max_completion_tokens``.
        metadata: Up to 16 pairs of strings that the provider stores with the completion.
        modalities: The kinds of output: ``"text"``, ``"audio"``.
        moderation: How the provider moderates the call, as the provider's own object.
        n: How many choices are returned; each is billed.
        parallel_tool_calls: Whether one response may call several tools.
        prediction: Text that the output will mostly repeat, which makes it faster.
        presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
            likely.
        prompt_cache_key: A key that calls with a common beginning share, so that they find the
            prompt cache.
        prompt_cache_options: How the prompt cache is used, as the provider's own object.
        prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
        reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
            ``"high"``.
        response_format: A pydantic model or another Python type, whose value is then in
            ``parsed``; or OpenAI's object. The output is JSON that fits it.
        safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
        seed: The same seed and parameters give the same output, as far as the provider can.
        service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
            ``"priority"``.
        stop: Up to four strings at which the output ends; they are not part of it.
        store: Whether the provider stores the completion.
        stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
            usage. ``stream.usage`` has the usage in any case.
        temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
            2.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
        tools: The tools that the model may call: Python functions, or OpenAI's objects.
        top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
            20.
        top_p: Sample only from the likeliest tokens that together have this probability.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
        web_search_options: How the model searches the web, if it does, as OpenAI's object.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
        repair: How often the model is asked again when its response does not fit the type in
            ``response_format``; it is told what is wrong. 0 by default.
    """

async def aembedding(
    model: str | Sequence[str],
    input: EmbeddingInput,
    *,
    dimensions: int | None = None,
    encoding_format: Literal["float", "base64"] | None = None,
    input_type: str | None = None,
    truncate: bool | str | None = None,
    user: str | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
) -> Embeddings:
    """The embeddings of texts, in OpenAI's shape and in the order of the input.

    An argument that is None counts as absent.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        input: A string, a list of strings, the token ids of a text, or a list of those. More
            than the provider takes in one request are sent in several, within one deadline.
        dimensions: The length of each vector.
        encoding_format: How vectors are sent; they are decoded to floats in any case.
        input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
            word.
        truncate: Whether a text that is too long is cut, or on which side.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.

    Raises:
        LLMGateError: one of the kinds in :mod:`llmgate.errors`, and nothing else; cancellation
            passes unchanged.
    """

def embedding(
    model: str | Sequence[str],
    input: EmbeddingInput,
    *,
    dimensions: int | None = None,
    encoding_format: Literal["float", "base64"] | None = None,
    input_type: str | None = None,
    truncate: bool | str | None = None,
    user: str | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    hedge_after: float | None = None,
) -> Embeddings:
    """:func:`aembedding` for code that is not async; it also works while a loop is running.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        input: A string, a list of strings, the token ids of a text, or a list of those. More
            than the provider takes in one request are sent in several, within one deadline.
        dimensions: The length of each vector.
        encoding_format: How vectors are sent; they are decoded to floats in any case.
        input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
            word.
        truncate: Whether a text that is too long is cut, or on which side.
        user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
            replace it.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        hedge_after: Seconds without a response after which the call is made a second time, to
            the next model of a list if there is one; the first response wins.
    """

async def arerank(
    model: str,
    query: str,
    documents: RerankDocuments,
    *,
    top_n: int | None = None,
    truncate: bool | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    return_documents: bool | None = None,
) -> Reranking:
    """Documents ordered by their relevance to a query, the most relevant first.

    An argument that is None counts as absent. All documents go in one request, since scores
    from different requests cannot be compared.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        query: The text that the documents are compared with.
        documents: Strings, or objects with a ``text`` (or other fields, if the provider takes
            them).
        top_n: How many of the most relevant documents are returned; by default all.
        truncate: Whether a text that is too long is cut, or on which side.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        return_documents: Whether each result holds its document.

    Raises:
        UnsupportedError: when the provider does not rerank documents.
        LLMGateError: of one of the other kinds, as for every call.
    """

def rerank(
    model: str,
    query: str,
    documents: RerankDocuments,
    *,
    top_n: int | None = None,
    truncate: bool | None = None,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    return_documents: bool | None = None,
) -> Reranking:
    """:func:`arerank` for code that is not async; it also works while a loop is running.

    Args:
        model: ``provider/model``, an unprefixed name that an installed provider claims, or a
            name from the client's ``models``. Given a list, each next model is asked when the
            one before fails.
        query: The text that the documents are compared with.
        documents: Strings, or objects with a ``text`` (or other fields, if the provider takes
            them).
        top_n: How many of the most relevant documents are returned; by default all.
        truncate: Whether a text that is too long is cut, or on which side.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        return_documents: Whether each result holds its document.
    """

async def alist_models(
    provider: str | None = None,
    *,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    max_age: float | None = None,
) -> ModelList:
    """The models that a provider lists, or those of every provider that has a key.

    An argument that is None counts as absent.

    Args:
        provider: The provider's name. Without one, all known providers that can list their
            models are asked at once; those without a key are left out, and other failures are
            in the list's ``errors``.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        max_age: How old, in seconds, a list may be that this client received before; by default
            a new one is requested.

    Raises:
        UnsupportedError: when the provider does not list its models.
        LLMGateError: of one of the other kinds, as for every call.
    """

def list_models(
    provider: str | None = None,
    *,
    api_key: str | Secret | None = None,
    base_url: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    provider_settings: Mapping[str, Any] | None = None,
    timeout: float | Timeout | None = None,
    max_retries: int | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    unsupported: Policy | None = None,
    hooks: Iterable[Hook] | None = None,
    labels: Mapping[str, str | int | float | bool] | None = None,
    force_timeout: float | None = None,
    forceTimeout: float | None = None,
    logger_fn: Callable[[dict[str, Any]], object] | None = None,
    verbose: bool | None = None,
    max_age: float | None = None,
) -> ModelList:
    """:func:`alist_models` for code that is not async.

    Args:
        provider: The provider's name. Without one, all known providers that can list their
            models are asked at once; those without a key are left out, and other failures are
            in the list's ``errors``.
        api_key: The provider's key for this call, instead of the one from the environment.
        base_url: The address of the provider's API for this call.
        api_base: An earlier name of ``base_url``.
        api_version: The version of the provider's API, where it has one.
        provider_settings: Further arguments of the provider's factory, by name.
        timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
        max_retries: How many times a failed request is retried.
        extra_headers: Headers that are sent in addition to the provider's own.
        extra_body: Fields that are merged into the request's body last, unchecked.
        unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
            support; ``"raise"`` refuses the call.
        hooks: Callables that receive each event of this call, after those of the client.
        labels: Your own words for this call: middleware and hooks see them, providers do
            not.
        force_timeout: An earlier name of ``timeout``.
        forceTimeout: An earlier name of ``timeout``.
        logger_fn: A function that receives each event of this call as a dictionary.
        verbose: Whether this call's events, with prompt and output, go to standard
            error.
        max_age: How old, in seconds, a list may be that this client received before; by default
            a new one is requested.
    """
