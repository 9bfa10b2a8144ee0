"""What the tests of all plugins share: asyncio, no setting of the environment, the recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev"
PREFIXES = (
    *("ANTHROPIC_", "AWS_", "AZURE_", "CO_API_", "COHERE_", "GEMINI_", "GOOGLE_", "HF_"),
    *("MISTRAL_", "OLLAMA_", "OPENAI_"),
    "REPLICATE_",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that the tests run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests are the same whatever the environment says of a provider."""
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> Path:
    """The folder of a plugin's recordings."""
    plugin = request.path.relative_to(Path(__file__).parent).parts[0]
    path = CORPUS / plugin.removeprefix("llmgate-")
    if not path.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the recordings are missing: {path}")
        pytest.skip(f"the recordings are not on this machine: {path}")
    return path
