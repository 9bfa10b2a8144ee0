"""The names of spans, attributes and metrics, and their buckets; nothing else spells them out.

Two generations live side by side: ``stable`` names are what OpenTelemetry's own packages emit today
and back ends read, ``latest`` those of the repository of the conventions for generative AI. They
differ in the metrics. Source: open-telemetry/semantic-conventions-genai; opentelemetry-util-genai.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

__all__ = ["GENERATIONS", "Generation", "MetricNames"]

Generation: TypeAlias = Literal["stable", "latest"]
OPT_IN = "gen_ai_latest_experimental"
"""What ``OTEL_SEMCONV_EXPERIMENTAL_OPT_IN`` holds where the latest names are wanted."""

SCOPE = "llmgate"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
CHOICE_COUNT = "gen_ai.request.choice.count"
OUTPUT_TYPE = "gen_ai.output.type"
DIMENSION_COUNT = "gen_ai.embeddings.dimension.count"
ENCODING_FORMATS = "gen_ai.request.encoding_formats"
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "frequency_penalty": "gen_ai.request.frequency_penalty",
        "max_completion_tokens": "gen_ai.request.max_tokens",
        "max_tokens": "gen_ai.request.max_tokens",
        "presence_penalty": "gen_ai.request.presence_penalty",
        "reasoning_effort": "gen_ai.request.reasoning.level",
        "seed": "gen_ai.request.seed",
        "temperature": "gen_ai.request.temperature",
        "top_p": "gen_ai.request.top_p",
    }
)
"""The parameters that are recorded as they are."""
OF_BODY: Mapping[str, str] = MappingProxyType(
    {
        "previous_response_id": "gen_ai.request.previous_response.id",
        "top_k": "gen_ai.request.top_k",
    }
)
"""Those of them that stand in ``extra_body``, as OpenAI's chats have no such parameter."""
OWN_LABELS = "gen_ai."
"""Labels of a call that begin so are attributes: ``gen_ai.conversation.id``, for example."""

RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
OPENAI_REQUEST_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_TIER = "openai.response.service_tier"
OPENAI_FINGERPRINT = "openai.response.system_fingerprint"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"

MODALITIES = ("text", "image", "audio")
BY_MODALITY: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        kind: MappingProxyType(
            {each: kind.replace("gen_ai.usage", f"gen_ai.usage.{each}") for each in MODALITIES}
        )
        for kind in (INPUT_TOKENS, OUTPUT_TOKENS)
    }
)
"""The same for the tokens of one modality, by the name for all and by the modality."""

INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
DETAILS_EVENT = "gen_ai.client.inference.operation.details"
EXCEPTION_EVENT = "gen_ai.client.operation.exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"

HTTP_METHOD = "http.request.method"
HTTP_URL = "url.full"
HTTP_STATUS = "http.response.status_code"
HTTP_RESEND_COUNT = "http.request.resend_count"

TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - no password
TOKEN_MODALITY = "gen_ai.token.modality"  # noqa: S105 - likewise

CHAT, EMBEDDINGS, RERANK = "chat", "embeddings", "rerank"  # the last is llmgate's own

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "bedrock": "aws.bedrock",
        "gemini": "gcp.gemini",
        "mistral": "mistral_ai",
        "moonshot": "moonshot_ai",
        "vertex": "gcp.vertex_ai",
        "watsonx": "ibm.watsonx.ai",
        "xai": "x_ai",
    }
)
"""The providers that the conventions spell in another way than llmgate does."""
OPENAIS = frozenset({"openai", "azure.ai.openai"})
"""The providers that have OpenAI's own attributes, by their names in the conventions."""
IN_PROCESS = frozenset({"local"})
"""The providers whose models run on this machine, under this process."""

SECONDS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12),
    *(10.24, 20.48, 40.96, 81.92),
)
TOKENS = tuple(4**power for power in range(14))
"""The boundaries of histograms' buckets."""


@dataclass(frozen=True, slots=True)
class MetricNames:
    """The metrics of one generation. Tokens are a histogram in ``tokens``, or counters by the kind
    of tokens in ``counters``."""

    duration: str
    first_chunk: str
    per_chunk: str
    tokens: str | None
    counters: Mapping[str, str]


_LATEST = "gen_ai.client.inference"
GENERATIONS: Mapping[Generation, MetricNames] = MappingProxyType(
    {
        "stable": MetricNames(
            "gen_ai.client.operation.duration",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.operation.time_per_output_chunk",
            "gen_ai.client.token.usage",
            MappingProxyType({}),
        ),
        "latest": MetricNames(
            f"{_LATEST}.duration",
            f"{_LATEST}.time_to_first_chunk",
            f"{_LATEST}.time_per_output_chunk",
            None,
            MappingProxyType(
                {
                    kind: kind.replace("gen_ai.usage", f"{_LATEST}.usage")
                    for kind in (INPUT_TOKENS, OUTPUT_TOKENS, CACHE_READ, CACHE_WRITE, REASONING)
                }
            ),
        ),
    }
)
