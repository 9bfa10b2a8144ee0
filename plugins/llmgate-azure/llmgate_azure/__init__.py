"""Azure OpenAI and Microsoft Foundry, for llmgate. Public: :class:`AzureOpenAI`."""

from __future__ import annotations

from llmgate_azure.provider import AzureOpenAI

__all__ = ["AzureOpenAI"]
