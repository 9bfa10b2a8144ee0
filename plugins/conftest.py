"""What the tests of all plugins share: asyncio, an environment without settings, recordings."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from llmgate.testing import ProviderConformance, RecordedExchange

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev"
PREFIXES = (
    *("ANTHROPIC_", "AWS_", "AZURE_", "CO_API_", "COHERE_", "GEMINI_", "GOOGLE_", "HF_"),
    *("MISTRAL_", "OLLAMA_", "OPENAI_"),
    "REPLICATE_",
)


def pytest_configure() -> None:
    """Have interrupts arrive, here and in child processes, as ``tests/conftest.py`` does."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of each provider's recordings, have ``make test`` play the shortest one of each kind, without
    asking the vendor's own SDK what it makes of them."""
    chosen = dict[type, set[int]]()
    for item in items:
        if item.path.name in {"test_sdk.py", "test_sdk_reading.py"}:
            item.add_marker(pytest.mark.exhaustive)
        if not (isinstance(item, pytest.Function) and hasattr(item, "callspec")):
            continue
        suite = item.cls
        if not (isinstance(suite, type) and issubclass(suite, ProviderConformance)):
            continue
        if suite not in chosen:
            chosen[suite] = shortest_of_each_kind(suite.exchanges)
        for value in item.callspec.params.values():
            if isinstance(value, RecordedExchange) and id(value) not in chosen[suite]:
                item.add_marker(pytest.mark.exhaustive)


def shortest_of_each_kind(exchanges: Iterable[RecordedExchange]) -> set[int]:
    """The ids of those recordings."""
    found = dict[object, RecordedExchange]()
    for exchange in sorted(exchanges, key=lambda each: len(each.replies[-1].body)):
        has = bool(exchange.tool_calls), bool(exchange.reasoning), bool(exchange.usage)
        found.setdefault(
            (exchange.is_stream, exchange.error, exchange.finish_reason, has), exchange
        )
    return {id(exchange) for exchange in found.values()}


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
