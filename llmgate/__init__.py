"""llmgate: one call for every language model.

    from llmgate import acompletion

    answer = await acompletion(model="openai/gpt-4o", messages=[{"role": "user", "content": "Hi"}])

Importing this does nothing but import this: every name below is loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; importing it from typing costs 10 ms
if TYPE_CHECKING:
    from typing import Any

    from llmgate._core.client import Client as Client
    from llmgate._core.default import acompletion as acompletion
    from llmgate._core.default import aembedding as aembedding
    from llmgate._core.default import alist_models as alist_models
    from llmgate._core.default import completion as completion
    from llmgate._core.default import defaults as defaults
    from llmgate._core.default import embedding as embedding
    from llmgate._core.default import list_models as list_models
    from llmgate._core.preview import Preview as Preview
    from llmgate._core.retry import RetryPolicy as RetryPolicy
    from llmgate._core.stream import Stream as Stream
    from llmgate._core.sync import SyncStream as SyncStream
    from llmgate.embeddings import Embedding as Embedding
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
    from llmgate.errors import LLMGateError as LLMGateError
    from llmgate.errors import MissingKeyError as MissingKeyError
    from llmgate.errors import NotFoundError as NotFoundError
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
    from llmgate.hooks import LoggingHook as LoggingHook
    from llmgate.hooks import StructlogHook as StructlogHook
    from llmgate.models import Model as Model
    from llmgate.models import ModelList as ModelList
    from llmgate.options import Timeout as Timeout
    from llmgate.report import Deviation as Deviation
    from llmgate.report import Report as Report
    from llmgate.tools import function_tool as function_tool
    from llmgate.types import Chunk as Chunk
    from llmgate.types import Completion as Completion
    from llmgate.types import Message as Message
    from llmgate.types import Usage as Usage

__version__ = "0.1.0"

_HOME = {
    "_core.client": ("Client",),
    "_core.default": (
        "acompletion",
        "aembedding",
        "alist_models",
        "completion",
        "defaults",
        "embedding",
        "list_models",
    ),
    "_core.preview": ("Preview",),
    "_core.retry": ("RetryPolicy",),
    "_core.stream": ("Stream",),
    "_core.sync": ("SyncStream",),
    "embeddings": ("Embedding", "Embeddings"),
    "hooks": ("LoggingHook", "StructlogHook"),
    "models": ("Model", "ModelList"),
    "options": ("Timeout",),
    "report": ("Deviation", "Report"),
    "tools": ("function_tool",),
    "types": ("Chunk", "Completion", "Message", "Usage"),
    "errors": (
        "AuthenticationError",
        "BadRequestError",
        "ClosedError",
        "ConflictError",
        "ConnectError",
        "ContentFilterError",
        "ContextWindowError",
        "DeadlineExceededError",
        "DecodeError",
        "InternalError",
        "InvalidRequestError",
        "LLMGateError",
        "MissingKeyError",
        "NotFoundError",
        "OverloadedError",
        "PermissionDeniedError",
        "PluginError",
        "ProtocolError",
        "ProviderError",
        "QuotaExceededError",
        "RateLimitError",
        "ReadError",
        "RequestError",
        "RequestTimeoutError",
        "ResponseTooLargeError",
        "ServerError",
        "StreamTruncatedError",
        "TLSError",
        "TransportError",
        "UnknownProviderError",
        "UnsupportedError",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "Chunk",
    "Client",
    "ClosedError",
    "Completion",
    "ConflictError",
    "ConnectError",
    "ContentFilterError",
    "ContextWindowError",
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
    "ModelList",
    "NotFoundError",
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
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Stream",
    "StreamTruncatedError",
    "StructlogHook",
    "SyncStream",
    "TLSError",
    "Timeout",
    "TransportError",
    "UnknownProviderError",
    "UnsupportedError",
    "Usage",
    "acompletion",
    "aembedding",
    "alist_models",
    "completion",
    "defaults",
    "embedding",
    "function_tool",
    "list_models",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - not paid for by `import llmgate`

    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
