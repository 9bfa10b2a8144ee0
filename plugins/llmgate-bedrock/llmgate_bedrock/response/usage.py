"""Converse's counts in OpenAI's; it invents none.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

from llmgate.provider.accumulate import beside
from llmgate.provider.kit import SideFields
from llmgate.types import PromptTokensDetails, Usage

__all__ = ["usage_of"]

_COUNTED = (
    *("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens"),
    *("cacheWriteInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"),
)


def usage_of(fields: SideFields) -> Usage | None:
    """The usage: the prompt with cache reads and writes. None without a count."""
    uncached, output = fields.integer("inputTokens"), fields.integer("outputTokens")
    read, written = fields.integer("cacheReadInputTokens"), fields.integer("cacheWriteInputTokens")
    if uncached is output is written is read is None:
        return None
    prompt = (uncached or 0) + (written or 0) + (read or 0)
    total = fields.integer("totalTokens")
    cached = None
    if read is not None or written is not None:
        cached = PromptTokensDetails(cached_tokens=read, cache_write_tokens=written)
    return Usage(
        prompt,
        output or 0,
        prompt + (output or 0) if total is None else total,
        cached,
        extra=beside(fields.others(*_COUNTED), Usage, "bedrock"),
    )
