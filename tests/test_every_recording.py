"""Every recording that lies beside the repository is played by a conformance kit, or is left out
for a reason that stands here.

The plugins' own tests are read for what they play; nothing is played anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus" / "dev"
PLAYING = (
    *("*/tests/test_conformance.py", "*/tests/test_responses_conformance.py"),
    "*/tests/test_operations.py",
    "llmgate-mistral/tests/test_provider.py",
)
_OPENAIS = "OpenAI's format, at a route that llmgate-openai reads: test_corpus.py of this plugin"
_NO_CHAT = "a text is completed there, and no chat is asked for"
_IN_STEPS = "a prediction takes several requests: test_corpus.py of llmgate-replicate plays them"
LEFT_OUT: Mapping[str, str] = {
    "bedrock-invoke": "chat in a vendor's own form: not_in_kit.json of llmgate-bedrock has each",
    "bedrock-invoke-stream": "likewise",
    "cohere-v1-chat": "version 1 of the API: other messages, other events",
    "cohere-v1-generate": _NO_CHAT,
    "gemini-streamgeneratecontent-91b322d68d": "not_in_kit.json of llmgate-gemini says why",
    "huggingface-text-generation": _NO_CHAT,
    "ollama-api-generate": _NO_CHAT,
    "ollama-chat-completions": _OPENAIS,
    "openai-embeddings": "the one that is refused before it is sent: test_embeddings.py reads it",
    "replicate-models-get": _IN_STEPS,
    "replicate-predictions-cancel": _IN_STEPS,
    "replicate-predictions-create": _IN_STEPS,
    "replicate-predictions-get": _IN_STEPS,
    "replicate-predictions-stream": _IN_STEPS,
}
"""By the recording's id, or its kind: the id without the digits at its end."""
MOST: Mapping[str, int] = {"openai-embeddings": 1}
"""How many of a kind may be left out, where others of it are played."""


@pytest.fixture(scope="module", name="left")
def _left() -> list[str]:
    """The ids of those that no kit plays."""
    if not CORPUS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the recordings are missing: {CORPUS}")
        pytest.skip(f"the recordings are not on this machine: {CORPUS}")
    played = {name for pattern in PLAYING for name in played_by(pattern)}
    return sorted({path.stem for path in CORPUS.rglob("*.json")} - played)


def played_by(pattern: str) -> Iterator[str]:
    """The names of what the suites in these files play."""
    for file in sorted(ROOT.joinpath("plugins").glob(pattern)):
        for suite in vars(loaded(file)).values():
            if isinstance(suite, type):
                for attribute in ("exchanges", "recordings"):
                    yield from (each.name for each in getattr(suite, attribute, ()))


def loaded(file: Path) -> ModuleType:
    """A file of tests, under a name of its own."""
    spec = spec_from_file_location(f"read_{file.parts[-3]}_{file.stem}".replace("-", "_"), file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reason_of(recording: str) -> str | None:
    """What it is left out under."""
    kind = recording.rpartition("-")[0]
    return next((each for each in (recording, kind) if each in LEFT_OUT), None)


def test_what_no_kit_plays_is_left_out_for_a_reason(left: list[str]) -> None:
    """And seven of eight recordings are played."""
    assert [] == [name for name in left if reason_of(name) is None]
    assert len(left) * 8 < len([*CORPUS.rglob("*.json")])


def test_each_reason_is_of_recordings_that_are_left_out(left: list[str]) -> None:
    """What is played meanwhile does not stand here."""
    reasons = [reason_of(name) for name in left]
    assert {*LEFT_OUT} == {*reasons}
    assert [] == [kind for kind, most in MOST.items() if reasons.count(kind) > most]
