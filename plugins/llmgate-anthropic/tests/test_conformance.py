"""The conformance kit, over every recording of Anthropic's."""

from dataclasses import replace
from pathlib import Path

from llmgate.errors import OverloadedError
from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_anthropic import Anthropic

CORPUS = Path(__file__).parents[4] / "shared/corpus/dev/anthropic"
FIRST = "error_as_first_event"
REPLAYS = [replace(r, error=OverloadedError) if FIRST in r.tags else r for r in load_corpus(CORPUS)]


class TestAnthropic(ProviderConformance):
    """Anthropic keeps the promises of every provider."""

    provider, exchanges = Anthropic(api_key=CANARY), REPLAYS
    model, most_splits, most_cuts = "claude-haiku-4-5", 60, 60
