"""The conformance kit, over every recording of Azure's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate.errors import ContentFilterError
from llmgate.testing import (
    CANARY,
    ProviderConformance,
    RecordedExchange,
    load_corpus,
    plain_expectations,
)
from llmgate_azure import AzureOpenAI
from tests.responses_corpus import recorded

FILTERED = "quirk_error_in_200"  # an error in place of an answer, with status 200
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "azure_openai"


def expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What the response plainly says, or the filter's error."""
    if FILTERED in exchange.tags:
        return {"error": ContentFilterError}
    return plain_expectations(exchange)


class TestAzure(ProviderConformance):
    """Azure OpenAI keeps the promises of every provider."""

    provider = AzureOpenAI(api_key=CANARY, base_url="https://mine.openai.azure.com")
    exchanges = load_corpus(CORPUS, expect=expected)
    most_splits = most_cuts = 40


class TestAzureResponses(ProviderConformance):
    """So do responses of its Responses API."""

    provider = AzureOpenAI(
        api_key=CANARY, base_url="https://mine.openai.azure.com", api="responses"
    )
    exchanges = tuple(recorded("azure"))
    most_splits = most_cuts = 20
