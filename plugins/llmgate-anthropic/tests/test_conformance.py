"""The conformance kit, over every recording of Anthropic's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmgate_anthropic import Anthropic

from llmgate.errors import OverloadedError
from llmgate.testing import CANARY, ProviderConformance, load_corpus

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "anthropic"


class TestAnthropic(ProviderConformance):
    """Anthropic keeps the promises of every provider."""

    provider = Anthropic(api_key=CANARY)
    model = "claude-haiku-4-5"
    most_splits, most_cuts = 100, 200
    exchanges = [
        replace(recorded, error=OverloadedError)
        if "error_as_first_event" in recorded.tags
        else recorded
        for recorded in (load_corpus(CORPUS) if CORPUS.exists() else ())
    ]
