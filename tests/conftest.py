"""What holds for every test: asyncio alone, no time limits of hypothesis, nothing left open."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("llmgate", deadline=None, max_examples=60)
settings.load_profile("llmgate")


def pytest_configure() -> None:
    """Have interrupts arrive, here and in child processes: a shell that runs the tests in its
    background has them ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of garbage collections: to go over all that was imported and
    collected holds up every thread for longer than most limits here last."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The library runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _no_files_of_whoever_runs_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command line reads no configuration of theirs, and keeps nothing among what they keep."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """Collect what a module's tests let go of: every warning is an error (``filterwarnings``), so
    whatever was never closed fails here, at the module that left it."""
    yield
    gc.collect()
