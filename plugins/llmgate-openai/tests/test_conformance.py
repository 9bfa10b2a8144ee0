"""The conformance kit over recordings of OpenAI; without them, most of it is skipped."""

from __future__ import annotations

from pathlib import Path

from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_openai import OpenAI

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "openai"


class TestOpenAI(ProviderConformance):
    """OpenAI's provider, and with it every host that shares its format."""

    provider = OpenAI(api_key=CANARY)
    model = "gpt-4o"
    # One answer was cut within its arguments; the client refuses such a message, whoever wrote it.
    exchanges = tuple(
        exchange
        for exchange in (load_corpus(_CORPUS) if _CORPUS.is_dir() else ())
        if "quirk_tool_arguments_invalid_json" not in exchange.tags
    )
    most_splits = most_cuts = 40  # of each stream, and all of its last 200 bytes
