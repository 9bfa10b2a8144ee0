"""Azure OpenAI and Microsoft Foundry, for llmgate. Public: :class:`AzureOpenAI`."""

from __future__ import annotations

try:
    from llmgate_azure.provider import AzureOpenAI
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["AzureOpenAI"]
