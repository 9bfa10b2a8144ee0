"""What all tests of this plugin share: no key and no address of the environment, and asyncio."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmgate_cohere import Cohere

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "cohere"


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the tests run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests are the same whatever the environment says of Cohere."""
    for name in ("CO_API_KEY", "COHERE_API_KEY", "CO_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider() -> Cohere:
    """The provider as its users make it."""
    return Cohere(api_key="co-test")


@pytest.fixture
def corpus() -> Path:
    """The recorded exchanges."""
    if not CORPUS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the recordings are missing: {CORPUS}")
        pytest.skip(f"the recordings are not on this machine: {CORPUS}")
    return CORPUS
