"""What a call may contain: OpenAI's parameters, further options, and the call made of both.

These are declarations and values; ``_core.check`` checks them, ``_core.prepare`` applies them, and
``_core.arguments`` says what each means.
Source: the request bodies of OpenAI's "Create chat completion" and "Create embeddings", November
2026.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from llmgate._text.dataclass import slotted
from llmgate._text.json import is_number
from llmgate.errors import InvalidRequestError
from llmgate.report import Deviation, Policy

if TYPE_CHECKING:
    from llmgate.hooks import Hook
    from llmgate.messages import FunctionDefinition, MessageParam, ToolDefinition
    from llmgate.provider.http import Secret

__all__ = [
    "MEANINGFUL",
    "CallOptions",
    "ChatCall",
    "ChatParameters",
    "EmbeddingOptions",
    "EmbeddingParameters",
    "ListOptions",
    "Output",
    "OwnOptions",
    "RerankOptions",
    "RerankParameters",
    "Timeout",
]


@slotted
class Timeout:
    """Limits of one call, in seconds; None is no limit.

    ``total`` is the wall clock of the whole call with its retries, waits and stream. ``connect``
    bounds making a connection, ``first_token`` the time until the first token (comments and a delta
    with a role alone do not count), and ``idle`` the silence between two pieces. The time before a
    stream is read for the first time counts for ``total`` alone.
    """

    total: float | None = 600.0
    connect: float | None = 10.0
    first_token: float | None = None
    idle: float | None = 120.0

    def __post_init__(self) -> None:
        for name in ("total", "connect", "first_token", "idle"):
            value = getattr(self, name)
            is_duration = is_number(value) and 0 < value <= sys.float_info.max
            if value is not None and not is_duration:
                raise InvalidRequestError.expected(
                    "a positive number of seconds",
                    value,
                    "timeout" if name == "total" else f"timeout.{name}",
                )


class ChatParameters(TypedDict, total=False):
    """OpenAI's parameters of a chat completion, but for the model and the messages."""

    audio: dict[str, Any]
    frequency_penalty: float
    function_call: Literal["none", "auto"] | dict[str, Any]
    functions: list[FunctionDefinition]
    logit_bias: dict[Any, float]  # by token ids, as numbers or as text
    logprobs: bool
    max_completion_tokens: int
    max_tokens: int
    metadata: dict[str, str]
    modalities: list[str]
    moderation: dict[str, Any]
    n: int
    parallel_tool_calls: bool
    prediction: dict[str, Any]
    presence_penalty: float
    prompt_cache_key: str
    prompt_cache_options: dict[str, Any]
    prompt_cache_retention: str
    reasoning_effort: str
    response_format: Any  # a dictionary, or a type: no narrower type has unions of types
    safety_identifier: str
    seed: int
    service_tier: str
    stop: str | list[str]
    store: bool
    stream_options: dict[str, Any]
    temperature: float
    tool_choice: str | dict[str, Any]
    tools: list[ToolDefinition]
    top_logprobs: int
    top_p: float
    user: str
    verbosity: str
    web_search_options: dict[str, Any]


MEANINGFUL = frozenset(
    {"audio", "function_call", "functions", "modalities", "n", "response_format", "tools"}
)
"""The parameters that a completion's meaning depends on: if a provider lacks one, the call is
refused."""


class OwnOptions(TypedDict, total=False):
    """The keywords that are not a provider's parameters, and that every operation takes.

    The key, endpoint and limits given here hold for this call and override the client's.
    """

    api_key: str | Secret
    base_url: str
    api_base: str
    api_version: str
    provider_settings: Mapping[str, Any]
    timeout: float | Timeout
    max_retries: int
    extra_headers: Mapping[str, str]
    extra_body: Mapping[str, Any]
    unsupported: Policy
    hooks: Iterable[Hook]
    labels: Mapping[str, str | int | float | bool]
    force_timeout: float
    forceTimeout: float  # the spelling of the early form of this API
    logger_fn: Callable[[dict[str, Any]], object]
    verbose: bool


class CallOptions(ChatParameters, OwnOptions, total=False):
    """Every keyword of ``acompletion`` besides ``model``, ``messages`` and ``stream``."""

    hedge_after: float
    repair: int


class EmbeddingParameters(TypedDict, total=False):
    """OpenAI's parameters of an embedding call, and two that other providers add: ``input_type``
    and ``truncate``."""

    dimensions: int
    encoding_format: Literal["float", "base64"]
    input_type: str
    truncate: bool | str
    user: str


class EmbeddingOptions(EmbeddingParameters, OwnOptions, total=False):
    """Every keyword of ``aembedding`` beside ``model`` and ``input``."""

    hedge_after: float


class ListOptions(OwnOptions, total=False):
    """Every keyword of ``alist_models`` beside ``provider``."""

    max_age: float


class RerankParameters(TypedDict, total=False):
    """The parameters of a reranking that a provider is sent."""

    top_n: int
    truncate: bool


class RerankOptions(RerankParameters, OwnOptions, total=False):
    """Every keyword of ``arerank`` beside ``model``, ``query`` and ``documents``."""

    return_documents: bool


class Output(NamedTuple):
    """How a caller wants the response: as a value of a Python type, asked for again up to
    ``repair`` times."""

    kind: Any
    repair: int = 0


@dataclass(slots=True)
class ChatCall:
    """One call as it was asked for: checked, and with no provider chosen yet.

    ``model`` is the name that the caller gave, ``messages`` are dictionaries in OpenAI's format,
    and ``parameters`` holds the parameters that were given; schemas stand in place of Python types
    and functions. ``unsupported`` says what happens to a parameter that the provider lacks.
    ``timeout`` and ``max_retries`` are None where the client's hold. ``labels`` are the caller's
    own words for the call: middleware and hooks see them, and no provider does.

    ``settings`` are those of the provider that the caller had in mind (``api_key``, which is a
    :class:`~llmgate.provider.http.Secret`, ``base_url``, ``api_version``, and those of
    ``provider_settings``, each hidden until ``reveal()`` is called): whoever sends the call
    to another provider leaves them out, as in ``replace(call, model="other/model", settings={})``.
    They and ``extra_headers`` appear in no ``repr``, as they may hold credentials. ``deviations``
    are what was changed to read the call: each report of it begins with them. ``fallbacks`` are the
    models to be asked where ``model`` fails, in this order; the client sees to that behind the last
    middleware. ``output`` is the Python type that stands behind ``response_format``, if any: what
    middleware sees of a response is its text. ``hedge_after`` is after how many seconds without a
    response another one is asked for; likewise.
    """

    model: str
    messages: list[MessageParam]
    parameters: ChatParameters = field(default_factory=ChatParameters)
    stream: bool = False
    unsupported: Policy = "drop"
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: Timeout | None = None
    max_retries: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    hooks: tuple[Hook, ...] = ()
    labels: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, Any])
    deviations: tuple[Deviation, ...] = ()
    fallbacks: tuple[str, ...] = ()
    output: Output | None = None
    hedge_after: float | None = None

    @property
    def wants_usage_chunk(self) -> bool:
        """Whether its stream should end with OpenAI's usage chunk."""
        options = self.parameters.get("stream_options") or {}
        return bool(options.get("include_usage", False))
