"""The conformance kit, over every recording of Cohere's chat."""

from __future__ import annotations

from pathlib import Path

from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_cohere import Cohere

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "cohere"


class TestCohere(ProviderConformance):
    """Cohere keeps the promises of every provider."""

    provider = Cohere(api_key=CANARY)
    model = "command-a-03-2025"
    most_splits = most_cuts = 60
    exchanges = tuple(
        recorded
        for recorded in (load_corpus(_CORPUS) if _CORPUS.is_dir() else ())
        if "endpoint:v2/chat" in recorded.tags
    )
