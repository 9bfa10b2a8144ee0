"""The conformance kit over recordings of OpenAI; without them, most of it is skipped."""

from pathlib import Path

from llmgate.testing import CANARY, ProviderConformance, load_corpus
from llmgate_openai import OpenAI

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "openai"


class TestOpenAI(ProviderConformance):
    """OpenAI's provider, and with it every host that shares its format."""

    provider = OpenAI(api_key=CANARY)
    exchanges = tuple(load_corpus(_CORPUS))
    most_splits = most_cuts = 40  # of each stream, and all of its last 200 bytes
