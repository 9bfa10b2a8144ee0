"""What all tests of this plugin share: no key and no address of the environment, and asyncio."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmgate_anthropic import Anthropic

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "anthropic"


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the tests run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests are the same whatever the environment says of Anthropic."""
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def provider() -> Anthropic:
    """The provider as its users make it."""
    return Anthropic(api_key="sk-ant-test")


@pytest.fixture
def corpus() -> Path:
    """The recorded exchanges."""
    if not CORPUS.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the recordings are missing: {CORPUS}")
        pytest.skip(f"the recordings are not on this machine: {CORPUS}")
    return CORPUS
