"""The conformance kit over every recording of the Responses API, of whichever host it is."""

from llmgate.testing import CANARY, ProviderConformance
from llmgate_openai import OpenAI
from tests.responses_corpus import recorded


class TestResponses(ProviderConformance):
    """The Responses API keeps the promises of every provider."""

    provider = OpenAI(api_key=CANARY, api="responses")
    exchanges = tuple(recorded())
    model = "gpt-5"
    most_splits = most_cuts = 40
