"""The conformance kit over all recordings of Bedrock's."""

from __future__ import annotations

from llmgate.testing import CANARY, ProviderConformance
from llmgate_bedrock import Bedrock
from tests.bedrock import recorded


class TestBedrock(ProviderConformance):
    """Bedrock keeps the promises of every provider."""

    provider = Bedrock(api_key=CANARY, region="us-east-1")
    exchanges = tuple(recorded())
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    most_splits = most_cuts = 60
