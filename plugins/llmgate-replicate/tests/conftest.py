"""What all tests of this plugin share."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that tests run on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine has a say."""
    for name in (
        "REPLICATE_API_TOKEN",
        "REPLICATE_API_KEY",
        "REPLICATE_BASE_URL",
        "REPLICATE_POLL_INTERVAL",
    ):
        monkeypatch.delenv(name, raising=False)
