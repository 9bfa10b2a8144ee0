"""llmgate: one call for every language model.

    from llmgate import acompletion

    messages = [{"role": "user", "content": "Hi"}]
    response = await acompletion(model="openai/gpt-4o", messages=messages)

Importing this module imports nothing else: every name below is loaded when it is first used. Type
checkers and editors read the stub beside this file, which ``scripts/stubs.py`` makes.
"""

from __future__ import annotations

import sys as _sys

TYPE_CHECKING = False  # type checkers know the name; importing it from typing costs 10 ms
if TYPE_CHECKING:
    from types import ModuleType as _ModuleType
    from typing import Any

__version__ = "0.1.0"

_HOME = {
    "_core.client": ("Client",),
    "batch": ("BatchRecord", "abatch"),
    "batch_files": ("batch_file",),
    "_core.default": (
        "acompletion",
        "acount_tokens",
        "aembedding",
        "alist_models",
        "arerank",
        "completion",
        "count_tokens",
        "defaults",
        "embedding",
        "list_models",
        "rerank",
    ),
    "_core.hosts": ("add_host",),
    "_core.knowledge": ("model_info",),
    "_core.preview": ("Preview",),
    "_core.retry": ("RetryPolicy",),
    "_core.stream": ("Stream",),
    "_core.sync": ("SyncStream",),
    "cost": ("Cost",),
    "embeddings": ("Embedding", "Embeddings"),
    "hooks": ("LoggingHook", "StructlogHook"),
    "mcp": ("mcp_server",),
    "media": ("audio", "file", "image"),
    "models": ("Model", "ModelInfo", "ModelList", "TokenCount"),
    "options": ("Timeout",),
    "report": ("Deviation", "Report"),
    "reranking": ("RerankResult", "Reranking"),
    "_core.tool_rounds": ("SyncToolStream", "ToolLoopError", "ToolRun", "ToolStream"),
    "tool_loop": ("arun_tools", "run_tools"),
    "tools": ("Tool", "function_tool", "tool"),
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
        "OutputError",
        "OutputRefusedError",
        "OutputTruncatedError",
        "OutputValidationError",
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

__all__ = [*_MODULE_OF]  # noqa: PLE0604 # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        from llmgate._text.hints import missing_name  # noqa: PLC0415 - seldom

        raise missing_name(name, __all__)
    from importlib import import_module  # noqa: PLC0415 - not paid for by `import llmgate`

    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if not TYPE_CHECKING:
    _ModuleType = type(_sys)  # importing it from types costs more than all the rest


class _Module(_ModuleType):
    """The class of this module. The module has no settings: setting one here would have no
    effect."""

    def __setattr__(self, name: str, value: object) -> None:
        is_known = name in _MODULE_OF or name in self.__dict__ or name.startswith("_")
        if not (is_known or isinstance(value, _ModuleType)):  # a submodule that was imported
            from llmgate._core.foreign import describe_setting  # noqa: PLC0415 - as above

            reason = f"{self.__name__}.{name} cannot be set: {describe_setting(name)}"
            raise AttributeError(reason, name=name, obj=self)
        super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _Module
