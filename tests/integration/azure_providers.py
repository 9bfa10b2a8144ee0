"""The Azure provider as its tests make it."""

from __future__ import annotations

from typing import Any

from llmgate.messages import MessageParam
from llmgate_azure import AzureOpenAI

HOST = "https://mine.openai.azure.com"
KEY = "canary-5f1c7d2e9b40"
HELLO: list[MessageParam] = [{"role": "user", "content": "Hello"}]


def provider(**settings: Any) -> AzureOpenAI:
    everything: dict[str, Any] = {"base_url": HOST, **settings}
    return AzureOpenAI(**everything)
