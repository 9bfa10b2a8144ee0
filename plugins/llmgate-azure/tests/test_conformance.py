"""The conformance kit, over every recording of Azure's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmgate.errors import ContentFilterError
from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_azure import AzureOpenAI

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "azure_openai"
FILTERED = "azure-openai-chat-completions-d8c852f4b3"  # an error in place of an answer, in a 200


class TestAzure(ProviderConformance):
    """Azure OpenAI keeps the promises of every provider."""

    provider = AzureOpenAI(api_key=CANARY, base_url="https://mine.openai.azure.com")
    most_splits = most_cuts = 40
    exchanges = tuple(
        replace(recorded, error=ContentFilterError) if recorded.name == FILTERED else recorded
        for recorded in (load_corpus(CORPUS) if CORPUS.exists() else ())
    )
