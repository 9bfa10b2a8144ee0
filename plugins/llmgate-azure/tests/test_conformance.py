"""The conformance kit, over every recording of Azure's."""

from dataclasses import replace
from pathlib import Path

from llmgate.errors import ContentFilterError
from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_azure import AzureOpenAI

FILTERED = "quirk_error_in_200"  # an error in place of an answer, with status 200
FOUND = load_corpus(Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "azure_openai")
EXCHANGES = [replace(r, error=ContentFilterError) if FILTERED in r.tags else r for r in FOUND]


class TestAzure(ProviderConformance):
    """Azure OpenAI keeps the promises of every provider."""

    provider = AzureOpenAI(api_key=CANARY, base_url="https://mine.openai.azure.com")
    exchanges = EXCHANGES
    most_splits = most_cuts = 40
