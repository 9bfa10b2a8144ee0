"""Azure OpenAI and Microsoft Foundry, for llmgate. Public: :class:`AzureOpenAI`."""

from __future__ import annotations

from importlib import import_module

try:
    import_module("llmgate.provider")
except ImportError as error:
    raise ImportError(
        "llmgate-core is needed: the package 'llmgate' on the public index is another project, "
        "which has the same import name"
    ) from error

from llmgate_azure.provider import AzureOpenAI

__all__ = ["AzureOpenAI"]
